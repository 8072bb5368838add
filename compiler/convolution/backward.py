"""BACKWARD of a convolution: the error of a pixel is gathered from the windows that cover it, and from no others.

Pixels alike in their windows, down and across, are walked by one instruction (`compiler.convolution.windows`). Pooled
errors are spread as they are read: where two windows belong to one pooled error, its position says which of them it is.
"""

from deep3.compiler.layout import Layout
from deep3.compiler.network.layers import Convolution
from deep3.compiler.phase import Phase, cheapest, column_pieces, tiles
from deep3.compiler.tensors import Maps
from deep3.hdl.contract.instruction import Instruction, Mask
from deep3.hdl.contract.program import Mode

from .gradient import Direction, candidates, levels, written
from .loops import Level, Loop, Place, Strides, instruction, masked, splits
from .windows import Run, gradient_pairs

__all__ = ["backward"]


def backward(layout: Layout, number: int) -> Phase:
    """Errors of the maps that a step reads."""
    step, config = layout.steps[number], layout.config
    operation = step.operation
    assert isinstance(operation, Convolution)
    runs = gradient_pairs(step)
    taps = sum(down.pixel_taps * across.pixel_taps for down, across in runs)
    channels = step.before[0]
    ideal = layout.batch * taps * tiles(operation.maps, config.rows) * tiles(channels, config.columns)
    # Those with the zeros around the maps are not made.
    macs = layout.batch * taps * operation.maps * channels
    made = candidates(layout, number, runs, column_pieces(channels, config.columns), _instructions)
    return cheapest(Mode.BACKWARD, step.layer, made, config, macs, ideal)


def _instructions(
    layout: Layout, number: int, down: Run, across: Run, first: int, count: int, tile_width: int
) -> list[Instruction]:
    """Channels from ``first`` on, ``count`` tiles of them, of the pixels of two runs."""
    step, config = layout.steps[number], layout.config
    operation = step.operation
    errors, weights = layout.errors_of(number), layout.weights[step.matrix or 0]
    assert isinstance(operation, Convolution)
    assert isinstance(errors, Maps)
    pool_height, pool_width = step.pool.kernel if step.pool else (1, 1)
    channels = step.before[0]

    place_x, place_y = Strides(load=channels), Strides(load=channels * operation.kernel[1])
    x = Direction(
        across, operation.stride[1], Strides(stream=errors.channels), place_x, pool=pool_width, member=1
    )  # fmt: skip
    y = Direction(
        down, operation.stride[0], Strides(stream=errors.row_pitch), place_y, pool=pool_height, member=pool_width
    )
    rows = config.rows
    slices = tiles(operation.maps, rows)
    edge = operation.maps - (slices - 1) * rows
    slice_moves = Strides(stream=rows, load=rows * weights.pitch)
    reduction = y.taps(x.taps(Loop().then(Level(slices, slice_moves), keep=edge < rows)))
    start = x.start.plus(y.start)
    next_channels = Level(count, Strides(load=tile_width, out=tile_width, aux=tile_width))
    free, fixed = levels(layout, number, y, x, next_channels)
    return [
        instruction(
            split, reduction, config=config, tile_width=tile_width, column_stride=1,
            stream=Place(errors.memory, errors.origin + start.stream),
            load=Place(weights.memory, weights.base + start.load + first, weights.pitch),
            **written(layout, number, down, across, first),
            edge_width=edge, last_reduction_width=edge, **masked(Mask.STREAM, step, start.positions),
        )
        for split in splits(free, fixed, config, tile_width)
    ]  # fmt: skip

