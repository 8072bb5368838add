"""Maxima over windows of time, and the positions in the low bits of words: twin of `hdl.engine.pool`."""

import torch
from torch import Tensor

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
    largest: Tensor = windows.max(dim=-2).values
    if not position_bits:
        return largest
    steps = torch.arange(window)[:, None]
    first = torch.where(windows == largest.unsqueeze(-2), steps, window).min(dim=-2).values
    return clear_positions(largest, position_bits) | first & ((1 << position_bits) - 1)


def clear_positions(words: Tensor, position_bits: int) -> Tensor:
    """Words without their positions."""
    return words & -(1 << position_bits)


def keep_positions(errors: Tensor, activations: Tensor, position_bits: int) -> Tensor:
    """In BACKWARD: errors with the positions of the activations."""
    if not position_bits:
        return errors
    return clear_positions(errors, position_bits) | activations & ((1 << position_bits) - 1)
