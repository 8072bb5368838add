"""The send and receive threads of one worker (Deep3, Section 5.1 and Algorithm 1)."""

import queue
import threading
import time
from collections.abc import Callable

from deep3.errors import Deep3Error
from deep3.host.global_network.global_network import Sample
from deep3.host.link.errors import LinkError
from deep3.host.workers.base import Backend
from deep3.host.workers.tasks import Failure, Task, Update

__all__ = ["WORKER_ERRORS", "WorkerThreads"]

WORKER_ERRORS = (Deep3Error, LinkError, OSError)
"""What ends a worker but not the run."""


class WorkerThreads:
    """A pair of threads between the coordinator and one worker.

    The send thread waits for its turn, calls ``prepare`` (subsampling, copy of the weights) and hands the task over;
    the receive thread waits for the worker's result and puts it into ``results``. A turn is given with `next_turn`,
    once the worker's previous update has been added: a worker then never starts from weights that lack its own work.

    Members
    -------
    history
        Sampled indices of every task sent, in order.
    """

    def __init__(
        self,
        worker: int,
        backend: Backend,
        prepare: Callable[[int], Task],
        results: "queue.Queue[Update | Failure]",
    ) -> None:
        self.history: list[Sample] = []
        self._worker = worker
        self._backend = backend
        self._prepare = prepare
        self._results = results
        self._tasks: queue.Queue[Task | None] = queue.Queue()
        self._turns = threading.Semaphore(0)
        self._sent = threading.Semaphore(0)
        self._done = threading.Event()
        self._threads = [
            threading.Thread(target=self._guard, args=(body,), name=f"{name}-{worker}", daemon=True)
            for name, body in (("send", self._send), ("receive", self._receive))
        ]

    def start(self) -> None:
        """Start both threads; nothing is sent before `next_turn`."""
        for thread in self._threads:
            thread.start()

    def next_turn(self) -> None:
        """Let the send thread prepare and send one task; returns when it is on its way."""
        self._turns.release()
        self._sent.acquire()

    def stop(self) -> None:
        """End both threads; a task under way is finished and its result dropped by whoever stopped reading."""
        self._done.set()
        self._turns.release()
        self._tasks.put(None)
        for thread in self._threads:
            thread.join()

    def _guard(self, body: Callable[[], None]) -> None:
        try:
            body()
        except Exception as error:  # Whatever it is, the main thread must hear of it, or it would wait for ever.
            self._results.put(Failure(self._worker, error))
            self._sent.release()

    def _send(self) -> None:
        while True:
            self._turns.acquire()
            if self._done.is_set():
                return
            task = self._prepare(self._worker)
            self.history.append(task.sample)
            self._tasks.put(task)
            self._sent.release()

    def _receive(self) -> None:
        count = 0
        while (task := self._tasks.get()) is not None:
            started_s = time.monotonic()
            trained = self._backend.train(task.weights, task.inputs, task.labels, task.rate, task.seed)
            seconds = time.monotonic() - started_s
            self._results.put(Update(self._worker, count, trained, task.rate, seconds))
            count += 1
