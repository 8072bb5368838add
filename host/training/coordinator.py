"""The parameter coordinator: asynchronous training of one global network by many workers (Deep3, Algorithm 1)."""

import math
import queue
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass

import numpy as np
from threadpoolctl import threadpool_limits

from deep3.errors import Deep3Error
from deep3.host.global_network.blocks import Weights
from deep3.host.global_network.learning_rate import learning_rate
from deep3.host.global_network.sampling import Turn
from deep3.host.global_network.schemes import SCHEMES
from deep3.host.records.events import Evaluated, Event, Finished, Started, Stopped, Updated, WorkerLost
from deep3.host.workers.assignment import Assignment, Worker
from deep3.host.workers.tasks import Failure, Task, Update

from .interruption import put_off_interruptions
from .state import RunState
from .training_set import TrainingSet
from .worker_thread import WorkerThread

__all__ = ["Coordinator", "CoordinatorError", "Diverged", "Observer", "Schedule"]

WORKER_ERRORS = (Deep3Error, OSError)
"""What ends a worker but not the run."""

Observer = Callable[[Event], None]
"""Who watches a run: records, progress bars, checkpoints. Called in the coordinator's thread, with the network as it is
after the event."""


class CoordinatorError(Deep3Error):
    """A run that cannot go on."""


class Diverged(CoordinatorError):
    """Training that has left the numbers."""


@dataclass(frozen=True)
class Schedule:
    """How long and in which steps a run trains.

    Parameters
    ----------
    samples
        Samples that all workers together train on, repeats counted; to the nearest batch.
    iterations
        Pushes that this will take, about: the measure of how far the learning rate has fallen.
    rate, shape
        Learning rate of a network that is not subsampled, and how it falls; see
        `host.global_network.learning_rate.learning_rate`.
    error_threshold
        The run ends when the validation error (0 to 1) falls below this.
    evaluate_every
        Pushes between two validations.
    deterministic
        Take the workers' updates in turns, so that a run is repeated bit for bit; faster workers then wait. Of no
        effect with a scheme in rounds, which repeat anyway.
    scheme
        A key of `host.global_network.schemes.SCHEMES`.
    outer_momentum
        Of the schemes that have one.
    """

    samples: float
    iterations: int
    rate: float
    error_threshold: float
    evaluate_every: int
    deterministic: bool
    shape: str = "step"
    scheme: str = "guarded"
    outer_momentum: float = 0.5


class Coordinator:
    """One run of Algorithm 1, from its beginning or from wherever it stood.

    The `while` of the printed algorithm must read "error >= delta and iterations <= maximum"; that is what runs here.
    Each worker trains in a thread of its own; everything else happens in the thread that calls `run`. A worker gets its
    next task once its last update has been added: it never starts from weights that lack its own work. A scheme in
    rounds waits for the last worker of each.

    Parameters
    ----------
    state
        Where the run stands; changed by it, and consistent whenever `run` ends in whatever way but a second Ctrl-C.
    data
        Training and validation samples.
    workers
        Whoever opened them closes them.
    schedule, observer
        See there.
    keep
        Called now and then between two updates, for whoever wants to keep the state.
    """

    def __init__(
        self,
        state: RunState,
        data: TrainingSet,
        workers: Sequence[Worker],
        schedule: Schedule,
        observer: Observer,
        keep: Callable[[RunState], None] = lambda _: None,
    ) -> None:
        self._state = state
        self._data = data
        self._workers = workers
        self._schedule = schedule
        self._scheme = SCHEMES[schedule.scheme]
        self._observer = observer
        self._keep = keep
        self._results: queue.SimpleQueue[Update | Failure | KeyboardInterrupt] = queue.SimpleQueue()
        self._early: dict[int, Update | Failure] = {}
        self._round: dict[int, Update] = {}
        self._interruption: KeyboardInterrupt | None = None
        self._threads: list[WorkerThread] = []
        self._began_s = 0.0

    def run(self) -> None:
        """Train until the validation error is below the threshold or the samples are used up.

        Raises
        ------
        CoordinatorError
            When no worker is left.
        Diverged
            When the validation loss is no number any more.
        KeyboardInterrupt
            At Ctrl-C, and `Terminated` at SIGTERM, once the update under way is added.
        """
        state = self._state
        self._began_s = time.monotonic() - state.seconds
        names = tuple(worker.name for worker in self._workers)
        self._observer(Started(state.iteration, self._schedule.iterations, names, state.seconds))
        try:
            with ExitStack() as stack, put_off_interruptions(self._interrupt):
                # Threads of BLAS spin for a while after every product, and products of the coordinator are small.
                stack.enter_context(threadpool_limits(1, user_api="blas"))
                for number, worker in enumerate(self._workers):
                    self._threads.append(WorkerThread(number, worker, self._data, self._results.put))
                    stack.callback(self._threads[number].close)
                error = self._train()
                if self._interruption is not None:
                    raise self._interruption
        except (CoordinatorError, KeyboardInterrupt) as stop:
            reason = str(stop) or ("terminated" if type(stop) is not KeyboardInterrupt else "interrupted")
            self._observer(Stopped(state.iteration, reason, state.seconds))
            raise
        state.finished = True
        reason = "error-threshold" if error < self._schedule.error_threshold else "epochs"
        self._observer(Finished(state.iteration, reason, state.seconds))

    def _train(self) -> float:
        """The loop; the last validation error."""
        state, schedule = self._state, self._schedule
        error, evaluated = (self._evaluate(), 0) if state.iteration == 0 else (1.0, -1)
        for number, worker in enumerate(state.workers):
            if worker.task is not None:
                self._submit(number, worker.task)
        while error >= schedule.error_threshold and self._give_tasks():
            result = self._next_result()
            if isinstance(result, Failure):
                self._drop(result)
            else:
                self._round[result.worker] = result
            before = state.iteration
            if not self._scheme.synchronous or all(
                number in self._round for number in state.turns if state.workers[number].task is not None
            ):
                self._join()
            if state.iteration // schedule.evaluate_every > before // schedule.evaluate_every:
                error, evaluated = self._evaluate(), state.iteration
                self._keep(state)
        return error if evaluated == state.iteration else self._evaluate()

    def _give_tasks(self) -> bool:
        """A task for every worker that has none, as far as there are samples, or in rounds for all at once; whether any
        is under way."""
        state = self._state
        waiting = [number for number in sorted(state.turns) if state.workers[number].task is None]
        if self._scheme.synchronous and len(waiting) < len(state.turns):
            return True
        for number in waiting if self._scheme.synchronous else state.turns:
            batches = self._batches(self._workers[number].assignment)
            if state.workers[number].task is None and batches:
                state.workers[number].task = task = self._prepare(number, batches)
                state.samples += task.rows.size
                self._submit(number, task)
        return any(state.workers[number].task is not None for number in state.turns)

    def _batches(self, assignment: Assignment) -> int:
        """Of the next task: those of a push, or what is left; the first task of a run has at least one."""
        left = round((self._schedule.samples - self._state.samples) / assignment.batch)
        return min(assignment.n_push, max(left, 0 if self._state.samples else 1))

    def _prepare(self, number: int, batches: int) -> Task:
        """What a worker does next: NetworkSubsampling and GetNextDataBatch."""
        state, assignment = self._state, self._workers[number].assignment
        worker = state.workers[number]
        active = sorted(state.turns)
        turn = Turn(active.index(number), len(active), worker.pushes, state.seed, worker.sampling)
        sample = self._scheme.draw(assignment.network, assignment.ratio, turn)
        rows = worker.stream.take(batches, assignment.batch)
        progress = min(1.0, state.iteration / self._schedule.iterations)
        rate = learning_rate(self._schedule.rate, assignment.ratio, progress, self._schedule.shape)
        seed = int(worker.rounding.integers(1, 1 << 32))
        return Task(sample, *state.parts(number, sample), rows, rate, seed, state.iteration)

    def _submit(self, number: int, task: Task) -> None:
        self._threads[number].submit(task)

    def _interrupt(self, interruption: KeyboardInterrupt) -> None:
        """In a signal handler: end the run before the next result."""
        self._interruption = interruption
        self._results.put(interruption)

    def _next_result(self) -> Update | Failure:
        """The next result: whichever comes first, or with ``deterministic`` that of the worker whose turn it is."""
        state = self._state
        turn = next(number for number in state.turns if state.workers[number].task is not None)
        while True:
            if self._interruption is not None:
                raise self._interruption
            if turn in self._early:
                state.turns.remove(turn)
                state.turns.append(turn)
                return self._early.pop(turn)
            result = self._results.get()
            if isinstance(result, Update | Failure):
                if self._scheme.synchronous or not self._schedule.deterministic:
                    return result
                self._early[result.worker] = result

    def _join(self) -> None:
        """Add what has come, in the order of the workers' numbers."""
        state = self._state
        updates = [self._round.pop(number) for number in sorted(self._round)]
        if not updates:
            return
        state.join(updates, self._scheme, self._schedule.outer_momentum)
        state.seconds = time.monotonic() - self._began_s
        for iteration, update in enumerate(updates, state.iteration - len(updates) + 1):
            self._report(iteration, update)

    def _report(self, iteration: int, update: Update) -> None:
        state, worker, task = self._state, self._workers[update.worker], update.task
        state.multiply_adds += len(task.rows) * worker.assignment.batch_multiply_adds
        self._observer(
            Updated(
                iteration=iteration,
                worker=worker.name,
                rate=task.rate,
                batches=len(task.rows),
                samples=task.rows.size,
                correct=update.trained.correct,
                engine_cycles=update.trained.engine_cycles,
                clipped=update.trained.clipped,
                worker_seconds=update.seconds,
                multiply_adds=state.multiply_adds,
                seconds=state.seconds,
                began_iteration=task.iteration,
                began_seconds=update.began_s - self._began_s,
                words_to_worker=_words(task.weights, task.state) + task.rows.size * (self._data.inputs.shape[1] + 1),
                words_from_worker=_words(update.trained.difference, update.trained.state_difference),
            )
        )

    def _evaluate(self) -> float:
        """Validate and report; the validation error."""
        state, data = self._state, self._data
        # A network that diverges overflows on its way there; what comes of it is judged below.
        with np.errstate(all="ignore"):
            validation = state.network.evaluate(data.validation_inputs, data.validation_labels)
        if not math.isfinite(validation.loss):
            raise self._diverged()
        state.seconds = time.monotonic() - self._began_s
        self._observer(
            Evaluated(
                iteration=state.iteration,
                validation_accuracy=validation.accuracy,
                validation_loss=validation.loss,
                validation_samples=validation.samples,
                multiply_adds=state.multiply_adds,
                seconds=state.seconds,
            )
        )
        return 1 - validation.accuracy

    def _diverged(self) -> Diverged:
        return Diverged(
            f"validation loss is not finite after {self._state.iteration} updates: training diverged; try a smaller "
            f"--rate, not {self._schedule.rate!r}"
        )

    def _drop(self, failure: Failure) -> None:
        """Go on without a worker; what it was to train is given out again."""
        if not isinstance(failure.error, WORKER_ERRORS):
            raise failure.error
        state, name = self._state, self._workers[failure.worker].name
        task = state.workers[failure.worker].task
        assert task is not None, "only a worker with a task fails"
        state.turns.remove(failure.worker)
        state.workers[failure.worker].task = None
        state.samples -= task.rows.size
        lost_s = time.monotonic() - self._began_s
        self._observer(WorkerLost(state.iteration, name, str(failure.error), lost_s))
        if not state.turns:
            raise CoordinatorError(
                f"no worker is left after {state.iteration} updates; the last said: {failure.error}"
            )


def _words(*matrices: Weights) -> int:
    return sum(matrix.size for each in matrices for matrix in each)
