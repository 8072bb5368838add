"""Maxima over windows of time, and the positions in the low bits of words: twin of `hdl.engine.pool`."""

from functools import reduce

import torch
from torch import Tensor

from deep3.hdl.contract.instruction import WINDOW_BITS

__all__ = ["clear_positions", "keep_positions", "window_maxima"]


def window_maxima(values: Tensor, window: int, position_bits: int) -> Tensor:
    """Twin of `hdl.engine.pool.Pool` in FORWARD: the largest of every ``window`` steps of time.

    Parameters
    ----------
    values
        int64 [..., time, lanes], ``time`` a multiple of ``window``.
    position_bits
        Low bits of the maximum that are replaced by its step in the window, the first of equals.

    Returns
    -------
    int64 [..., time / window, lanes]
    """
    if window == 1:
        return values
    windows = values.reshape(*values.shape[:-2], -1, window, values.shape[-1])
    # Of equals the first is the largest with what is left of the window behind it.
    left = torch.arange(window - 1, -1, -1)[:, None]
    largest = reduce(torch.maximum, (windows << WINDOW_BITS | left).unbind(-2))
    value = largest >> WINDOW_BITS
    if not position_bits:
        return value
    first = window - 1 - (largest & (1 << WINDOW_BITS) - 1)
    return clear_positions(value, position_bits) | first & ((1 << position_bits) - 1)


def clear_positions(words: Tensor, position_bits: int) -> Tensor:
    """Words without their positions."""
    return words & -(1 << position_bits)


def keep_positions(errors: Tensor, activations: Tensor, position_bits: int) -> Tensor:
    """In BACKWARD: errors with the positions of the activations."""
    if not position_bits:
        return errors
    return clear_positions(errors, position_bits) | activations & ((1 << position_bits) - 1)
