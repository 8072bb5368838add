"""A run in numbers, from its events: the curve, what every worker did and when, what it cost in words."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Literal

from deep3.host.records.events import (
    Evaluated,
    Event,
    Finished,
    RecordError,
    Scored,
    Started,
    Stopped,
    Updated,
    WorkerLost,
)

__all__ = ["Point", "RunNumbers", "WorkerNumbers", "run_numbers"]


@dataclass(frozen=True)
class Point:
    """One validation: what had been spent, and what it found.

    Attributes
    ----------
    iteration
        Updates.
    seconds, multiply_adds, words
        Of the run up to here; words both ways, None where the records do not say.
    validation_accuracy, validation_loss
        Share, 0 to 1, and mean loss.
    """

    iteration: int
    seconds: float
    multiply_adds: int
    words: int | None
    validation_accuracy: float
    validation_loss: float


@dataclass
class WorkerNumbers:
    """What one worker did.

    Attributes
    ----------
    batches, samples, correct, clipped
        As of `host.records.events.Updated`, added up.
    share
        Of the samples of all workers, 0 to 1.
    busy
        Share of the run's time in which it trained.
    words_to_worker, words_from_worker
        16-bit words; None where the records do not say.
    engine_cycles, predicted_cycles
        Counted by the engine, and what the cost model says; 0 and None where there is no engine.
    lost, lost_seconds
        Why and when it was lost; None where it was not.
    push_began_seconds, push_seconds, push_batches
        Of each push: when it began, how long the worker took, and its batches.
    push_staleness
        Updates of others between its task and its update; None where the records do not say.
    """

    batches: int = 0
    samples: int = 0
    correct: int = 0
    clipped: int = 0
    share: float = 0.0
    busy: float = 0.0
    words_to_worker: int | None = 0
    words_from_worker: int | None = 0
    engine_cycles: int = 0
    predicted_cycles: int | None = None
    lost: str | None = None
    lost_seconds: float | None = None
    push_began_seconds: list[float] = field(default_factory=list)
    push_seconds: list[float] = field(default_factory=list)
    push_batches: list[int] = field(default_factory=list)
    push_staleness: list[int | None] = field(default_factory=list)

    @property
    def staleness(self) -> list[int]:
        """That of the pushes of which it is known."""
        return [value for value in self.push_staleness if value is not None]


@dataclass
class RunNumbers:
    """One run of a folder.

    Attributes
    ----------
    state
        "finished"; "stopped" before its end; "unfinished": under way, or killed.
    ended
        Why it ended; None where it did not.
    iterations, planned_iterations
        Updates, and about how many there are to be.
    seconds, multiply_adds
        Of the whole run.
    words_to_workers, words_from_workers
        16-bit words; None where the records do not say.
    best
        Position in ``points`` of the best validation, whose network is the checkpoint; None before the first.
    test_accuracy
        Of that network; None before it was tested, and where there are no test samples.
    points
        In order.
    workers
        By name.
    is_timed
        The records say when workers began. Else it is told from when updates were added.
    """

    state: Literal["finished", "stopped", "unfinished"] = "unfinished"
    ended: str | None = None
    iterations: int = 0
    planned_iterations: int = 0
    seconds: float = 0.0
    multiply_adds: int = 0
    words_to_workers: int | None = 0
    words_from_workers: int | None = 0
    best: int | None = None
    test_accuracy: float | None = None
    points: list[Point] = field(default_factory=list)
    workers: dict[str, WorkerNumbers] = field(default_factory=dict)
    is_timed: bool = True

    @property
    def words(self) -> int | None:
        """Both ways."""
        return _sum(self.words_to_workers, self.words_from_workers)

    @property
    def best_point(self) -> Point | None:
        """The best validation."""
        return None if self.best is None else self.points[self.best]


def run_numbers(events: Iterable[Event]) -> RunNumbers:
    """Add up the events of one run.

    Raises
    ------
    RecordError
        When they name a worker that the run never had.
    """
    run = RunNumbers()
    for event in events:
        _add(run, event)
    samples = sum(worker.samples for worker in run.workers.values())
    for worker in run.workers.values():
        worker.share = worker.samples / samples if samples else 0.0
        worker.busy = sum(worker.push_seconds) / run.seconds if run.seconds else 0.0
    return run


def _add(run: RunNumbers, event: Event) -> None:
    run.iterations = event.iteration
    if event.seconds is not None:
        run.seconds = max(run.seconds, event.seconds)
    match event:
        case Started():
            run.state, run.ended, run.planned_iterations = "unfinished", None, event.iterations
            for name in event.workers:
                worker = run.workers.setdefault(name, WorkerNumbers())
                worker.lost = worker.lost_seconds = None
        case Updated():
            _add_push(run, _worker(run, event.worker), event)
        case Evaluated():
            _add_point(run, event)
        case Scored():
            run.test_accuracy = event.accuracy
        case WorkerLost():
            worker = _worker(run, event.worker)
            worker.lost, worker.lost_seconds = event.error, event.seconds
        case Finished():
            run.state, run.ended = "finished", event.reason
        case Stopped():
            run.state, run.ended = "stopped", event.reason


def _worker(run: RunNumbers, name: str) -> WorkerNumbers:
    if name not in run.workers:
        raise RecordError(f"the records name a worker that no run began with: {name!r}")
    return run.workers[name]


def _add_push(run: RunNumbers, worker: WorkerNumbers, event: Updated) -> None:
    run.multiply_adds = event.multiply_adds
    run.words_to_workers = _sum(run.words_to_workers, event.words_to_worker)
    run.words_from_workers = _sum(run.words_from_workers, event.words_from_worker)
    worker.words_to_worker = _sum(worker.words_to_worker, event.words_to_worker)
    worker.words_from_worker = _sum(worker.words_from_worker, event.words_from_worker)
    worker.batches += event.batches
    worker.samples += event.samples
    worker.correct += event.correct
    worker.clipped += event.clipped
    worker.engine_cycles += event.engine_cycles
    began_s = event.began_seconds
    if began_s is None:
        run.is_timed = False
        began_s = max(0.0, event.seconds - event.worker_seconds)
    worker.push_began_seconds.append(began_s)
    worker.push_seconds.append(event.worker_seconds)
    worker.push_batches.append(event.batches)
    worker.push_staleness.append(event.staleness)


def _add_point(run: RunNumbers, event: Evaluated) -> None:
    point = Point(
        event.iteration,
        event.seconds,
        event.multiply_adds,
        run.words,
        event.validation_accuracy,
        event.validation_loss,
    )
    run.points.append(point)
    best = run.best_point
    if best is None or _rank(point) > _rank(best):
        run.best, run.test_accuracy = len(run.points) - 1, event.test_accuracy


def _rank(point: Point) -> tuple[float, float]:
    """As of `host.records.history`: of equals the one with the smaller loss."""
    return point.validation_accuracy, -point.validation_loss


def _sum(one: int | None, other: int | None) -> int | None:
    return None if one is None or other is None else one + other
