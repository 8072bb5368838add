"""The order of weights in the engine's memory: the channel runs fastest, as in its maps."""

import math

import numpy as np
from numpy.typing import NDArray

from deep3.compiler.network.layers import Convolution

from .inputs import kernel_rows
from .steps import Step

__all__ = ["row_words", "weight_places"]


def row_words(step: Step, together: int) -> int:
    """Words of a row of weights in W, without the bias; ``together`` as in `weight_places`."""
    if isinstance(step.operation, Convolution):
        return kernel_rows(step, together) * together * step.operation.kernel[1] * step.before[0]
    return math.prod(step.before)


def weight_places(step: Step, together: int) -> NDArray[np.intp]:
    """For each column of the network's matrix its place in a row of weights in W, biases left out.

    A convolution has (row, column, channel) of its kernel where PyTorch has (channel, row, column); a dense layer has
    (y, x, channel) of the maps that it reads. Where ``together`` rows of the image lie side by side, the kernel has
    (row, column, row among them, channel); words of rows that it lacks stay 0.
    """
    if isinstance(step.operation, Convolution):
        height, width = step.operation.kernel
        row, column, channel = np.ogrid[:height, :width, : step.before[0]]
        places = (row // together * width + column) * together + row % together
        found: NDArray[np.intp] = (places * step.before[0] + channel).transpose(2, 0, 1).reshape(-1)
        return found
    channels, *pixels = step.before
    count = math.prod(pixels)
    return (np.arange(count) * channels + np.arange(channels)[:, None]).reshape(-1)
