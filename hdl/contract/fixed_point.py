"""Q3.12 numbers on the host: rounding to the nearest step, and a refusal of what does not fit."""

import numpy as np
from numpy.typing import NDArray

from deep3.errors import Deep3Error

__all__ = [
    "FRACTION_BITS", "MAX_VALUE", "STEPS", "RangeError", "from_q3_12", "round_q3_12", "saturate_q3_12", "to_q3_12",
]  # fmt: skip

FRACTION_BITS = 12
STEPS = 1 << FRACTION_BITS
MAX_VALUE = 8.0 - 1 / STEPS


class RangeError(Deep3Error):
    """Values outside Q3.12, [-8, 8)."""


def to_q3_12(values: NDArray[np.floating], what: str) -> NDArray[np.int16]:
    """``values`` rounded to the nearest multiple of 2^-12 (ties to even), as int16 of the same shape.

    Raises
    ------
    RangeError
        When a rounded value is outside [-8, 8) or not a number; names ``what``, how many and the worst.
    """
    steps = np.rint(values * STEPS)
    # One pass each; NaN is neither.
    if steps.size and not (steps.min() >= -32768 and steps.max() <= 32767):
        fits = (steps >= -32768) & (steps <= 32767)
        wrong = values[~fits]
        worst = wrong[np.argmax(np.where(np.isnan(wrong), np.inf, np.abs(wrong)))]
        raise RangeError(
            f"{what} must be between -8 and 7.9998 (Q3.12), but {wrong.size} of {values.size} values are not; "
            f"the worst is {worst:.6g}"
        )
    words: NDArray[np.int16] = steps.astype(np.int16)
    return words


def saturate_q3_12(values: NDArray[np.floating]) -> tuple[NDArray[np.int16], int]:
    """``values`` rounded like `to_q3_12`, clipped to the format, and how many were clipped."""
    steps = np.rint(values * STEPS)
    clipped = np.clip(steps, -32768, 32767)
    return clipped.astype(np.int16), int(np.count_nonzero(steps != clipped))


def round_q3_12(values: NDArray[np.float32]) -> tuple[NDArray[np.float32], int]:
    """The values of the words of `saturate_q3_12`, and how many were clipped."""
    steps = np.rint(values * np.float32(STEPS))
    clipped = int(np.count_nonzero((steps < -32768) | (steps > 32767)))
    if clipped:
        np.clip(steps, -32768, 32767, out=steps)
    steps *= np.float32(1 / STEPS)
    return steps, clipped


def from_q3_12(words: NDArray[np.int16]) -> NDArray[np.float64]:
    """The values of Q3.12 words, exact."""
    return words / float(STEPS)
