"""The order of weights in the engine's memory: the channel runs fastest, as in its maps."""

import numpy as np
from numpy.typing import NDArray

from deep3.compiler.network.layers import Convolution

from .steps import Step

__all__ = ["weight_order"]


def weight_order(step: Step) -> NDArray[np.intp]:
    """For each place of a row of weights in W the column of the network's matrix that stands there, biases left out.

    A convolution has (row, column, channel) of its kernel where PyTorch has (channel, row, column); a dense layer has
    (y, x, channel) of the maps that it reads.
    """
    sizes = (step.before[0], *step.operation.kernel) if isinstance(step.operation, Convolution) else step.before
    count = int(np.prod(sizes))
    channel_last = (1, 2, 0) if len(sizes) == 3 else (0,)
    return np.arange(count).reshape(sizes).transpose(channel_last).reshape(-1)
