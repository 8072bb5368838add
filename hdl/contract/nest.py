"""The loop nest of an instruction as data: loops of several levels, and walks of operands over them.

A loop runs through ``count`` steps. Its *periods* p_0 < p_1 < ... cut it into levels: step j has the digits

    d_L = j div p_(L-1),  d_(L-1) = (j mod p_(L-1)) div p_(L-2),  ...,  d_0 = the rest

so that level i+1 advances after every p_i steps and all levels below start again. A period need not divide the next
one: a level may end early, as the taps of a kernel do that come in pairs, or the step of a bias behind the weights.
"""

from collections.abc import Sequence
from dataclasses import dataclass

__all__ = ["DEEP", "FLAT", "NOWHERE", "Depth", "Walk", "back", "digits", "jumps", "strides"]


@dataclass(frozen=True)
class Depth:
    """Levels of each loop that an engine walks: columns of a tile, time, reduction tiles, outer tiles, and the classes
    of a loss."""

    column: int
    time: int
    reduction: int
    outer: int
    classes: int = 1

    def levels(self, loops: Sequence[str]) -> list[tuple[str, int]]:
        """(loop, level) of every level of these loops, the first innermost: the order of a walker's jumps."""
        return [(loop, level) for loop in loops for level in range(getattr(self, loop))]


FLAT = Depth(column=1, time=1, reduction=1, outer=1)
"""Matrix products."""

DEEP = Depth(column=2, time=3, reduction=5, outer=3)
"""Convolutions and pooling."""


@dataclass(frozen=True)
class Walk:
    """Strides, in words, of one operand, innermost level first; a level that is left out has stride 0.

    ``inner`` belongs to the innermost loop: time for stream, out and aux walks, the column of the tile for load, the
    class for loss_out. ``reduction`` is unused by out, aux and loss_out walks. With ``buffered`` the offset of the
    current batch buffer is added.
    """

    base: int = 0
    inner: tuple[int, ...] = ()
    reduction: tuple[int, ...] = ()
    outer: tuple[int, ...] = ()
    lane_step: int = 0
    buffered: bool = False

    def __post_init__(self) -> None:
        for name, given in self.loops.items():
            levels = len(given)
            while levels and not given[levels - 1]:
                levels -= 1
            object.__setattr__(self, name, given[:levels])

    @property
    def loops(self) -> dict[str, tuple[int, ...]]:
        """Strides by loop."""
        return {"inner": self.inner, "reduction": self.reduction, "outer": self.outer}


NOWHERE = Walk()


def digits(step: int, periods: Sequence[int]) -> tuple[int, ...]:
    """Digits of a step, innermost first: one more than there are periods."""
    found = []
    for period in reversed(periods):
        digit, step = divmod(step, period)
        found.append(digit)
    return (step, *reversed(found))


def back(step: int, periods: Sequence[int], strides: Sequence[int]) -> int:
    """How far a walk with these strides has come at a step of a loop."""
    return sum(digit * stride for digit, stride in zip(digits(step, periods), strides, strict=False))


def jumps(strides: Sequence[int], periods: Sequence[int]) -> list[int]:
    """What an address moves by when a level advances and all levels below start again, for each level."""
    return [
        stride - (back(periods[level - 1] - 1, periods[: level - 1], strides) if level else 0)
        for level, stride in enumerate(strides)
    ]


def strides(moves: Sequence[int], periods: Sequence[int], modulus: int) -> tuple[int, ...]:
    """The inverse of `jumps`, for strides from ``-modulus / 2`` to ``modulus / 2 - 1``."""
    found: list[int] = []
    for level, move in enumerate(moves):
        stride = move + (back(periods[level - 1] - 1, periods[: level - 1], found) if level else 0)
        found.append((stride + modulus // 2) % modulus - modulus // 2)
    return tuple(found)
