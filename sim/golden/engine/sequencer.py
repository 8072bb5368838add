"""What the sequencer does in which cycle: a walk over the batches of a run, their instructions, tiles and steps."""

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from deep3.hdl.cells.layouts import instruction_layout
from deep3.hdl.contract.config import EngineConfig
from deep3.hdl.contract.instruction import Instruction
from deep3.hdl.contract.program import LABEL_ADDRESS_BITS, StartParameters
from deep3.hdl.contract.timing import fetch_cycles, flush_cycles

from .fetch import instruction_words, packed_instruction
from .issues import LoadIssue, StreamIssue, steps

__all__ = ["Inputs", "Outputs", "Sequencer"]

COMMIT_CYCLES = 2
"""From a COMMIT until a batch that waited for it goes on."""


class Inputs(NamedTuple):
    """Of one cycle.

    Attributes
    ----------
    start : StartParameters or None
        Heard only while nothing runs.
    commit_batches : int
    abort, loss_busy : bool
    """

    start: StartParameters | None = None
    commit_batches: int = 0
    abort: bool = False
    loss_busy: bool = False


class Outputs(NamedTuple):
    """Of one cycle, by the names of the ports; None is a value that the contract leaves open.

    ``stream`` and ``load`` are None where nothing is issued.
    """

    busy: bool
    batches_done: int
    buffer_offset: int | None
    label_offset: int | None
    instruction: int | None
    rate_mantissa: int | None
    rate_shift: int | None
    seed: int | None
    seed_load: bool = False
    begin: bool = False
    stream: StreamIssue | None = None
    load: LoadIssue | None = None
    loss_clear: bool = False
    counting: bool = False
    slot: int | None = None
    first_batch: bool | None = None
    finished: bool = False
    batch_wait: bool = False
    fetch_wait: bool = False
    loss_wait: bool = False


class Sequencer:
    """Twin of `hdl.engine.sequencer.Sequencer` with the program memory that it reads.

    An abort drops what has not been issued; the pipeline drains, and the run ends where it would have
    waited next. A batch whose last instruction was aborted still counts.

    Parameters
    ----------
    config : EngineConfig
    program
        16-bit words; may change while nothing runs.
    """

    def __init__(self, config: EngineConfig, program: Sequence[int]) -> None:
        self._config = config
        self._program = program
        self._now = 0
        self._inputs = Inputs()
        self._run: StartParameters | None = None
        self._aborted = False
        self._commits: list[tuple[int, int]] = []
        self._batches_done = 0
        self._fetch_begun = 0
        self._instruction: int | None = None
        self._issued: tuple[StreamIssue | None, LoadIssue | None] = None, None
        self._walk = self._runs()

    def cycle(self, inputs: Inputs) -> Outputs:
        """The outputs in a cycle with these inputs."""
        self._inputs = inputs
        outputs = next(self._walk)
        # Issues leave through a register.
        stream, load = self._issued
        self._issued = outputs.stream, outputs.load
        self._aborted |= inputs.abort and outputs.busy
        if inputs.commit_batches:
            self._commits.append((self._now, inputs.commit_batches))
        self._now += 1
        return outputs._replace(stream=stream, load=load)

    def _runs(self) -> Iterator[Outputs]:
        while True:
            start = self._inputs.start
            begun = self._now
            yield self._outputs(busy=False)
            if start is not None:
                self._run, self._fetch_begun = start, begun
                yield from self._batches(start)

    def _batches(self, run: StartParameters) -> Iterator[Outputs]:
        self._aborted = False
        self._commits.clear()
        self._batches_done = 0
        yield self._outputs(seed_load=run.seed != 0)
        for turn in range(run.batches * run.instruction_count):
            batch, index = divmod(turn, run.instruction_count)
            yield from self._waits(batch if index == 0 and not run.resident else None)
            if self._aborted:
                break
            yield from self._execute((run.first_instruction + index) % self._config.max_instructions)
            self._batches_done += index == run.instruction_count - 1
        # All are done, or the run was aborted: seen in one cycle, gone in the next.
        yield self._outputs()

    def _waits(self, batch: int | None) -> Iterator[Outputs]:
        """Until ``batch`` is committed, if one is to be, and the next instruction has been fetched."""
        while not self._aborted:
            if batch is not None and self._committed() <= batch:
                yield self._outputs(batch_wait=True)
            elif self._now <= self._fetch_begun + fetch_cycles(self._config):
                yield self._outputs(fetch_wait=True)
            else:
                return

    def _committed(self) -> int:
        """Batches committed since START, as far as the sequencer knows."""
        return sum(batches for cycle, batches in self._commits if cycle + COMMIT_CYCLES <= self._now)

    def _execute(self, slot: int) -> Iterator[Outputs]:
        """One instruction, from its acceptance to the end of its flush, or of its loss."""
        words = instruction_words(self._program, slot, self._config.encoding.words)
        counting: dict[str, Any] = {"counting": True, "slot": slot, "first_batch": self._batches_done == 0}
        yield self._outputs(**counting)
        self._instruction = packed_instruction(words) & ((1 << instruction_layout(self._config.encoding).size) - 1)
        self._fetch_begun = self._now
        begin = True
        for stream, load in steps(Instruction.decode(words, self._config.encoding), self._config.encoding.depth):
            dropped = self._aborted
            yield self._outputs(begin=begin, stream=stream, load=load, **counting)
            begin = False
            if dropped:
                break
        for _ in range(flush_cycles(self._config) - 1):
            yield self._outputs(**counting)
        waiting = False
        while self._inputs.loss_busy:
            yield self._outputs(loss_wait=waiting, loss_clear=waiting and self._aborted, **counting)
            waiting = True
        yield self._outputs(finished=True, loss_wait=waiting, loss_clear=waiting and self._aborted, **counting)
        self._instruction = None

    def _outputs(self, *, busy: bool = True, **others: Any) -> Outputs:
        run = self._run if busy else None
        buffer = self._batches_done % run.buffers if run else 0
        return Outputs(
            busy=busy,
            batches_done=self._batches_done,
            buffer_offset=buffer * run.buffer_words % (1 << self._config.encoding.address_bits) if run else None,
            label_offset=buffer * run.label_words % (1 << LABEL_ADDRESS_BITS) if run else None,
            instruction=self._instruction,
            rate_mantissa=run.rate_mantissa if run else None,
            rate_shift=run.rate_shift if run else None,
            seed=run.seed if run else None,
            **others,
        )
