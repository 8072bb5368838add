"""From a network to programs: the phases of docs/engine.md in their order."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from deep3.compiler.network.layers import Convolution, Dense
from deep3.compiler.network.network import Network
from deep3.hdl.contract.config import EngineConfig
from deep3.hdl.contract.instruction import Instruction
from deep3.hdl.contract.program import Loss, StartParameters

from . import dense
from .convolution import backward, forward, pool, update
from .layout import Layout, most_buffers
from .optimisers import adagrad, descent
from .optimisers.optimiser import SGD, Adagrad, Optimiser
from .phase import Orientation, Phase
from .schedule import schedule
from .steps import Readout, Step
from .tensors import DoesNotFit

__all__ = [
    "Lowered",
    "Orientation",
    "Phase",
    "Program",
    "check_tiles",
    "forward_phase",
    "lower",
    "lower_with_most_buffers",
    "quantise_rate",
]

MIN_RATE_MANTISSA = 16


@dataclass(frozen=True)
class Program:
    """Phases in the order of their execution, from instruction slot ``first_instruction`` on."""

    first_instruction: int
    phases: tuple[Phase, ...]

    @property
    def instructions(self) -> tuple[Instruction, ...]:
        """All instructions, in order."""
        return tuple(instruction for phase in self.phases for instruction in phase.instructions)

    @property
    def end(self) -> int:
        """First slot behind the program."""
        return self.first_instruction + len(self.instructions)

    @property
    def macs(self) -> int:
        """Useful multiply-adds of one batch."""
        return sum(phase.macs for phase in self.phases)

    @property
    def ideal_cycles(self) -> int:
        """See `Phase.ideal_cycles`."""
        return sum(phase.ideal_cycles for phase in self.phases)

    def start(
        self,
        layout: Layout,
        batches: int,
        rate: tuple[int, int] = (0, 0),
        resident: bool = True,
        seed: int = 0,
    ) -> StartParameters:
        """Run the program over ``batches`` batches; ``rate`` as from `quantise_rate`, for training only."""
        return StartParameters(
            first_instruction=self.first_instruction,
            instruction_count=len(self.instructions),
            batches=batches,
            buffers=layout.buffers,
            buffer_words=layout.buffer_words,
            label_words=layout.batch,
            resident=resident,
            rate_mantissa=rate[0],
            rate_shift=rate[1],
            seed=seed,
        )


@dataclass(frozen=True)
class Lowered:
    """The programs of a network on an engine, one behind the other from slot 0.

    Attributes
    ----------
    layout
        Where the tensors lie.
    forward
        Outputs of one batch to ``layout.outputs``.
    training
        One step of stochastic gradient descent a batch; without phases on an engine without a loss unit.
    classify
        Classes of a batch into its labels; without phases on an engine without a loss unit.
    """

    layout: Layout
    training: Program
    classify: Program
    forward: Program

    def image(self) -> NDArray[np.uint16]:
        """The program space from address 0."""
        programs = (self.training, self.classify, self.forward)
        encoding = self.layout.config.encoding
        words = [word for program in programs for i in program.instructions for word in i.encode(encoding)]
        return np.array(words, np.uint16)


def lower(
    network: Network, config: EngineConfig, batch: int, buffers: int = 2, optimiser: Optimiser = SGD
) -> Lowered:
    """Programs for ``batch`` samples a batch, which train with ``optimiser``.

    Raises
    ------
    ValueError
        For a batch or a number of buffers out of range.
    DoesNotFit
        When the network does not fit the engine.
    """
    layout = Layout(network, config, batch, buffers, optimiser)
    hidden = [forward_phase(layout, number) for number in range(len(layout.steps) - 1)]
    training: list[Phase] = []
    classify: list[Phase] = []
    if config.loss_unit:
        dropping = [_dropping(phase, step) for phase, step in zip(hidden, layout.steps, strict=False)]
        training = [*dropping, schedule(dense.last_forward(layout, network.loss), config), *_learn(layout)]
        classify = [*hidden, schedule(dense.last_forward(layout, Loss.ARGMAX), config)]
    outputs = [*hidden, forward_phase(layout, len(layout.steps) - 1)]
    placed: list[Program] = []
    for phases in (training, classify, outputs):
        placed.append(Program(placed[-1].end if placed else 0, tuple(phases)))
    if placed[-1].end > config.max_instructions:
        raise DoesNotFit(
            f"programs do not fit: {placed[-1].end} needed, the engine has {config.max_instructions}"
            " instructions (max_layers); a deeper accumulator or a smaller batch needs fewer"
        )
    check_tiles(placed[0].phases + placed[-1].phases, config)
    return Lowered(layout, *placed)


def lower_with_most_buffers(
    network: Network, config: EngineConfig, batch: int, optimiser: Optimiser = SGD
) -> Lowered:
    """Programs with as many input buffers as fit: then the batches of a push are usually all there before a run begins.

    Raises
    ------
    ValueError, DoesNotFit
        As `lower`.
    """
    return lower(network, config, batch, max(1, most_buffers(network, config, batch, optimiser)), optimiser)


def quantise_rate(learning_rate: float, batch: int, optimiser: Optimiser = SGD) -> tuple[int, int]:
    """(rate_mantissa, rate_shift) with ``mantissa / 2^(16 + 4 shift)`` nearest to the learning rate over the divisor of
    the optimiser, the batch as a rule: within 1/32 of it, and within 2^-12 from 2^-17 on.

    Raises
    ------
    ValueError
        When the rate is out of reach.
    """
    divisor = optimiser.rate_divisor(batch)
    rate = learning_rate / divisor
    high, low = 65535 * divisor / 65536, MIN_RATE_MANTISSA * divisor / (1 << 28)
    for shift in (3, 2, 1, 0):
        scaled = rate * (1 << (16 + 4 * shift))
        if MIN_RATE_MANTISSA <= scaled < 65535.5:
            return round(scaled), shift
    raise ValueError(
        f"learning_rate must be between {low:.3g} and {high:.5g} in batches of {batch}, not {learning_rate!r}"
    )


def check_tiles(phases: Sequence[Phase], config: EngineConfig) -> None:
    """The engine counts to the tiles of every phase.

    Raises
    ------
    DoesNotFit
        When it does not.
    """
    most = (1 << config.encoding.count_bits) - 1
    for phase in phases:
        tiles = max(max(each.reduction_count, each.outer_count) for each in phase.instructions)
        if tiles > most:
            raise DoesNotFit(
                f"layer {phase.layer} does not fit: {tiles} tiles of a loop needed, the engine counts to {most};"
                " a smaller batch, or maps, needs fewer"
            )


def forward_phase(layout: Layout, number: int) -> Phase:
    """What a step of a forward-only program does; all but the last do the same in training."""
    operation = layout.steps[number].operation
    if number == len(layout.steps) - 1:
        return schedule(dense.last_forward(layout, Loss.NONE), layout.config)
    if isinstance(operation, Dense | Readout):
        return schedule(dense.forward(layout, number), layout.config)
    if isinstance(operation, Convolution):
        return forward.forward(layout, number)
    return pool.forward(layout, number)


def _learn(layout: Layout) -> list[Phase]:
    """Errors and new weights, from the last step to the first with weights; errors by the old weights."""
    phases: list[Phase] = []
    for number in reversed(range(layout.first, len(layout.steps))):
        if number > layout.first:
            phases.append(_dropping(_backward(layout, number), layout.steps[number - 1]))
        if layout.steps[number].matrix is not None:
            phases.append(_update(layout, number))
    return phases


def _dropping(phase: Phase, step: Step) -> Phase:
    """The phase that writes what ``step`` writes, or its errors, where some values are dropped."""
    threshold = step.dropout_threshold
    instructions = tuple(replace(instruction, dropout_threshold=threshold) for instruction in phase.instructions)
    return replace(phase, instructions=instructions) if threshold else phase


def _update(layout: Layout, number: int) -> Phase:
    step, optimiser = layout.steps[number], layout.optimiser
    matrix = step.matrix or 0
    if isinstance(step.operation, Dense):
        # Parts of the rows can only be computed where rows are tiles.
        whole = not optimiser.elementwise or layout.scratch(matrix).rows == layout.weights[matrix].rows
        phase = schedule(dense.update(layout, number), layout.config, list(Orientation) if whole else [Orientation.A])
    else:
        phase = update.update(layout, number)
    if isinstance(optimiser, Adagrad):
        return adagrad.update(layout, number, phase)
    return descent.update(layout, number, phase) if optimiser.elementwise else phase


def _backward(layout: Layout, number: int) -> Phase:
    operation = layout.steps[number].operation
    if isinstance(operation, Dense | Readout):
        return schedule(dense.backward(layout, number), layout.config)
    if isinstance(operation, Convolution):
        return backward.backward(layout, number)
    return pool.backward(layout, number)
