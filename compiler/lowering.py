"""From a network to programs: the phases of docs/engine.md in their order."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from deep3.compiler.network.network import Network
from deep3.hdl.contract.config import EngineConfig
from deep3.hdl.contract.instruction import Instruction
from deep3.hdl.contract.program import Format, Loss, Mode, StartParameters

from .layout import DoesNotFit, Layout, Matrix
from .schedule import Orientation, Phase, Product, View, schedule

__all__ = ["Lowered", "Orientation", "Phase", "Program", "lower", "quantise_rate"]

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
        words = [word for program in programs for i in program.instructions for word in i.encode()]
        return np.array(words, np.uint16)


def lower(network: Network, config: EngineConfig, batch: int, buffers: int = 2) -> Lowered:
    """Programs for ``batch`` samples a batch.

    Raises
    ------
    ValueError
        For a batch or a number of buffers out of range.
    DoesNotFit
        When the network does not fit the engine.
    """
    layout = Layout(network, config, batch, buffers)
    hidden = [_forward(layout, layer) for layer in range(len(network.layers) - 1)]
    training: list[Product] = []
    classify: list[Product] = []
    if config.loss_unit:
        training = [*hidden, _last_forward(layout, network.loss), *_learn(layout)]
        classify = [*hidden, _last_forward(layout, Loss.ARGMAX)]
    placed: list[Program] = []
    for products in (training, classify, [*hidden, _last_forward(layout, Loss.NONE)]):
        phases = tuple(schedule(product, config) for product in products)
        placed.append(Program(placed[-1].end if placed else 0, phases))
    if placed[-1].end > config.max_instructions:
        raise DoesNotFit(
            f"programs do not fit: {placed[-1].end} needed, the engine has {config.max_instructions}"
            " instructions (max_layers); a deeper accumulator or a smaller batch needs fewer"
        )
    return Lowered(layout, *placed)


def quantise_rate(learning_rate: float, batch: int) -> tuple[int, int]:
    """(rate_mantissa, rate_shift) with ``mantissa / 2^(16 + 4 shift)`` nearest to ``learning_rate / batch``:
    within 1/32 of it, and within 2^-12 from 2^-17 on.

    Raises
    ------
    ValueError
        When the rate is out of reach.
    """
    rate = learning_rate / batch
    high, low = 65535 * batch / 65536, MIN_RATE_MANTISSA * batch / (1 << 28)
    for shift in (3, 2, 1, 0):
        scaled = rate * (1 << (16 + 4 * shift))
        if MIN_RATE_MANTISSA <= scaled < 65535.5:
            return round(scaled), shift
    raise ValueError(
        f"learning_rate must be between {low:.3g} and {high:.5g} in batches of {batch}, not {learning_rate!r}"
    )


def _inputs_of(layout: Layout, layer: int) -> Matrix:
    return layout.hidden[layer - 1] if layer else layout.inputs


def _forward(layout: Layout, layer: int) -> Product:
    samples, weights = _inputs_of(layout, layer), layout.weights[layer]
    return Product(
        Mode.FORWARD, layer, p=layout.batch, q=weights.rows, k=weights.width + 1, biased="k",
        left=View.of(samples), right=View.of(weights), out=View.of((*layout.hidden, layout.outputs)[layer]),
        function=layout.network.functions[layer],
    )  # fmt: skip


def _last_forward(layout: Layout, loss: Loss) -> Product:
    product = _forward(layout, len(layout.network.layers) - 1)
    format = Format.Q3_12 if layout.network.loss is Loss.MSE else Format.Q7_8
    if loss is Loss.NONE:
        return replace(product, format=format)
    errors = None if loss is Loss.ARGMAX else View.of(layout.errors[-1])
    return replace(product, format=format, loss=loss, out=None, errors=errors)


def _learn(layout: Layout) -> list[Product]:
    products: list[Product] = []
    for layer in reversed(range(len(layout.network.layers))):
        weights, errors = layout.weights[layer], layout.errors[layer]
        if layer:
            products.append(Product(
                Mode.BACKWARD, layer, p=layout.batch, q=weights.width, k=weights.rows,
                left=View.of(errors), right=View.of(weights).transposed, out=View.of(layout.errors[layer - 1]),
                aux=View.of(layout.hidden[layer - 1]), function=layout.network.functions[layer - 1],
            ))  # fmt: skip
        products.append(Product(
            Mode.UPDATE, layer, p=weights.width + 1, q=weights.rows, k=layout.batch, biased="p",
            left=View.of(_inputs_of(layout, layer)).transposed, right=View.of(errors).transposed,
            out=View.of(weights).transposed, aux=View.of(weights).transposed,
        ))  # fmt: skip
    return products
