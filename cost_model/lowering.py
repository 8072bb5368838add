"""From a network to programs: the phases of docs/engine.md, each in its cheapest orientation and tile
width."""

from dataclasses import dataclass, replace
from enum import Enum
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from hdl.config import EngineConfig
from hdl.program import Format, Function, Instruction, Loss, Memory, Mode, StartParameters, Walk

from .cycles import block_cycles, instruction_cycles
from .layout import DoesNotFit, Layout, Matrix
from .network import Network

__all__ = ["Lowered", "Phase", "Program", "lower", "quantise_rate"]

MAX_COUNT = 2047
"""Largest loop count of an instruction."""
MIN_TILE_CYCLES = 4
"""The accumulator memory reads a sum back no sooner."""
MIN_RATE_MANTISSA = 16


class Orientation(Enum):
    """Which operand stays in the array: A the weights or errors, B the samples."""

    A = "A"
    B = "B"


@dataclass(frozen=True)
class Phase:
    """One matrix product of a program, after the choice of its schedule.

    Attributes
    ----------
    mode, layer
        What it computes.
    orientation, instructions
        How; more than one instruction where the temporal loop is longer than the accumulator memory.
    macs
        Useful multiply-adds of one batch, biases not counted.
    ideal_cycles
        Cycles in which the array is fed, with tiles padded to whole rows and columns, biases not counted.
    """

    mode: Mode
    layer: int
    orientation: Orientation
    instructions: tuple[Instruction, ...]
    macs: int
    ideal_cycles: int


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


@dataclass(frozen=True)
class _View:
    """A matrix as an operand: element (i, k) at ``base + i * row_stride + k * element_stride``."""

    memory: Memory
    base: int
    row_stride: int
    element_stride: int
    buffered: bool

    @property
    def transposed(self) -> "_View":
        return replace(self, row_stride=self.element_stride, element_stride=self.row_stride)

    def vectors(self, banks: int, lanes: int, row_tile: int) -> Walk:
        """Row after row: vectors of ``lanes`` elements a reduction tile, ``row_tile`` rows an outer tile."""
        return Walk(
            base=self.base,
            inner=self.row_stride,
            reduction=lanes * self.element_stride,
            outer=row_tile * self.row_stride,
            lane_step=(self.element_stride - 1) // banks,
            buffered=self.buffered,
        )

    def results(self, banks: int, tile_width: int) -> Walk:
        """Row after row: vectors of ``tile_width`` elements an outer tile."""
        return replace(self.vectors(banks, 0, 0), outer=tile_width * self.element_stride)


def _view(matrix: Matrix) -> _View:
    return _View(matrix.memory, matrix.base, matrix.pitch, 1, matrix.buffered)


@dataclass(frozen=True)
class _Product:
    """out[p, q] = sum over k of left[p, k] * right[q, k], before orientation and tiling.

    ``biased`` is the letter of the dimension that holds one extra element for the bias, if any.
    """

    mode: Mode
    layer: int
    p: int
    q: int
    k: int
    left: _View
    right: _View
    out: _View | None = None
    aux: _View | None = None
    errors: _View | None = None
    loss: Loss = Loss.NONE
    format: Format = Format.Q3_12
    function: Function = Function.IDENTITY
    biased: str = ""

    @property
    def macs(self) -> int:
        return self._plain("p") * self._plain("q") * self._plain("k")

    def _plain(self, dimension: str) -> int:
        return int(getattr(self, dimension)) - int(dimension == self.biased)

    def ideal_cycles(self, orientation: Orientation, config: EngineConfig) -> int:
        time, stationary = ("p", "q") if orientation is Orientation.A else ("q", "p")
        tiles = _tiles(self._plain(stationary), config.columns) * _tiles(self._plain("k"), config.rows)
        return tiles * self._plain(time)


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
    hidden = [_forward(layout, layer) for layer in range(network.layers - 1)]
    training: list[_Product] = []
    classify: list[_Product] = []
    if config.loss_unit:
        training = [*hidden, _last_forward(layout, network.loss), *_learn(layout)]
        classify = [*hidden, _last_forward(layout, Loss.ARGMAX)]
    placed: list[Program] = []
    for products in (training, classify, [*hidden, _last_forward(layout, Loss.NONE)]):
        phases = tuple(_schedule(product, config) for product in products)
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
        mantissa = round(rate * (1 << (16 + 4 * shift))) if 0 < rate < 1 else 0
        if MIN_RATE_MANTISSA <= mantissa <= 65535:
            return mantissa, shift
    raise ValueError(
        f"learning_rate must be between {low:.3g} and {high:.5g} in batches of {batch}, not {learning_rate!r}"
    )


def _inputs_of(layout: Layout, layer: int) -> Matrix:
    return layout.hidden[layer - 1] if layer else layout.inputs


def _forward(layout: Layout, layer: int) -> _Product:
    samples, weights = _inputs_of(layout, layer), layout.weights[layer]
    return _Product(
        Mode.FORWARD, layer, p=layout.batch, q=weights.rows, k=weights.width + 1, biased="k",
        left=_view(samples), right=_view(weights), out=_view((*layout.hidden, layout.outputs)[layer]),
        function=layout.network.functions[layer],
    )  # fmt: skip


def _last_forward(layout: Layout, loss: Loss) -> _Product:
    product = _forward(layout, layout.network.layers - 1)
    format = Format.Q3_12 if layout.network.loss is Loss.MSE else Format.Q7_8
    if loss is Loss.NONE:
        return replace(product, format=format)
    errors = None if loss is Loss.ARGMAX else _view(layout.errors[-1])
    return replace(product, format=format, loss=loss, out=None, errors=errors)


def _learn(layout: Layout) -> list[_Product]:
    products: list[_Product] = []
    for layer in reversed(range(layout.network.layers)):
        weights, errors = layout.weights[layer], layout.errors[layer]
        if layer:
            products.append(_Product(
                Mode.BACKWARD, layer, p=layout.batch, q=weights.width, k=weights.rows,
                left=_view(errors), right=_view(weights).transposed, out=_view(layout.errors[layer - 1]),
                aux=_view(layout.hidden[layer - 1]), function=layout.network.functions[layer - 1],
            ))  # fmt: skip
        products.append(_Product(
            Mode.UPDATE, layer, p=weights.width + 1, q=weights.rows, k=layout.batch, biased="p",
            left=_view(_inputs_of(layout, layer)).transposed, right=_view(errors).transposed,
            out=_view(weights).transposed, aux=_view(weights).transposed,
        ))  # fmt: skip
    return products


def _schedule(product: _Product, config: EngineConfig) -> Phase:
    """The schedule with the fewest cycles; of equals orientation A, then the widest tile."""
    orientations = [Orientation.B] if product.loss is not Loss.NONE else list(Orientation)
    best: tuple[int, Orientation, tuple[Instruction, ...]] | None = None
    for orientation in orientations:
        outer = product.q if orientation is Orientation.A else product.p
        for tile_width in range(min(config.columns, outer), 0, -1):
            if _tiles(outer, tile_width) > MAX_COUNT:
                continue
            instructions = _instructions(product, orientation, tile_width, config)
            cycles = sum(instruction_cycles(instruction, config) for instruction in instructions)
            if best is None or cycles < best[0]:
                best = cycles, orientation, instructions
    assert best is not None
    _, orientation, instructions = best
    ideal = product.ideal_cycles(orientation, config)
    return Phase(product.mode, product.layer, orientation, instructions, product.macs, ideal)


def _instructions(
    product: _Product, orientation: Orientation, tile_width: int, config: EngineConfig
) -> tuple[Instruction, ...]:
    straight = orientation is Orientation.A
    stream, load = (product.left, product.right) if straight else (product.right, product.left)
    time, outer = (product.p, product.q) if straight else (product.q, product.p)
    banks, rows = config.banks, config.rows
    reduction_count, outer_count = _tiles(product.k, rows), _tiles(outer, tile_width)
    out, aux = (_turned(view, straight) for view in (product.out, product.aux))
    whole = Instruction(
        mode=product.mode, format=product.format, function=product.function, loss=product.loss,
        time_count=time, reduction_count=reduction_count, outer_count=outer_count,
        tile_cycles=_tile_cycles(product, time, tile_width, reduction_count, config), tile_width=tile_width,
        last_reduction_width=product.k - (reduction_count - 1) * rows,
        last_outer_width=outer - (outer_count - 1) * tile_width,
        stream=stream.vectors(banks, rows, 0), stream_memory=stream.memory,
        load=load.vectors(banks, rows, tile_width), load_memory=load.memory,
        out=out.results(banks, tile_width) if out else Walk(),
        output_memory=out.memory if out else Memory.NONE,
        aux=aux.results(banks, tile_width) if aux else Walk(),
        aux_memory=aux.memory if aux else Memory.NONE,
        loss_out=product.errors.transposed.results(banks, tile_width) if product.errors else Walk(),
    )  # fmt: skip
    chunks = _tiles(time, config.accumulator_words)
    edges = [time * index // chunks for index in range(chunks + 1)]
    return tuple(_chunk(whole, product, start, end - start, config) for start, end in pairwise(edges))


def _chunk(
    whole: Instruction, product: _Product, start: int, count: int, config: EngineConfig
) -> Instruction:
    """The part of an instruction with ``count`` steps of time from ``start`` on."""
    return replace(
        whole, time_count=count,
        tile_cycles=_tile_cycles(product, count, whole.tile_width, whole.reduction_count, config),
        stream=_later(whole.stream, start), out=_later(whole.out, start), aux=_later(whole.aux, start),
    )  # fmt: skip


def _later(walk: Walk, steps: int) -> Walk:
    return replace(walk, base=walk.base + steps * walk.inner)


def _tile_cycles(
    product: _Product, time: int, tile_width: int, reduction_count: int, config: EngineConfig
) -> int:
    """Issue period of a tile: the loss unit needs its time for every block, that is every outer tile."""
    loss = 0 if product.loss is Loss.NONE else _tiles(block_cycles(time, config.columns), reduction_count)
    return max(time, tile_width, MIN_TILE_CYCLES, loss)


def _turned(view: _View | None, straight: bool) -> _View | None:
    return view if straight or view is None else view.transposed


def _tiles(elements: int, width: int) -> int:
    return -(-elements // width)
