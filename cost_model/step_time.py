"""What a board spends its time on: phases, bottleneck and roofline of a local training step."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from deep3.compiler.cycles import issue_to_issue_cycles, loss_wait_cycles
from deep3.compiler.lowering import Lowered
from deep3.hdl.contract.config import EngineConfig
from deep3.hdl.contract.instruction import Instruction
from deep3.hdl.contract.program import Loss, Memory, Mode

from .link_time import LinkTime

__all__ = ["BoardStep", "PushTime", "batch_cycles", "memory_cycles"]

BOTTLENECKS = ("array", "link", "loss", "memory")


def batch_cycles(program: Sequence[Instruction], config: EngineConfig) -> int:
    """Cycles of one batch in a run of many whose data is there."""
    return sum(issue_to_issue_cycles(i, config) for i in program)


def memory_cycles(program: Sequence[Instruction]) -> int:
    """Cycles in which the busiest port of the operand memories moves a vector, of one batch."""
    ports: Counter[tuple[str, Memory]] = Counter()
    for i in program:
        tiles = i.reduction_count * i.outer_count
        ports["read", i.stream_memory] += tiles * i.time_count
        ports["read", i.load_memory] += tiles * i.tile_width
        ports["read", i.aux_memory] += i.outer_count * i.time_count
        ports["write", i.output_memory] += i.outer_count * i.time_count // i.window
        if i.loss in (Loss.SOFTMAX, Loss.MSE):
            ports["write", Memory.ERROR] += i.outer_count * i.time_count
    return max((cycles for (_, memory), cycles in ports.items() if memory is not Memory.NONE), default=0)


def _loss_cycles(program: Sequence[Instruction], config: EngineConfig) -> int:
    """Cycles in which only the loss unit works: tiles stretched for it, and its tail."""
    stretched = 0
    for i in program:
        if i.loss is not Loss.NONE:
            needed = max(i.time_count, i.tile_width, 4)
            stretched += i.reduction_count * i.outer_count * (i.tile_cycles - needed) + loss_wait_cycles(i, config)
    return stretched


@dataclass(frozen=True)
class PushTime:
    """Time of one push of a worker: weights in, ``steps`` local steps, weights out.

    Attributes
    ----------
    compute_seconds, stream_seconds, communication_seconds
        Engine; samples and labels on the line, at the same time as the engine; weights both ways, at another.
    seconds
        All together.
    bottleneck
        The longest of array, link, loss and memory (`BOTTLENECKS`).
    busy_seconds
        Seconds of each of these.
    """

    steps: int
    compute_seconds: float
    stream_seconds: float
    communication_seconds: float
    seconds: float
    bottleneck: str
    busy_seconds: dict[str, float]

    @property
    def slack(self) -> float:
        """How many times longer the bottleneck takes than the next."""
        first, second = sorted(self.busy_seconds.values(), reverse=True)[:2]
        return first / second if second else float("inf")


@dataclass(frozen=True)
class BoardStep:
    """A network lowered for the engine of a board.

    Parameters
    ----------
    lowered
        The network on the engine.
    clock_hz
        Of the engine.
    link
        Between host and board.
    """

    lowered: Lowered
    clock_hz: float
    link: LinkTime

    @property
    def config(self) -> EngineConfig:
        """The engine."""
        return self.lowered.layout.config

    @cached_property
    def phase_cycles(self) -> tuple[tuple[str, int], ...]:
        """(mode and layer, cycles) of a training batch, in order."""
        return tuple(
            (f"{phase.mode.name.lower()} {phase.layer + 1}", batch_cycles(phase.instructions, self.config))
            for phase in self.lowered.training.phases
        )

    @cached_property
    def cycles(self) -> int:
        """Of a training batch."""
        return sum(cycles for _, cycles in self.phase_cycles)

    @cached_property
    def forward_cycles(self) -> int:
        """T_FP in cycles: the FORWARD phases of a training batch, loss included."""
        phases = zip(self.lowered.training.phases, self.phase_cycles, strict=True)
        return sum(cycles for phase, (_, cycles) in phases if phase.mode is Mode.FORWARD)

    @property
    def backward_cycles(self) -> int:
        """T_BP in cycles: errors, gradients and update."""
        return self.cycles - self.forward_cycles

    @property
    def classify_cycles(self) -> int:
        """Of a batch that is only classified."""
        return batch_cycles(self.lowered.classify.instructions, self.config)

    @property
    def macs(self) -> int:
        """Useful multiply-adds of a training batch."""
        return self.lowered.training.macs

    @property
    def batch_words(self) -> int:
        """Words of samples and labels that a batch brings over the link."""
        return self.lowered.layout.buffer_words + self.lowered.layout.batch

    @property
    def weight_words(self) -> int:
        """Words of the weights, padding included, one way."""
        return self.lowered.layout.weights[-1].end

    @property
    def batch_seconds(self) -> float:
        """Compute time of a batch: T_FP + T_BP."""
        return self.cycles / self.clock_hz

    @cached_property
    def stream_seconds(self) -> float:
        """Time of a batch on the line."""
        layout = self.lowered.layout
        return self.link.words_seconds(layout.buffer_words) + self.link.words_seconds(layout.batch)

    @cached_property
    def communication_seconds(self) -> float:
        """T_comm of a push: the weights in and out, and with them what the optimiser keeps."""
        layout = self.lowered.layout
        words_back = self.weight_words * (1 + layout.optimiser.state)
        return self.link.exchange_seconds(layout.state_end, words_back)

    @property
    def array_efficiency(self) -> float:
        """Useful multiply-adds over multipliers x cycles."""
        return self.macs / (self.config.rows * self.config.columns * self.cycles)

    def push(self, batches: int, epochs: int = 1) -> PushTime:
        """A push of ``batches`` batches, walked ``epochs`` times, as the host does it.

        Batches that all fit into the board's buffers are sent once, before the engine starts; others are sent, each
        time, while the engine works on those before.
        """
        steps = batches * epochs
        compute = steps * self.batch_seconds
        if batches <= self.lowered.layout.buffers:
            stream = batches * self.stream_seconds
            both = stream + compute
        else:
            stream = steps * self.stream_seconds
            both = max(self.stream_seconds + compute, stream + self.batch_seconds)
        program = self.lowered.training.instructions
        loss = steps * _loss_cycles(program, self.config) / self.clock_hz
        busy = {
            "array": compute - loss,
            "link": stream + self.communication_seconds,
            "loss": loss,
            "memory": steps * memory_cycles(program) / self.clock_hz,
        }
        worst = max(BOTTLENECKS, key=lambda name: busy[name])
        total = both + self.communication_seconds
        return PushTime(steps, compute, stream, self.communication_seconds, total, worst, busy)

    @property
    def intensity(self) -> float:
        """Multiply-adds for each word that comes over the link, where samples are used once."""
        return self.macs / self.batch_words

    @property
    def peak_macs_per_second(self) -> float:
        """Of the array."""
        return self.config.rows * self.config.columns * self.clock_hz

    @property
    def fed_macs_per_second(self) -> float:
        """What the link can feed at this intensity."""
        return self.intensity * self.link.words_per_second
