"""UPDATE of a convolution: samples lie in the lanes, errors stay in the array, and the words of all windows stream by.

Time runs through a row of W and ends, with a stream of ones, at its bias. Where a row is longer than the accumulator
memory it is cut, at rows of the kernel where that is possible.
"""

from collections.abc import Iterator
from itertools import pairwise

from deep3.compiler.layout import Layout
from deep3.compiler.network.layers import Convolution
from deep3.compiler.phase import Phase, cheapest, tiles
from deep3.compiler.tensors import Maps
from deep3.hdl.contract.instruction import Instruction, Mask, Ones
from deep3.hdl.contract.program import Mode

from .kernel import Kernel, kernel_of
from .loops import STILL, Level, Loop, Place, Split, Strides, instruction, masked

__all__ = ["update"]


def update(layout: Layout, number: int) -> Phase:
    """New weights of a step."""
    step, config = layout.steps[number], layout.config
    operation = step.operation
    assert isinstance(operation, Convolution)
    maps, height, width = operation.output_shape(step.before)
    steps = operation.weight_shape(step.before)[1] - 1
    ideal = height * width * steps * tiles(layout.batch, config.rows) * tiles(maps, config.columns)
    widths = range(min(maps, config.columns), 0, -1)
    candidates = [_instructions(layout, number, tile_width) for tile_width in widths]
    macs = layout.batch * operation.multiply_adds(step.before)
    return cheapest(Mode.UPDATE, step.layer, candidates, config, macs, ideal)


def _instructions(layout: Layout, number: int, tile_width: int) -> list[Instruction]:
    """Tiles of so many output maps."""
    step, config = layout.steps[number], layout.config
    operation = step.operation
    x, errors, weights = layout.reads(number), layout.errors_of(number), layout.weights[step.matrix or 0]
    assert isinstance(operation, Convolution)
    assert isinstance(errors, Maps)
    kernel = kernel_of(layout, number)
    rows, batch = config.rows, layout.batch
    slices = tiles(batch, rows)
    edge = batch - (slices - 1) * rows
    reduction = Loop().then(Level(slices, Strides(rows * x.pitch, rows * errors.pitch)), keep=edge < rows)
    pool = step.pool.kernel if step.pool else (1, 1)
    positions = 1
    for dimension, moved, load in ((1, kernel.across, errors.channels), (0, kernel.down, errors.row_pitch)):
        reduction = reduction.then(Level(pool[dimension], Strides(stream=moved, positions=positions)))
        positions *= pool[dimension]
        reduction = reduction.then(Level(step.behind[1 + dimension], Strides(pool[dimension] * moved, load)))
    count = tiles(weights.rows, tile_width)
    next_maps = tile_width * weights.pitch
    outer = Loop().then(Level(count, Strides(load=tile_width, out=next_maps, aux=next_maps)))
    made = []
    chunks = list(_chunks(kernel, config.accumulator_words - 1))
    for row, word, time in chunks:
        bias = (row, word, time) == chunks[-1]
        place = Place(weights.memory, weights.base + row * kernel.run + word, weights.pitch)
        made.append(instruction(
            Split(time, outer, STILL), reduction, config=config, tile_width=tile_width, column_stride=1,
            stream=Place(x.memory, kernel.origin + row * kernel.row_pitch + word, x.pitch, x.buffered),
            load=Place(errors.memory, errors.origin, errors.pitch),
            out=place, aux=place,
            mode=Mode.UPDATE, ones=Ones.TIME if bias else Ones.NONE, time_count=time.count + bias,
            edge_width=edge, last_reduction_width=edge,
            last_outer_width=weights.rows - (count - 1) * tile_width, **masked(Mask.LOAD, step, 0),
        ))  # fmt: skip
    return made


def _chunks(kernel: Kernel, most: int) -> Iterator[tuple[int, int, Loop]]:
    """Parts of the kernels of at most so many words: first row, first word of it, and the loop over them.

    A step behind the last of all comes to the bias.
    """
    whole_rows = kernel.rows if kernel.last_pixel == kernel.pixel else kernel.rows - 1
    word = Strides(stream=1, out=1, aux=1)
    row = Strides(stream=kernel.row_pitch, out=kernel.run, aux=kernel.run)
    if kernel.run > most:
        for number in range(whole_rows):
            for begin, end in _even(kernel.run, most):
                yield number, begin, Loop().then(Level(end - begin, word), keep=True)
    else:
        for begin, end in _even(whole_rows, most // kernel.run):
            yield begin, 0, Loop().then(Level(kernel.run, word), keep=True).then(Level(end - begin, row))
    if whole_rows < kernel.rows:
        # Of each pixel of the last row some words only.
        pixels = kernel.run // kernel.pixel
        for begin, end in _even(pixels, most // kernel.last_pixel):
            part = Loop().then(Level(kernel.last_pixel, word), keep=True)
            beside = Strides(stream=kernel.pixel, out=kernel.pixel, aux=kernel.pixel)
            yield whole_rows, begin * kernel.pixel, part.then(Level(end - begin, beside), keep=True)


def _even(count: int, most: int) -> Iterator[tuple[int, int]]:
    """(begin, end) of parts of at most so many."""
    parts = tiles(count, most)
    if not parts:
        return iter(())
    return pairwise(count * part // parts for part in range(parts + 1))
