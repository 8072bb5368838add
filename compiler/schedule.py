"""The schedule of one matrix product: orientation, tiles, and the instructions that walk it."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from deep3.hdl.contract.config import EngineConfig
from deep3.hdl.contract.instruction import Instruction
from deep3.hdl.contract.nest import Walk
from deep3.hdl.contract.program import Format, Function, Loss, Memory, Mode
from deep3.hdl.contract.timing import block_cycles

from .cycles import instruction_cycles
from .phase import Orientation, Phase, tile_cycles
from .phase import tiles as _tiles
from .tensors import DoesNotFit, Matrix

__all__ = ["Product", "View", "schedule"]

MAX_COUNT = 2047
"""Largest loop count of an instruction."""


@dataclass(frozen=True)
class View:
    """A matrix as an operand: element (i, k) at ``base + i * row_stride + k * element_stride``."""

    memory: Memory
    base: int
    row_stride: int
    element_stride: int
    buffered: bool

    @classmethod
    def of(cls, matrix: Matrix) -> "View":
        """Rows are the matrix's rows."""
        return cls(matrix.memory, matrix.base, matrix.pitch, 1, matrix.buffered)

    @property
    def transposed(self) -> "View":
        """Rows are the matrix's columns."""
        return replace(self, row_stride=self.element_stride, element_stride=self.row_stride)

    def vectors(self, banks: int, lanes: int, row_tile: int) -> Walk:
        """Row after row: vectors of ``lanes`` elements a reduction tile, ``row_tile`` rows an outer tile."""
        return Walk(
            base=self.base,
            inner=(self.row_stride,),
            reduction=(lanes * self.element_stride,),
            outer=(row_tile * self.row_stride,),
            lane_step=(self.element_stride - 1) // banks,
            buffered=self.buffered,
        )

    def results(self, banks: int, tile_width: int) -> Walk:
        """Row after row: vectors of ``tile_width`` elements an outer tile."""
        return replace(self.vectors(banks, 0, 0), outer=(tile_width * self.element_stride,))


@dataclass(frozen=True)
class Product:
    """out[p, q] = sum over k of left[p, k] * right[q, k], before orientation and tiling.

    ``biased`` is the letter of the dimension that holds one extra element for the bias, if any. A ``constant`` factor
    does no useful work: it moves values.
    """

    mode: Mode
    layer: int
    p: int
    q: int
    k: int
    left: View
    right: View
    out: View | None = None
    aux: View | None = None
    errors: View | None = None
    loss: Loss = Loss.NONE
    format: Format = Format.Q3_12
    function: Function = Function.IDENTITY
    position_bits: int = 0
    biased: str = ""
    constant: bool = False

    @property
    def macs(self) -> int:
        """See `Phase.macs`."""
        return 0 if self.constant else self._plain("p") * self._plain("q") * self._plain("k")

    def _plain(self, dimension: str) -> int:
        return int(getattr(self, dimension)) - int(dimension == self.biased)

    def ideal_cycles(self, orientation: Orientation, config: EngineConfig) -> int:
        """See `Phase.ideal_cycles`."""
        if self.constant:
            return 0
        time, stationary = ("p", "q") if orientation is Orientation.A else ("q", "p")
        tiles = _tiles(self._plain(stationary), config.columns) * _tiles(self._plain("k"), config.rows)
        return tiles * self._plain(time)


def schedule(
    product: Product, config: EngineConfig, orientations: Sequence[Orientation] = tuple(Orientation)
) -> Phase:
    """The schedule with the fewest cycles among some orientations; of equals orientation A, then the widest tile.

    With a loss, lanes must be samples: orientation B.
    """
    candidates: list[tuple[int, Orientation, tuple[Instruction, ...]]] = []
    for orientation in [Orientation.B] if product.loss is not Loss.NONE else orientations:
        outer = product.q if orientation is Orientation.A else product.p
        for tile_width in range(min(config.columns, outer), 0, -1):
            if _tiles(outer, tile_width) <= MAX_COUNT:
                instructions = _instructions(product, orientation, tile_width, config)
                cycles = sum(instruction_cycles(instruction, config) for instruction in instructions)
                candidates.append((cycles, orientation, instructions))
    if not candidates:
        raise DoesNotFit(
            f"layer {product.layer} does not fit: {max(product.p, product.q)} rows need more than {MAX_COUNT} tiles of"
            f" {config.columns} columns; an array of more columns needs fewer"
        )
    _, orientation, instructions = min(candidates, key=lambda candidate: candidate[0])
    ideal = product.ideal_cycles(orientation, config)
    return Phase(product.mode, product.layer, orientation, instructions, product.macs, ideal)


def _instructions(
    product: Product, orientation: Orientation, tile_width: int, config: EngineConfig
) -> tuple[Instruction, ...]:
    straight = orientation is Orientation.A
    stream, load = (product.left, product.right) if straight else (product.right, product.left)
    time, outer = (product.p, product.q) if straight else (product.q, product.p)
    banks, rows = config.banks, config.rows
    reduction_count, outer_count = _tiles(product.k, rows), _tiles(outer, tile_width)
    out, aux = (_turned(view, straight) for view in (product.out, product.aux))
    whole = Instruction(
        mode=product.mode, format=product.format, function=product.function, loss=product.loss,
        position_bits=product.position_bits,
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
    if chunks == 1:
        return (whole,)
    edges = [time * index // chunks for index in range(chunks + 1)]
    return tuple(_chunk(whole, product, start, end - start, config) for start, end in pairwise(edges))


def _chunk(
    whole: Instruction, product: Product, start: int, count: int, config: EngineConfig
) -> Instruction:
    """The part of an instruction with ``count`` steps of time from ``start`` on."""
    return replace(
        whole, time_count=count,
        tile_cycles=_tile_cycles(product, count, whole.tile_width, whole.reduction_count, config),
        stream=_later(whole.stream, start), out=_later(whole.out, start), aux=_later(whole.aux, start),
    )  # fmt: skip


def _later(walk: Walk, steps: int) -> Walk:
    return replace(walk, base=walk.base + steps * sum(walk.inner))


def _tile_cycles(
    product: Product, time: int, tile_width: int, reduction_count: int, config: EngineConfig
) -> int:
    """Issue period of a tile: the loss unit needs its time for every block, that is every outer tile."""
    loss = 0 if product.loss is Loss.NONE else _tiles(block_cycles(time, config.columns), reduction_count)
    return max(tile_cycles(time, tile_width), loss)


def _turned(view: View | None, straight: bool) -> View | None:
    return view if straight or view is None else view.transposed
