"""Two's complement arithmetic on int64 tensors: saturate, wrap, window. Shifts right are floors."""

import torch
from torch import Tensor

__all__ = ["ACCUMULATOR_BITS", "WINDOW_BITS", "saturate", "window", "wrap"]

ACCUMULATOR_BITS = 40
WINDOW_BITS = 18


def saturate(values: Tensor, bits: int) -> tuple[Tensor, Tensor]:
    """Clip to ``bits`` bits signed; also the mask of the elements that were changed."""
    limit = 1 << (bits - 1)
    lowest, highest = values.aminmax()
    if lowest >= -limit and highest < limit:
        return values, torch.zeros((), dtype=torch.bool).expand_as(values)
    clipped = values.clamp(-limit, limit - 1)
    return clipped, clipped != values


def wrap(values: Tensor, bits: int) -> Tensor:
    """The low ``bits`` bits, read as a signed number."""
    half = 1 << (bits - 1)
    return ((values + half) & (2 * half - 1)) - half


def window(accumulators: Tensor, shift: int) -> tuple[Tensor, Tensor]:
    """The 18-bit view of a 40-bit sum that enters a lane's multiplier, ``sat18(accumulators >> shift)``, and
    the mask of the clipped elements."""
    return saturate(accumulators >> shift, WINDOW_BITS)
