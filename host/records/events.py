"""What happens in a run, as values: one line of ``metrics.jsonl`` each, one writer, one reader."""

import json
import os
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

from deep3.errors import Deep3Error

from .fields import check_fields

__all__ = [
    "EVENTS_FILE", "Evaluated", "Event", "EventWriter", "Finished", "RecordError", "Scored", "Started", "Stopped",
    "Updated", "WorkerLost", "forget_after", "read_events", "read_records",
]  # fmt: skip

EVENTS_FILE = "metrics.jsonl"
SCHEMA = 1


class RecordError(Deep3Error):
    """Records of a run that are missing or damaged."""


@dataclass(frozen=True)
class Started:
    """A run begins after ``iteration`` updates and ``seconds``, more than 0 where it goes on; it will have about
    ``iterations``. Records of earlier versions do not say the seconds: they are 0."""

    iteration: int
    iterations: int
    workers: tuple[str, ...]
    seconds: float = 0.0


@dataclass(frozen=True)
class Updated:
    """Update number ``iteration`` (from 1) has been added.

    Attributes
    ----------
    worker
        Name of the worker it came from.
    rate
        Learning rate it was trained with.
    batches, samples, correct
        Batches and samples it was trained on, and how many of these were classified right in the forward pass.
    engine_cycles, clipped
        As of `host.workers.base.Trained`.
    worker_seconds
        Time that the worker took.
    multiply_adds, seconds
        Of the run up to here.
    began_iteration
        Updates that the network had seen when the task was drawn from it: `staleness` counts those added since.
    began_seconds
        When in the run the worker began; it was done ``worker_seconds`` later.
    words_to_worker, words_from_worker
        16-bit words that the task takes: initial weights, what the optimiser keeps of them, inputs and labels; and the
        changes of the former two.

    Records of earlier versions lack the last four: None.
    """

    iteration: int
    worker: str
    rate: float
    batches: int
    samples: int
    correct: int
    engine_cycles: int
    clipped: int
    worker_seconds: float
    multiply_adds: int
    seconds: float
    began_iteration: int | None = None
    began_seconds: float | None = None
    words_to_worker: int | None = None
    words_from_worker: int | None = None

    @property
    def staleness(self) -> int | None:
        """Updates of others that were added between the task and this one."""
        return None if self.began_iteration is None else self.iteration - 1 - self.began_iteration


@dataclass(frozen=True)
class Evaluated:
    """The global network has been validated after ``iteration`` updates.

    Runs of earlier versions were tested each time, in later ones `Scored` tells: ``test_accuracy`` and ``test_samples``
    are None.
    """

    iteration: int
    validation_accuracy: float
    validation_loss: float
    validation_samples: int
    multiply_adds: int
    seconds: float
    test_accuracy: float | None = None
    test_samples: int | None = None


@dataclass(frozen=True)
class Scored:
    """Accuracy (0 to 1) on ``samples`` test samples of the network with the best validation up to ``iteration``."""

    iteration: int
    accuracy: float
    samples: int
    seconds: float


@dataclass(frozen=True)
class WorkerLost:
    """A worker is gone; the others go on. Records of earlier versions do not say when: ``seconds`` is None."""

    iteration: int
    worker: str
    error: str
    seconds: float | None = None


@dataclass(frozen=True)
class Finished:
    """The run has come to its end: ``reason`` "epochs" or "error-threshold"."""

    iteration: int
    reason: str
    seconds: float


@dataclass(frozen=True)
class Stopped:
    """The run has ended before its end; ``reason`` in words."""

    iteration: int
    reason: str
    seconds: float


Event = Started | Updated | Evaluated | Scored | WorkerLost | Finished | Stopped

KINDS: dict[str, type[Event]] = {
    "started": Started,
    "updated": Updated,
    "evaluated": Evaluated,
    "scored": Scored,
    "worker-lost": WorkerLost,
    "finished": Finished,
    "stopped": Stopped,
}
NAMES = {kind: name for name, kind in KINDS.items()}


class EventWriter:
    """Appends the events of one run, told apart by ``run``, to ``metrics.jsonl`` of a folder; a context manager."""

    def __init__(self, folder: Path, run: str) -> None:
        self._run = run
        self._file = (folder / EVENTS_FILE).open("a", encoding="utf-8")

    def __enter__(self) -> "EventWriter":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()

    def write(self, event: Event) -> None:
        """Append one event; whoever reads the file finds it at once."""
        values = {"schema": SCHEMA, "run": self._run, "event": NAMES[type(event)], **vars(event)}
        self._file.write(json.dumps(values) + "\n")
        self._file.flush()


def read_events(folder: Path) -> list[tuple[str, Event]]:
    """(run, event) of a folder, in order. A last line that was cut, by a full disk or a kill, is left out.

    Raises
    ------
    RecordError
        When there is no such file, or a line is no event.
    """
    return read_records(folder)[0]


def read_records(folder: Path) -> tuple[list[tuple[str, Event]], int]:
    """What `read_events` gives, and how many lines were cut and left out: 0 or 1."""
    lines, cut = _read(folder)
    return [(run, event) for run, event, _ in lines], cut


def forget_after(folder: Path, run: str, iteration: int) -> None:
    """Take the events of a run behind ``iteration``, and that it stopped there, out of the records of a folder."""
    kept = [
        line
        for name, event, line in _read(folder)[0]
        if name != run or (event.iteration <= iteration and not isinstance(event, Stopped | Finished))
    ]
    path = folder / EVENTS_FILE
    partial = path.with_suffix(".partial")
    partial.write_text("".join(line + "\n" for line in kept), encoding="utf-8")
    os.replace(partial, path)


def _read(folder: Path) -> tuple[list[tuple[str, Event, str]], int]:
    path = folder / EVENTS_FILE
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not a UTF-8 text file"
        raise RecordError(f"{path}: cannot read the records of the run: {reason}") from None
    *lines, rest = text.split("\n")
    found = []
    for number, line in enumerate(lines, 1):
        try:
            found.append((*_event(json.loads(line)), line))
        except (ValueError, TypeError, KeyError, AttributeError):
            raise RecordError(f"{path}: line {number} is no event of schema {SCHEMA}: {line[:60]!r}") from None
    return found, int(bool(rest))


def _event(values: dict[str, Any]) -> tuple[str, Event]:
    if values.pop("schema") != SCHEMA:
        raise ValueError("another schema")
    run, kind = str(values.pop("run")), KINDS[values.pop("event")]
    check_fields(kind, values)
    if kind is Started:
        values["workers"] = tuple(values["workers"])
    return run, kind(**values)
