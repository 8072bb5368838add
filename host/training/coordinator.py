"""The parameter coordinator: asynchronous training of one global network by many workers (Deep3, Algorithm 1)."""

import queue
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from deep3.errors import Deep3Error
from deep3.host.global_network.global_network import (
    Evaluation,
    GlobalNetwork,
    draw_sample,
    learning_rate,
    local_sizes,
    multiply_adds,
)
from deep3.host.workers.base import Backend
from deep3.host.workers.tasks import Failure, Task, Update

from .worker_threads import WORKER_ERRORS, WorkerThreads

__all__ = ["BatchStream", "Coordinator", "CoordinatorError", "Observer", "Schedule", "TrainingSet"]


class CoordinatorError(Deep3Error):
    """A run that cannot go on."""


@dataclass(frozen=True)
class TrainingSet:
    """What the workers train on and the coordinator validates on: ``samples x features`` Q3.12 words and labels."""

    inputs: NDArray[np.int16]
    labels: NDArray[np.int64]
    validation_inputs: NDArray[np.float32]
    validation_labels: NDArray[np.int64]


@dataclass(frozen=True)
class Schedule:
    """How long and in which steps a run trains.

    Parameters
    ----------
    batch
        Samples of a batch.
    n_push
        Batches that a worker trains before it pushes its change of weights.
    iterations
        Pushes after which the run ends.
    rate
        Learning rate of a network that is not subsampled; see `host.global_network.global_network.learning_rate`.
    error_threshold
        The run ends when the validation error (0 to 1) falls below this.
    evaluate_every
        Pushes between two validations.
    seed
        Of subsampling, order of the samples and stochastic rounding.
    deterministic
        Take the workers' updates in turns, so that a run is repeated bit for bit; faster workers then wait.
    """

    batch: int
    n_push: int
    iterations: int
    rate: float
    error_threshold: float
    evaluate_every: int
    seed: int
    deterministic: bool


class Observer(Protocol):
    """Who watches a run: records, progress bars, checkpoints."""

    def updated(self, iteration: int, update: Update, multiply_adds_total: int, seconds: float) -> None:
        """Update number ``iteration`` (from 1) has been added."""
        ...

    def evaluated(
        self, iteration: int, network: GlobalNetwork, validation: Evaluation, multiply_adds_total: int, seconds: float
    ) -> None:
        """The global network has been validated after ``iteration`` updates."""
        ...

    def lost(self, worker: int, error: Exception) -> None:
        """A worker is gone; the others go on."""
        ...


class BatchStream:
    """An endless stream of batches: one seeded permutation of the samples after the other, cut without a remainder."""

    def __init__(self, samples: int, seed: Sequence[int]) -> None:
        self._samples = samples
        self._rng = np.random.default_rng(list(seed))
        self._left = np.empty(0, dtype=np.int64)

    def take(self, batches: int, batch: int) -> NDArray[np.int64]:
        """Row numbers ``batches x batch``."""
        wanted = batches * batch
        while len(self._left) < wanted:
            self._left = np.concatenate([self._left, self._rng.permutation(self._samples)])
        taken, self._left = self._left[:wanted], self._left[wanted:]
        return taken.reshape(batches, batch)


class Coordinator:
    """One run of Algorithm 1.

    The `while` of the printed algorithm must read "error >= delta and iterations <= maximum"; that is what runs here.

    Parameters
    ----------
    network
        The global network; changed by the run.
    data
        Training and validation samples.
    backends
        The workers; whoever opened them closes them.
    schedule, observer
        See there.
    """

    def __init__(
        self,
        network: GlobalNetwork,
        data: TrainingSet,
        backends: Sequence[Backend],
        schedule: Schedule,
        observer: Observer,
    ) -> None:
        self._network = network
        self._data = data
        self._schedule = schedule
        self._observer = observer
        self._lock = threading.Lock()
        self._iteration = 0
        self._results: queue.Queue[Update | Failure] = queue.Queue()
        self._early: dict[int, Update | Failure] = {}
        self._order = list(range(len(backends)))
        workers = range(len(backends))
        self._sampling = [np.random.default_rng([schedule.seed, worker, 0]) for worker in workers]
        self._streams = [BatchStream(len(data.labels), [schedule.seed, worker, 1]) for worker in workers]
        self._rounding = [np.random.default_rng([schedule.seed, worker, 2]) for worker in workers]
        self._threads = [
            WorkerThreads(worker, backend, self._prepare, self._results) for worker, backend in enumerate(backends)
        ]
        sizes = local_sizes(network.topology.sizes, network.ratio)
        self._push_multiply_adds = schedule.n_push * multiply_adds(sizes, schedule.batch)

    def run(self) -> int:
        """Train until the validation error is below the threshold or the iterations are done; the number of updates.

        Raises
        ------
        CoordinatorError
            When no worker is left. The network keeps what was added before.
        """
        started_s = time.monotonic()
        error = self._evaluate(started_s)
        for threads in self._threads:
            threads.start()
        try:
            for threads in self._threads:
                threads.next_turn()
            while error >= self._schedule.error_threshold and self._iteration < self._schedule.iterations:
                result = self._next_result()
                if isinstance(result, Failure):
                    self._drop(result)
                    continue
                self._add(result, started_s)
                last = self._iteration == self._schedule.iterations
                if last or self._iteration % self._schedule.evaluate_every == 0:
                    error = self._evaluate(started_s)
                if not last and error >= self._schedule.error_threshold:
                    self._threads[result.worker].next_turn()
        finally:
            for threads in self._threads:
                threads.stop()
        return self._iteration

    def _prepare(self, worker: int) -> Task:
        """What the send thread of ``worker`` sends next: NetworkSubsampling and GetNextDataBatch."""
        schedule, data = self._schedule, self._data
        sample = draw_sample(self._network.topology.sizes, self._network.ratio, self._sampling[worker])
        rows = self._streams[worker].take(schedule.n_push, schedule.batch)
        with self._lock:
            weights = self._network.local_weights(sample)
            progress = self._iteration / schedule.iterations
        rate = learning_rate(schedule.rate, self._network.ratio, progress)
        seed = int(self._rounding[worker].integers(1, 1 << 32))
        return Task(sample, weights, data.inputs[rows], data.labels[rows], rate, seed)

    def _next_result(self) -> Update | Failure:
        """The next result: whichever comes first, or with ``deterministic`` that of the worker whose turn it is."""
        if not self._schedule.deterministic:
            return self._results.get()
        worker = self._order[0]
        while worker not in self._early:
            result = self._results.get()
            self._early[result.worker] = result
        self._order.append(self._order.pop(0))
        return self._early.pop(worker)

    def _add(self, update: Update, started_s: float) -> None:
        with self._lock:
            self._network.add(self._threads[update.worker].history[update.count], update.trained.difference)
            self._iteration += 1
        total = self._iteration * self._push_multiply_adds
        self._observer.updated(self._iteration, update, total, time.monotonic() - started_s)

    def _evaluate(self, started_s: float) -> float:
        """Validate and report; the validation error."""
        validation = self._network.evaluate(self._data.validation_inputs, self._data.validation_labels)
        total = self._iteration * self._push_multiply_adds
        seconds = time.monotonic() - started_s
        self._observer.evaluated(self._iteration, self._network, validation, total, seconds)
        return 1 - validation.accuracy

    def _drop(self, failure: Failure) -> None:
        """Go on without a worker."""
        if not isinstance(failure.error, WORKER_ERRORS):
            raise failure.error
        self._order.remove(failure.worker)
        self._observer.lost(failure.worker, failure.error)
        if not self._order:
            raise CoordinatorError(f"no worker is left after {self._iteration} updates; the last said: {failure.error}")
