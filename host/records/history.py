"""A run as its events tell it: curve, best network, what each worker did."""

from dataclasses import dataclass, field
from pathlib import Path

from .events import Evaluated, Event, Finished, RecordError, Scored, Started, Stopped, Updated, WorkerLost, read_events

__all__ = ["Contribution", "History", "read_histories"]


@dataclass
class Contribution:
    """What one worker did: updates, batches, seconds of training, engine clock cycles, saturated values; ``pushes``
    has the seconds of each update."""

    updates: int = 0
    batches: int = 0
    seconds: float = 0.0
    engine_cycles: int = 0
    clipped: int = 0
    lost: str | None = None
    pushes: list[float] = field(default_factory=list)


@dataclass
class History:
    """Events of one run, added up.

    Attributes
    ----------
    contributions
        By name of the worker.
    evaluations
        In order.
    best
        The most accurate in validation; of equals the one with the smaller loss. Its network is the checkpoint.
    scored
        The test of that network; None before it, and where there are no test samples.
    iteration, seconds
        How far the run has come.
    ended, finished
        Why it has ended, where it has, and whether that was its end.
    """

    contributions: dict[str, Contribution] = field(default_factory=dict)
    evaluations: list[Evaluated] = field(default_factory=list)
    best: Evaluated | None = None
    scored: Scored | None = None
    iteration: int = 0
    seconds: float = 0.0
    ended: str | None = None
    finished: bool = False

    def add(self, event: Event) -> None:
        """Take in the next event.

        Raises
        ------
        RecordError
            When it names a worker that the run never had.
        """
        self.iteration = event.iteration
        if isinstance(event, Started):
            self.ended, self.finished = None, False
            for worker in event.workers:
                self.contributions.setdefault(worker, Contribution()).lost = None
        elif isinstance(event, Updated):
            self._updated(event)
        elif isinstance(event, Evaluated):
            self.evaluations.append(event)
            self.seconds = event.seconds
            if self.best is None or _rank(event) > _rank(self.best):
                self.best, self.scored = event, None
        elif isinstance(event, Scored):
            self.scored = event
        elif isinstance(event, WorkerLost):
            self._contribution(event.worker).lost = event.error
        elif isinstance(event, Finished | Stopped):
            self.ended, self.seconds = event.reason, event.seconds
            self.finished = isinstance(event, Finished)

    def _updated(self, event: Updated) -> None:
        self.seconds = event.seconds
        part = self._contribution(event.worker)
        part.updates += 1
        part.batches += event.batches
        part.seconds += event.worker_seconds
        part.engine_cycles += event.engine_cycles
        part.clipped += event.clipped
        part.pushes.append(event.worker_seconds)


    def _contribution(self, worker: str) -> Contribution:
        if worker not in self.contributions:
            raise RecordError(f"the records name a worker that no run began with: {worker!r}")
        return self.contributions[worker]


def read_histories(folder: Path) -> dict[str, History]:
    """The runs in the records of a folder by their names, "joint" and perhaps "reference".

    Raises
    ------
    RecordError
        When there are none, or they are damaged.
    """
    histories: dict[str, History] = {}
    for run, event in read_events(folder):
        histories.setdefault(run, History()).add(event)
    return histories


def _rank(event: Evaluated) -> tuple[float, float]:
    return event.validation_accuracy, -event.validation_loss
