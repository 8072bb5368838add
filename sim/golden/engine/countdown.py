"""First and last of a number of steps."""

__all__ = ["Countdown"]


class Countdown:
    """Twin of `hdl.engine.countdown.Countdown`."""

    def __init__(self) -> None:
        self._count: int | None = None
        self._count_before = 1
        self._step = 0

    def cycle(self, count: int, begin: bool, step: bool) -> tuple[bool, bool] | None:
        """Whether the step of this cycle, or the next to come, is the first and the last; None before any ``begin``."""
        ends = None if self._count is None else (self._step == 0, self._step == self._count - 1)
        if begin or (step and ends is not None and ends[1]):
            self._count, self._step = self._count_before, 0
        elif step:
            self._step += 1
        self._count_before = count
        return ends
