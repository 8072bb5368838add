"""BACKWARD of a convolution: the error of a pixel is gathered from the windows that cover it, and from no others.

Pixels alike in their windows, down and across, are walked by one instruction (`compiler.convolution.windows`). Pooled
errors are spread as they are read: where two windows belong to one pooled error, its position says which of them it is.
"""

from itertools import product
from typing import Any

from deep3.compiler.layout import Layout
from deep3.compiler.network.layers import Convolution
from deep3.compiler.phase import Phase, cheapest, column_pieces, tiles
from deep3.compiler.tensors import Maps
from deep3.hdl.contract.instruction import Instruction, Mask
from deep3.hdl.contract.program import Mode

from .gradient import pixels, without_windows, written
from .loops import Level, Loop, Place, Strides, instruction, splits
from .windows import Run, gradient_runs

__all__ = ["backward"]


def backward(layout: Layout, number: int) -> Phase:
    """Errors of the maps that a step reads."""
    step, config = layout.steps[number], layout.config
    operation = step.operation
    assert isinstance(operation, Convolution)
    runs = list(product(gradient_runs(step, 0), gradient_runs(step, 1)))
    taps = sum(down.pixel_taps * across.pixel_taps for down, across in runs)
    channels = step.before[0]
    ideal = layout.batch * taps * tiles(operation.maps, config.rows) * tiles(channels, config.columns)
    candidates = [
        [
            made
            for first, count, tile_width in pieces
            for down, across in runs
            for made in _instructions(layout, number, down, across, first, count, tile_width)
        ]
        for pieces in column_pieces(channels, config.columns)
    ]
    # Those with the zeros around the maps are not made.
    macs = layout.batch * taps * operation.maps * channels
    return cheapest(Mode.BACKWARD, step.layer, candidates, config, macs, ideal)


def _instructions(
    layout: Layout, number: int, down: Run, across: Run, first: int, count: int, tile_width: int
) -> list[Instruction]:
    """Channels from ``first`` on, ``count`` tiles of them, of the pixels of two runs."""
    if not (down.taps and across.taps):
        return without_windows(layout, number, down, across, first, count, tile_width)
    step, config = layout.steps[number], layout.config
    operation = step.operation
    errors, weights = layout.errors_of(number), layout.weights[step.matrix or 0]
    assert isinstance(operation, Convolution)
    assert isinstance(errors, Maps)
    pool_height, pool_width = step.pool.kernel if step.pool else (1, 1)
    channels = step.before[0]

    # Words and places that a window, and a place of the kernel, move by.
    window_x = Strides(stream=errors.channels)
    window_y = Strides(stream=errors.row_pitch)
    kernel_x = Strides(load=channels)
    kernel_y = Strides(load=channels * operation.kernel[1])

    rows = config.rows
    slices = tiles(operation.maps, rows)
    edge = operation.maps - (slices - 1) * rows
    slice_moves = Strides(stream=rows, load=rows * weights.pitch)
    reduction = Loop().then(Level(slices, slice_moves), keep=edge < rows)
    reduction = _taps(reduction, across, operation.stride[1], pool_width, window_x, kernel_x, 1)
    reduction = _taps(reduction, down, operation.stride[0], pool_height, window_y, kernel_y, pool_width)

    start = Strides()
    moves = []
    for run, pool, window, kernel, place in (
        (across, pool_width, window_x, kernel_x, 1), (down, pool_height, window_y, kernel_y, pool_width)
    ):  # fmt: skip
        start = start.plus(_windows(run.window, pool, window, place)).plus(kernel.times(run.place))
        last = _windows(run.window + run.side_window, pool, window, place)
        side = last.plus(_windows(run.window, pool, window, place).times(-1)).plus(kernel.times(run.side_place))
        moves.append((window, side))
    free, fixed = pixels(layout, number, down, across)
    (window_x, side_x), (window_y, side_y) = moves
    free = [
        Level(free[0].steps, free[0].strides.plus(window_x.times(across.step // operation.stride[1] // pool_width))),
        Level(free[1].steps, free[1].strides.plus(window_y.times(down.step // operation.stride[0] // pool_height))),
        Level(free[2].steps, free[2].strides.plus(Strides(stream=errors.pitch))),
    ]
    fixed = [
        Level(fixed[0].steps, fixed[0].strides.plus(side_x)),
        Level(fixed[1].steps, fixed[1].strides.plus(side_y)),
        Level(count, Strides(load=tile_width, out=tile_width, aux=tile_width)),
    ]
    masked: dict[str, Any] = {}
    if step.position_bits:
        masked = {"mask": Mask.STREAM, "mask_bits": step.position_bits, "positions": start.positions}
    return [
        instruction(
            split, reduction, config=config, tile_width=tile_width, column_stride=1,
            stream=Place(errors.memory, errors.origin + start.stream),
            load=Place(weights.memory, weights.base + start.load + first, weights.pitch),
            **written(layout, number, down, across, first),
            edge_width=edge, last_reduction_width=edge, **masked,
        )
        for split in splits(free, fixed, config, tile_width)
    ]  # fmt: skip


def _windows(window: int, pool: int, moved: Strides, place: int) -> Strides:
    """Where the errors of a window are, from those of the first, and its place in its group."""
    group, inside = divmod(window, pool)
    return moved.times(group).plus(Strides(positions=inside * place))


def _taps(
    reduction: Loop, run: Run, stride: int, pool: int, window: Strides, kernel: Strides, place: int
) -> Loop:
    """The loop over the windows of a pixel in one direction, backwards from the last."""
    steps = kernel.times(stride)
    if pool == 1 or run.taps == 1:
        return reduction.then(Level(run.taps, steps.plus(window.times(-1))))
    # Windows come in pairs; the first is the second of its pair, or the first.
    second = run.window % 2
    alternate = Strides(positions=-place) if second else window.times(-1).plus(Strides(positions=place))
    pairs = reduction.then(Level(2, steps.plus(alternate)))
    if run.taps == 2:
        return pairs
    return pairs.until(reduction.count * run.taps, steps.times(2).plus(window.times(-1)))
