"""Passes of pooling, channel by channel: products with constant identity matrices.

Maxima run over the steps of a window in time; means are sums over a window's pixels times one over their number. Errors
are gathered from the windows that cover a pixel: of a maximum from those whose position names it.
"""

from itertools import groupby, product

from deep3.compiler.layout import Layout
from deep3.compiler.network.layers import MaxPool, MeanPool
from deep3.compiler.phase import Phase, cheapest, column_pieces
from deep3.compiler.tensors import Maps
from deep3.hdl.contract.instruction import Instruction, Mask
from deep3.hdl.contract.program import Memory, Mode

from .constants import IDENTITY, Table, gradient_table, identity_words
from .gradient import Direction, candidates, levels, written
from .loops import STILL, Level, Loop, Place, Strides, instruction, masked, splits
from .windows import Run, gradient_pairs, window_lengths

__all__ = ["backward", "forward"]


def forward(layout: Layout, number: int) -> Phase:
    """What a step writes, a pool."""
    step, config = layout.steps[number], layout.config
    programs: list[list[Instruction]] = []
    for pieces in _pieces(layout, number):
        made: list[Instruction] = []
        for first, count, tile_width in pieces:
            if isinstance(step.operation, MaxPool):
                made += _maxima(layout, number, first, count, tile_width)
            else:
                for down, across in product(_alike(layout, number, 0), _alike(layout, number, 1)):
                    made += _means(layout, number, down, across, first, count, tile_width)
        programs.append(made)
    return cheapest(Mode.FORWARD, step.layer, programs, config, 0, 0)


def backward(layout: Layout, number: int) -> Phase:
    """Errors of the maps that a step reads."""
    step = layout.steps[number]
    made = candidates(layout, number, gradient_pairs(step), _pieces(layout, number), _errors)
    return cheapest(Mode.BACKWARD, step.layer, made, layout.config, 0, 0)


def _pieces(layout: Layout, number: int) -> list[list[tuple[int, int, int]]]:
    """Ways to cut the channels, which are rows and columns of an identity matrix."""
    config = layout.config
    return list(column_pieces(layout.steps[number].before[0], min(config.rows, config.columns)))


def _identity(layout: Layout, table: Table) -> Place:
    """Column 0 of the first matrix of a table; others begin a word earlier each."""
    return Place(Memory.WEIGHT, layout.constants[table] + layout.config.rows - 1)


def _maxima(layout: Layout, number: int, first: int, count: int, tile_width: int) -> list[Instruction]:
    step, config = layout.steps[number], layout.config
    pool, x, out = step.operation, layout.reads(number), layout.writes(number)
    assert isinstance(pool, MaxPool)
    assert isinstance(x, Maps)
    assert isinstance(out, Maps)
    window = Loop().then(Level(pool.kernel[1], Strides(stream=x.channels)))
    window = window.then(Level(pool.kernel[0], Strides(stream=x.row_pitch)))
    top, left = pool.padding
    _, height, width = step.behind
    free, fixed = _windows(layout, number, (0, height), (0, width), count, tile_width)
    return [
        instruction(
            split, Loop(), config=config, tile_width=tile_width, column_stride=-1,
            stream=Place(x.memory, x.at(-top, -left) + first, 1, x.buffered), load=_identity(layout, IDENTITY),
            out=Place(out.memory, out.origin + first),
            mode=Mode.FORWARD, function=step.function, last_reduction_width=tile_width,
            window=window.count, position_bits=step.position_bits,
        )
        for split in splits(free, fixed, config, tile_width, window)
    ]  # fmt: skip


def _alike(layout: Layout, number: int, dimension: int) -> list[tuple[int, int, int]]:
    """(first, count, length) of windows of equal lengths, which follow each other."""
    found, first = [], 0
    for length, members in groupby(window_lengths(layout.steps[number], dimension)):
        count = len(list(members))
        found.append((first, count, length))
        first += count
    return found


def _means(
    layout: Layout,
    number: int,
    down: tuple[int, int, int],
    across: tuple[int, int, int],
    first: int,
    count: int,
    tile_width: int,
) -> list[Instruction]:
    """Of the windows of one size."""
    step, config = layout.steps[number], layout.config
    pool, x, out = step.operation, layout.reads(number), layout.writes(number)
    assert isinstance(pool, MeanPool)
    assert isinstance(x, Maps)
    assert isinstance(out, Maps)
    reduction = Loop().then(Level(1, STILL), keep=tile_width < config.rows)
    reduction = reduction.then(Level(min(pool.kernel[1], across[2]), Strides(stream=x.channels)))
    reduction = reduction.then(Level(min(pool.kernel[0], down[2]), Strides(stream=x.row_pitch)))
    top, left = pool.padding
    free, fixed = _windows(layout, number, down[:2], across[:2], count, tile_width)
    corner = x.at(down[0] * pool.stride[0] - top, across[0] * pool.stride[1] - left)
    return [
        instruction(
            split, reduction, config=config, tile_width=tile_width, column_stride=-1,
            stream=Place(x.memory, corner + first, 1, x.buffered),
            load=_identity(layout, Table((down[2] * across[2],))),
            out=Place(out.memory, out.at(down[0], across[0]) + first),
            mode=Mode.FORWARD, function=step.function,
            edge_width=tile_width, last_reduction_width=tile_width,
        )
        for split in splits(free, fixed, config, tile_width)
    ]  # fmt: skip


def _windows(
    layout: Layout, number: int, down: tuple[int, int], across: tuple[int, int], count: int, tile_width: int
) -> tuple[list[Level], list[Level]]:
    """How stream and out move over (first, count) windows in either direction, samples, and tiles of channels."""
    pool, x, out = layout.steps[number].operation, layout.reads(number), layout.writes(number)
    assert isinstance(pool, MaxPool | MeanPool)
    assert isinstance(x, Maps)
    assert isinstance(out, Maps)
    free = [
        Level(across[1], Strides(stream=pool.stride[1] * x.channels, out=out.channels)),
        Level(down[1], Strides(stream=pool.stride[0] * x.row_pitch, out=out.row_pitch)),
        Level(layout.batch, Strides(stream=x.pitch, out=out.pitch)),
    ]
    return free, [Level(count, Strides(stream=tile_width, out=tile_width))]


def _errors(
    layout: Layout, number: int, down: Run, across: Run, first: int, count: int, tile_width: int
) -> list[Instruction]:
    """Channels from ``first`` on, ``count`` tiles of them, of the pixels of two runs."""
    step, config = layout.steps[number], layout.config
    pool, errors = step.operation, layout.errors_of(number)
    assert isinstance(pool, MaxPool | MeanPool)
    assert isinstance(errors, Maps)
    table, matrix = IDENTITY, 0
    if isinstance(pool, MeanPool):
        table = gradient_table(down.label, across.label)
        matrix = identity_words(config.rows) if len(table.divisors) > 1 else 0
    x = Direction(
        across, pool.stride[1], Strides(stream=errors.channels), Strides(positions=1), Strides(load=matrix)
    )  # fmt: skip
    y = Direction(
        down, pool.stride[0], Strides(stream=errors.row_pitch), Strides(positions=pool.kernel[1]),
        Strides(load=matrix * across.taps),
    )  # fmt: skip
    reduction = y.taps(x.taps(Loop().then(Level(1, STILL), keep=tile_width < config.rows)))
    start = x.start.plus(y.start)
    next_channels = Level(count, Strides(stream=tile_width, out=tile_width, aux=tile_width))
    free, fixed = levels(layout, number, y, x, next_channels)
    return [
        instruction(
            split, reduction, config=config, tile_width=tile_width, column_stride=-1,
            stream=Place(errors.memory, errors.origin + start.stream + first), load=_identity(layout, table),
            **written(layout, number, down, across, first),
            edge_width=tile_width, last_reduction_width=tile_width, **masked(Mask.STREAM, step, start.positions),
        )
        for split in splits(free, fixed, config, tile_width)
    ]  # fmt: skip
