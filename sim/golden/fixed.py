"""Two's complement arithmetic on int64 tensors: saturate, wrap, window, quantise. Shifts right are floors."""

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

__all__ = [
    "ACCUMULATOR_BITS", "ERROR_FRACTION_BITS", "LOGIT_FRACTION_BITS", "VALUE_FRACTION_BITS", "WINDOW_BITS",
    "dequantise", "quantise", "saturate", "window", "wrap",
]

ACCUMULATOR_BITS = 40
WINDOW_BITS = 18
VALUE_FRACTION_BITS = 12
"""Inputs, activations and weights are Q3.12."""
LOGIT_FRACTION_BITS = 8
"""Logits are Q7.8."""
ERROR_FRACTION_BITS = 14
"""Errors are Q1.14."""


def saturate(values: Tensor, bits: int) -> tuple[Tensor, Tensor]:
    """Clip to ``bits`` bits signed; also the mask of the elements that were changed."""
    limit = 1 << (bits - 1)
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


def quantise(values: ArrayLike, fraction_bits: int = VALUE_FRACTION_BITS) -> NDArray[np.int16]:
    """Real numbers as 16-bit fixed point: rounded half up, saturated.

    Raises
    ------
    ValueError
        When a value is not finite.
    """
    real = np.asarray(values, dtype=np.float64)
    if not np.isfinite(real).all():
        raise ValueError("values must be finite, not nan or inf")
    return np.clip(np.floor(real * (1 << fraction_bits) + 0.5), -32768, 32767).astype(np.int16)


def dequantise(words: NDArray[np.int16], fraction_bits: int = VALUE_FRACTION_BITS) -> NDArray[np.float32]:
    """The real numbers that 16-bit fixed-point words stand for."""
    return (torch.from_numpy(np.ascontiguousarray(words)).to(torch.float32) / (1 << fraction_bits)).numpy()
