"""The learning rate of a run from its beginning to its end."""

import math
from collections.abc import Callable

__all__ = ["SCHEDULES", "learning_rate"]

LAST_SHARE = 0.01
"""Of the rate at the end of a schedule that falls without steps: an engine has no rate of 0."""

SCHEDULES: dict[str, Callable[[float], float]] = {
    "constant": lambda progress: 1.0,
    "linear": lambda progress: _towards_the_last(1 - progress),
    "cosine": lambda progress: _towards_the_last((1 + math.cos(math.pi * progress)) / 2),
    # Three and a third halvings are a tenth: the first after 15 % of a run, one more every 30 %.
    "step": lambda progress: math.ldexp(1, -round(progress * math.log2(10))),
}
"""Shares of the rate by how far a run has come, 0 to 1. The powers of two of steps keep every bit of an engine's rate
multiplier, whatever the rate; others are within 2^-12."""


def learning_rate(base: float, ratio: float, progress: float, schedule: str = "step") -> float:
    """``base / ratio``, times the share of a key of `SCHEDULES`; ``progress`` runs from 0 to 1."""
    return base / ratio * SCHEDULES[schedule](progress)


def _towards_the_last(share: float) -> float:
    return LAST_SHARE + (1 - LAST_SHARE) * share
