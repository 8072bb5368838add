"""FORWARD of a convolution: rows of W stay in the array, windows of the maps stream by.

A reduction tile is a slice of the words of one row of a window, which lie one behind the other; the bias is a 1.0 in
the stream where W has it: in a lane of the last slice that is free, or in a tile of its own.
"""

from dataclasses import replace

from deep3.compiler.layout import Layout
from deep3.compiler.network.layers import Convolution
from deep3.compiler.phase import Phase, cheapest, column_pieces, tiles
from deep3.compiler.tensors import Maps
from deep3.hdl.contract.instruction import Instruction, Ones
from deep3.hdl.contract.program import Mode

from .kernel import kernel_of
from .loops import Level, Loop, Place, Strides, instruction, splits

__all__ = ["forward"]


def forward(layout: Layout, number: int) -> Phase:
    """What a step writes, a convolution, perhaps with the maxima of windows of its results."""
    step, config = layout.steps[number], layout.config
    operation = step.operation
    assert isinstance(operation, Convolution)
    maps, height, width = operation.output_shape(step.before)
    steps = operation.weight_shape(step.before)[1] - 1
    ideal = layout.batch * height * width * tiles(steps, config.rows) * tiles(maps, config.columns)
    candidates = [
        [
            made
            for first, count, tile_width in pieces
            for made in _instructions(layout, number, first, count, tile_width)
        ]
        for pieces in column_pieces(maps, config.columns)
    ]
    macs = layout.batch * operation.multiply_adds(step.before)
    phase = cheapest(Mode.FORWARD, step.layer, candidates, config, macs, ideal)
    if number == 0 and layout.rows_together > 1:
        return replace(phase, why=f"{layout.rows_together} rows of the image side by side; {phase.why}")
    return phase


def _instructions(layout: Layout, number: int, first: int, count: int, tile_width: int) -> list[Instruction]:
    """Output maps from ``first`` on, ``count`` tiles of them."""
    step, config = layout.steps[number], layout.config
    operation = step.operation
    x, out, weights = layout.reads(number), layout.writes(number), layout.weights[step.matrix or 0]
    assert isinstance(operation, Convolution)
    assert isinstance(x, Maps)
    assert isinstance(out, Maps)
    kernel = kernel_of(layout, number)
    pool_height, pool_width = step.pool.kernel if step.pool else (1, 1)
    _, height, width = step.behind
    window = Loop()
    window = window.then(Level(pool_width, Strides(stream=kernel.across)))
    window = window.then(Level(pool_height, Strides(stream=kernel.down)))
    free = [
        Level(width, Strides(stream=pool_width * kernel.across, out=out.channels)),
        Level(height, Strides(stream=pool_height * kernel.down, out=out.row_pitch)),
        Level(layout.batch, Strides(stream=x.pitch, out=out.pitch)),
    ]
    fixed = [Level(count, Strides(load=tile_width * weights.pitch, out=tile_width))]

    rows = config.rows
    slices = tiles(kernel.run, rows)
    edge = kernel.run - (slices - 1) * rows
    reduction = Loop().then(Level(slices, Strides(stream=rows, load=rows)), keep=edge < rows)
    free_lane = edge < rows
    next_row = Strides(stream=kernel.row_pitch, load=kernel.run)
    reduction = reduction.then(Level(kernel.rows, next_row), keep=not free_lane)
    stream = Place(x.memory, kernel.origin, 1, x.buffered)
    load = Place(weights.memory, weights.base + first * weights.pitch)
    return [
        instruction(
            split, reduction, config=config, tile_width=tile_width, column_stride=weights.pitch,
            stream=stream, load=load, out=Place(out.memory, out.origin + first),
            mode=Mode.FORWARD, function=operation.function, ones=Ones.LANE,
            reduction_count=reduction.count + (not free_lane), edge_width=edge,
            last_reduction_width=edge + 1 if free_lane else 1,
            window=window.count, position_bits=step.position_bits,
        )
        for split in splits(free, fixed, config, tile_width, window)
    ]  # fmt: skip
