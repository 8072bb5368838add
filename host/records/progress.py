"""Progress of a run on stderr, for whoever does not watch it on a terminal."""

import sys
from collections.abc import Callable
from types import TracebackType
from typing import Any, Protocol, Self

from tqdm import tqdm

from .events import Evaluated, Event, Started, Updated, WorkerLost

__all__ = ["MakeProgress", "Progress", "ProgressBar"]


class Progress(Protocol):
    """Shows one run, event after event; a context manager."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...

    def __call__(self, event: Event) -> None:
        """Take note of the next event."""


MakeProgress = Callable[[str], Progress]
"""From the name of a run, "joint" or "reference"."""


class ProgressBar:
    """A bar, and a line for every worker that is lost (see `Progress`)."""

    def __init__(self, run: str) -> None:
        self._run = run
        self._bar: tqdm[Any] | None = None

    def __enter__(self) -> "ProgressBar":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar is not None:
            self._bar.close()

    def __call__(self, event: Event) -> None:
        """Take note of the next event."""
        if isinstance(event, Started):
            self._bar = tqdm(
                total=max(event.iterations, event.iteration), initial=event.iteration, desc=self._run, unit="push",
                file=sys.stderr, dynamic_ncols=True, mininterval=0.5,
            )  # fmt: skip
            return
        assert self._bar is not None, "every run begins with Started"
        if isinstance(event, Updated):
            self._bar.update()
        elif isinstance(event, Evaluated):
            self._bar.set_postfix_str(f"validation {100 * event.validation_accuracy:.2f} %", refresh=False)
        elif isinstance(event, WorkerLost):
            self._bar.write(f"deep3: worker {event.worker} is lost: {event.error}", file=sys.stderr)
