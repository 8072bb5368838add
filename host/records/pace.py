"""How often work beside training is done: so that it takes a small share of the time, however long it takes at once."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["Pace"]

SHARE = 0.05
"""Of the time, at most."""
LEAST_SECONDS = 1.0
"""Between two times: what a run that is killed may lose."""


class Pace:
    """Tells when to do some work again: a second after the last time, or twenty times as long as that took."""

    def __init__(self) -> None:
        self._due_s = time.monotonic() + LEAST_SECONDS

    @property
    def is_due(self) -> bool:
        """Whether it is time."""
        return time.monotonic() >= self._due_s

    @contextmanager
    def working(self) -> Iterator[None]:
        """Around the work."""
        began_s = time.monotonic()
        try:
            yield
        finally:
            ended_s = time.monotonic()
            self._due_s = ended_s + max(LEAST_SECONDS, (ended_s - began_s) / SHARE)
