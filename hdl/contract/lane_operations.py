"""What the post lanes do with a sum: one table for gateware, golden model and docs/engine.md.

Every operation is one pass through one multiplier:

    window = sat18(sum >> window_shift)
    y = sat16((window + 1) >> 1)
    result = sat16(base + (((a * b >> 4 * rate_shift) + addend) >> 16))

in UPDATE, and where b is R, base - ...; rate_shift is 0 but in UPDATE.
"""

from dataclasses import dataclass
from enum import StrEnum

from .program import Format, Function, Mode

__all__ = [
    "LANE_OPERATIONS",
    "WINDOW_SHIFTS",
    "Addend",
    "Base",
    "Factor",
    "LaneOperation",
    "Multiplicand",
    "lane_operation",
]  # fmt: skip


class Multiplicand(StrEnum):
    """``a``, 18 bits signed."""

    WINDOW = "window"
    SIGN = "2^16 sign(y)"
    HALF_SIGN = "2^15 sign(y)"


class Factor(StrEnum):
    """``b``, 16 bits unsigned, of the window 17 bits signed. T and D are the entries of the tables for y and for the
    stored activation h, R that for the sum of squares in the place of h."""

    ZERO = "0"
    TABLE = "T"
    SLOPE_TABLE = "D"
    ONE = "16384"
    STEP = "16384 where h > 0"
    RATE = "rate_mantissa"
    WINDOW = "window"
    ROOT = "R"


class Addend(StrEnum):
    """Added below the point: it rounds, or moves the sigmoid. HALF rounds to multiples of 2^p, whose low p bits, a
    position's, are not part of the result; p is 0 where there are none."""

    ZERO = "0"
    HALF = "2^(15 + p)"
    SIGMOID = "4097 * 2^15"
    RANDOM = "random word"


class Base(StrEnum):
    """What the product is added to, or in UPDATE taken from."""

    ZERO = "0"
    Y = "y"
    POSITIVE_Y = "max(y, 0)"
    WEIGHT = "W"


@dataclass(frozen=True)
class LaneOperation:
    """One row; ``format`` and ``function`` are None where the operation is the same for each."""

    mode: Mode
    format: Format | None
    function: Function | None
    window_shift: int
    a: Multiplicand
    b: Factor
    addend: Addend
    base: Base


LANE_OPERATIONS = (
    LaneOperation(
        Mode.FORWARD, Format.Q3_12, Function.IDENTITY, 11, Multiplicand.WINDOW, Factor.ZERO, Addend.ZERO, Base.Y
    ),
    LaneOperation(
        Mode.FORWARD, Format.Q3_12, Function.RELU, 11, Multiplicand.WINDOW, Factor.ZERO, Addend.ZERO,
        Base.POSITIVE_Y,
    ),
    LaneOperation(
        Mode.FORWARD, Format.Q3_12, Function.TANH, 11, Multiplicand.SIGN, Factor.TABLE, Addend.ZERO, Base.ZERO
    ),
    LaneOperation(
        Mode.FORWARD, Format.Q3_12, Function.SIGMOID, 11, Multiplicand.HALF_SIGN, Factor.TABLE, Addend.SIGMOID,
        Base.ZERO,
    ),
    LaneOperation(
        Mode.FORWARD, Format.Q7_8, None, 15, Multiplicand.WINDOW, Factor.ZERO, Addend.ZERO, Base.Y
    ),
    LaneOperation(
        Mode.BACKWARD, None, Function.IDENTITY, 10, Multiplicand.WINDOW, Factor.ONE, Addend.HALF, Base.ZERO
    ),
    LaneOperation(
        Mode.BACKWARD, None, Function.RELU, 10, Multiplicand.WINDOW, Factor.STEP, Addend.HALF, Base.ZERO
    ),
    LaneOperation(
        Mode.BACKWARD, None, Function.TANH, 10, Multiplicand.WINDOW, Factor.SLOPE_TABLE, Addend.HALF, Base.ZERO
    ),
    LaneOperation(
        Mode.BACKWARD, None, Function.SIGMOID, 10, Multiplicand.WINDOW, Factor.SLOPE_TABLE, Addend.HALF, Base.ZERO
    ),
    LaneOperation(Mode.UPDATE, None, None, 14, Multiplicand.WINDOW, Factor.RATE, Addend.RANDOM, Base.WEIGHT),
    LaneOperation(
        Mode.ADAGRAD, Format.Q3_12, None, 15, Multiplicand.WINDOW, Factor.WINDOW, Addend.RANDOM, Base.WEIGHT
    ),
    LaneOperation(Mode.ADAGRAD, Format.Q7_8, None, 14, Multiplicand.WINDOW, Factor.ROOT, Addend.RANDOM, Base.ZERO),
)  # fmt: skip

WINDOW_SHIFTS = tuple(sorted({operation.window_shift for operation in LANE_OPERATIONS}))
"""Low bits of the sum below the window, each once."""


def lane_operation(mode: Mode, format: Format, function: Function) -> LaneOperation:
    """The row of an instruction."""
    return next(
        row
        for row in LANE_OPERATIONS
        if row.mode is mode and row.format in (None, format) and row.function in (None, function)
    )
