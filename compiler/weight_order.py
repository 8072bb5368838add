"""The order of weights in the engine's memory: the channel runs fastest, as in its maps."""

import math

import numpy as np
from numpy.typing import NDArray

from deep3.compiler.network.layers import Convolution

from .inputs import kernel_rows
from .steps import Step
from .tensors import Matrix, Words

__all__ = ["row_words", "weight_image", "weight_places"]


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


def weight_image(index: int, matrix: Matrix, places: NDArray[np.intp], weights: Words, bias: Words) -> Words:
    """Words of matrix number ``index`` of a network, from weights [outputs, inputs] and bias [outputs], Q3.12.

    Raises
    ------
    ValueError
        When they have another shape or type.
    """
    for name, array, shape in (("weights", weights, (matrix.rows, len(places))), ("bias", bias, (matrix.rows,))):
        if array.shape != shape or array.dtype != np.int16:
            raise ValueError(f"{name} of layer {index} must be int16 {shape}, not {array.dtype} {array.shape}")
    image = np.zeros((matrix.rows, matrix.pitch), np.int16)
    image[:, places] = weights
    image[:, matrix.width] = bias
    return image.reshape(-1)
