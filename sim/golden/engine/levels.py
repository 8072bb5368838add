"""Levels of a loop: which of them advances with a step."""

from typing import NamedTuple

from deep3.hdl.contract.nest import digits

__all__ = ["Levels", "LevelsOutputs", "advancing_level"]


def advancing_level(step: int, periods: tuple[int, ...]) -> int:
    """The level whose digit is another at the next step, all below starting again (`hdl.contract.nest.digits`)."""
    now, following = digits(step, periods), digits(step + 1, periods)
    return max(level for level in range(len(now)) if now[level] != following[level])


class LevelsOutputs(NamedTuple):
    """Of one cycle; ``level`` is None with ``last``."""

    first: bool
    last: bool
    level: int | None
    inner_last: bool


class Levels:
    """Twin of `hdl.engine.levels.Levels`.

    Parameters
    ----------
    count, periods
        Of the loop.
    """

    def __init__(self, count: int, periods: tuple[int, ...]) -> None:
        self._count = count
        self._periods = periods
        self._step = 0

    def cycle(self, begin: bool, step: bool) -> LevelsOutputs:
        """The outputs of a cycle, once a loop has begun."""
        last = self._step == self._count - 1
        level = advancing_level(self._step, self._periods)
        outputs = LevelsOutputs(self._step == 0, last, None if last else level, last or level > 0)
        if begin or (step and last):
            self._step = 0
        elif step:
            self._step += 1
        return outputs
