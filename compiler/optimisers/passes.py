"""Passes over the words of a matrix, one by one: products with a constant diagonal matrix.

The diagonal is -8.0 (Q3.12: -32768). In UPDATE the window of a word v is then -2 v, exactly, and with the rate
``m / 2^16`` the result is ``base + 2 v m / 2^16``: with m = 32768 exactly ``base + v``.

That of weight decay is the decay times the batch, in steps of 2^-14: the window of a weight is then what the decay adds
to its gradient, summed over the batch.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import lru_cache
from itertools import chain
from typing import Any, NamedTuple

from deep3.compiler.convolution.kernel import kernel_of
from deep3.compiler.convolution.loops import Level, Loop, Place, Split, Strides, instruction, splits
from deep3.compiler.layout import DIAGONAL, Layout
from deep3.compiler.network.layers import Convolution
from deep3.compiler.phase import column_pieces, program_cycles
from deep3.compiler.tensors import Matrix
from deep3.hdl.contract.config import EngineConfig
from deep3.hdl.contract.instruction import Instruction
from deep3.hdl.contract.nest import Walk
from deep3.hdl.contract.program import Memory, Mode

__all__ = ["WHOLE", "Segment", "add", "decay", "elementwise", "parts", "redirected", "rows", "segments"]

WHOLE = 32768
"""The rate with which a word is added as it is."""


class Segment(NamedTuple):
    """Words of a row of weights that are trained: the first, and (steps, stride) of loops over all, innermost first."""

    first: int
    loops: tuple[tuple[int, int], ...]


def segments(layout: Layout, number: int) -> list[Segment]:
    """Of the weights of a step, without the words that the last row of a kernel lacks."""
    step = layout.steps[number]
    width = layout.weights[step.matrix or 0].width
    if not isinstance(step.operation, Convolution):
        return [Segment(0, ((width + 1, 1),))]
    kernel = kernel_of(layout, number)
    if kernel.last_pixel == kernel.pixel:
        return [Segment(0, ((width + 1, 1),))]
    whole = (kernel.rows - 1) * kernel.run
    last = Segment(whole, ((kernel.last_pixel, 1), (kernel.run // kernel.pixel, kernel.pixel)))
    return [Segment(0, ((whole, 1),))] * (whole > 0) + [last, Segment(width, ((1, 1),))]


def add(
    layout: Layout, taken: Sequence[Segment], words: Matrix, base: Matrix | None, out: Matrix, mantissa: int
) -> list[Instruction]:
    """``out = base + words * mantissa / 2^15`` with stochastic rounding, of some words of every row; without a base it
    is 0."""
    return elementwise(layout, taken, words, base, out, mode=Mode.UPDATE, rate_mantissa=mantissa)


def decay(
    layout: Layout, taken: Sequence[Segment], weights: Matrix, out: Matrix, mantissa: int = 0
) -> list[Instruction]:
    """Take from ``out`` what weight decay adds to the gradients of some words of every row, times the rate of the run
    or that of ``mantissa``, with stochastic rounding; none without weight decay."""
    word = layout.optimiser.decay_word(layout.batch)
    if not word:
        return []
    return elementwise(layout, taken, weights, out, out, word, mode=Mode.UPDATE, rate_mantissa=mantissa)


def elementwise(
    layout: Layout,
    taken: Sequence[Segment],
    words: Matrix,
    aux: Matrix | None,
    out: Matrix,
    diagonal: int = DIAGONAL,
    **fields: Any,
) -> list[Instruction]:
    """Instructions with these ``fields`` for some words of every row, times one of the layout's ``diagonals``; without
    ``aux`` zeros stand in its place.

    The matrices have as many rows and the same pitch. Lanes are words of a row, or the words of several rows below each
    other: whichever takes fewer cycles.
    """
    config = layout.config
    load = Place(Memory.ACTIVATION, layout.diagonal(diagonal) + config.rows - 1)
    most = min(config.rows, config.columns)
    made: list[Instruction] = []
    for first, loops in taken:
        candidates: list[list[Instruction]] = []
        down = words.rows, words.pitch
        for (lanes, lane), others in ((loops[0], (down, *loops[1:])), (down, loops)):
            for pieces in column_pieces(lanes, most):
                walks = [_walk(layout, words, load, aux, out, first, lane, piece, others, fields) for piece in pieces]
                candidates.append(list(chain.from_iterable(walks)))
        cycles = [program_cycles(candidate, config) for candidate in candidates]
        made += candidates[cycles.index(min(cycles))]
    return made


def _walk(
    layout: Layout, words: Matrix, load: Place, aux: Matrix | None, out: Matrix, first: int, lane: int,
    piece: tuple[int, int, int], others: Sequence[tuple[int, int]], fields: dict[str, Any],
) -> list[Instruction]:  # fmt: skip
    """Tiles of lanes ``lane`` words apart, from a word of the first row on."""
    config = layout.config
    skipped, count, tile_width = piece
    start = first + skipped * lane
    # Zeros stand still.
    moving = int(aux is not None)
    free = [
        Level(steps, Strides(stream=stride, out=stride, aux=moving * stride))
        for steps, stride in (*others, (count, tile_width * lane))
    ]
    return [
        instruction(
            split, Loop(), config=config, tile_width=tile_width, column_stride=-1,
            stream=Place(words.memory, words.base + start, lane),
            load=load,
            out=Place(out.memory, out.base + start, lane),
            aux=Place(aux.memory, aux.base + start, lane) if aux else Place(Memory.WEIGHT, layout.zeros),
            last_reduction_width=tile_width, **fields,
        )
        for split in _splits(tuple(free), config, tile_width)
    ]  # fmt: skip


@lru_cache(maxsize=1024)
def _splits(free: tuple[Level, ...], config: EngineConfig, tile_width: int) -> list[Split]:
    """Those of parts of a matrix are the same."""
    return splits(free, [], config, tile_width)


def rows(matrix: Matrix, first: int, count: int) -> Matrix:
    """``count`` rows of a matrix from ``first`` on."""
    return replace(matrix, base=matrix.base + first * matrix.pitch, rows=count)


def parts(
    instructions: Sequence[Instruction], count: int, most: int
) -> Iterator[tuple[int, int, list[Instruction]]]:
    """An UPDATE of ``count`` rows of weights in parts of at most ``most`` rows: first row, rows, and instructions.

    Where there is more than one part outer tiles are rows, as many in each instruction.
    """
    if most >= count:
        yield 0, count, list(instructions)
        return
    width, tiles = instructions[0].tile_width, instructions[0].outer_count
    tiles_a_part = most // width
    for first in range(0, tiles, tiles_a_part):
        taken = min(tiles_a_part, tiles - first)
        last_row = min(count, (first + taken) * width)
        yield first * width, last_row - first * width, [_outer_tiles(whole, first, taken) for whole in instructions]


def _outer_tiles(whole: Instruction, first: int, count: int) -> Instruction:
    """``count`` outer tiles from ``first`` on, of a single level."""
    assert not whole.outer_periods

    def later(walk: Walk) -> Walk:
        return replace(walk, base=walk.base + first * sum(walk.outer))

    last = first + count == whole.outer_count
    return replace(
        whole, outer_count=count, last_outer_width=whole.last_outer_width if last else whole.tile_width,
        stream=later(whole.stream), load=later(whole.load), out=later(whole.out), aux=later(whole.aux),
    )  # fmt: skip


def redirected(update: Instruction, layout: Layout, weights: Matrix, base: Matrix | None, out: Matrix) -> Instruction:
    """An UPDATE of ``weights`` that changes the words of ``base`` instead, 0 where there is none, and writes the
    results to ``out``; all have the same pitch."""
    aux = Walk(layout.zeros)
    if base is not None:
        aux = replace(update.aux, base=update.aux.base + base.base - weights.base)
    moved = replace(update.out, base=update.out.base + out.base - weights.base)
    return replace(update, aux=aux, out=moved, output_memory=out.memory)
