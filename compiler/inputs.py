"""Rows of the images that the host writes, side by side: a first layer of few channels then fills the array's rows."""

from collections.abc import Callable

import numpy as np

from deep3.compiler.network.layers import Convolution
from deep3.hdl.contract.config import EngineConfig

from .steps import Step
from .tensors import Border, Words

__all__ = ["kernel_rows", "rows_of", "rows_together", "side_by_side", "sides"]


def rows_together(step: Step, config: EngineConfig, fits: Callable[[int], bool]) -> int:
    """Rows of an image that are best put side by side for the first step: as many as make windows the fewest tiles.

    Of equals the fewest; 1 where the step is no convolution. ``fits`` says whether the inputs then fit into memory.
    """
    if not isinstance(step.operation, Convolution):
        return 1
    height, width = step.operation.kernel
    channels = step.before[0]

    def tiles(together: int) -> int:
        run = width * channels * together
        # A bias has a lane of its own where rows leave one.
        return kernel_rows(step, together) * -(-run // config.rows) + (run % config.rows == 0)

    most = min(height, (config.accumulator_words - 1) // channels)
    return min([1, *(together for together in range(2, most + 1) if fits(together))], key=tiles)


def kernel_rows(step: Step, together: int) -> int:
    """Rows of the kernel of a convolution, where so many of the network's make one."""
    assert isinstance(step.operation, Convolution)
    return -(-step.operation.kernel[0] // together)


def rows_of(step: Step, together: int) -> int:
    """Rows of pixels in A, so many rows of the image in each: those of all windows."""
    assert isinstance(step.operation, Convolution)
    windows = step.operation.output_shape(step.before)[1]
    return (windows - 1) * step.operation.stride[0] + (kernel_rows(step, together) - 1) * together + 1


def sides(step: Step) -> Border:
    """What lies around rows of pixels that have the padding above and below in them."""
    border = step.border
    return Border(left=border.left, right=border.right)


def side_by_side(step: Step, together: int, samples: Words) -> Words:
    """[samples, channels, height, width] as [samples, together * channels, rows, width]: first the channels of the row
    itself, then those of the row below."""
    assert isinstance(step.operation, Convolution)
    count, channels, height, width = samples.shape
    rows, top = rows_of(step, together), step.operation.padding[0]
    tall = np.zeros((count, channels, max(top + height, rows + together - 1), width), np.int16)
    tall[:, :, top : top + height] = samples
    return np.concatenate([tall[:, :, row : row + rows] for row in range(together)], axis=1)
