"""A worker's thread: tasks go in, updates or a failure come out."""

import queue
import threading
import time
from collections.abc import Callable

from deep3.host.workers.assignment import Worker
from deep3.host.workers.tasks import Failure, Task, Update

from .training_set import TrainingSet

__all__ = ["WorkerThread"]


class WorkerThread:
    """Trains one task after the other.

    Parameters
    ----------
    number, worker
        Who trains.
    data
        What the rows of a task lie in.
    report
        Called in the thread with whatever comes of a task: the run would wait for ever without.
    """

    def __init__(
        self, number: int, worker: Worker, data: TrainingSet, report: Callable[[Update | Failure], None]
    ) -> None:
        self._number = number
        self._worker = worker
        self._data = data
        self._report = report
        self._tasks: queue.SimpleQueue[Task | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, name=worker.name, daemon=True)
        self._thread.start()

    def submit(self, task: Task) -> None:
        """Have a task trained when those before it are."""
        self._tasks.put(task)

    def close(self) -> None:
        """Wait for what has been submitted."""
        self._tasks.put(None)
        self._thread.join()

    def _run(self) -> None:
        while (task := self._tasks.get()) is not None:
            self._report(self._train(task))

    def _train(self, task: Task) -> Update | Failure:
        began_s = time.monotonic()
        inputs, labels = self._data.inputs.take(task.rows, axis=0), self._data.labels.take(task.rows)
        try:
            trained = self._worker.backend.train(task.weights, inputs, labels, task.rate, task.seed, task.state)
        except Exception as error:
            return Failure(self._number, error)
        return Update(self._number, task, trained, began_s, time.monotonic() - began_s)
