"""Algorithm 1 with workers made for the test: ones that fail, ones that answer in a known way."""

import threading
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deep3.compiler.network.network import Network
from deep3.hdl.contract.fixed_point import from_q3_12, to_q3_12
from deep3.host.global_network.global_network import GlobalNetwork, Weights
from deep3.host.link.errors import LinkError
from deep3.host.records.events import Evaluated, Event, Finished, Started, Stopped, Updated, WorkerLost
from deep3.host.training.coordinator import Coordinator, CoordinatorError, Diverged, Schedule
from deep3.host.training.state import BatchStream, RunState
from deep3.host.training.training_set import TrainingSet
from deep3.host.workers.assignment import Assignment, Worker, equal_assignments
from deep3.host.workers.base import Trained
from deep3.host.workers.pytorch import PytorchBackend

SIZES = (4, 8, 3)


class Log:
    """An observer that keeps what it is told."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self.someone_lost = threading.Event()

    def __call__(self, event: Event) -> None:
        self.events.append(event)
        if isinstance(event, Updated):
            assert event.iteration == len(self.updates)
        if isinstance(event, WorkerLost):
            self.someone_lost.set()

    @property
    def updates(self) -> list[Updated]:
        return [event for event in self.events if isinstance(event, Updated)]

    @property
    def evaluations(self) -> list[tuple[int, float]]:
        return [(event.iteration, event.validation_accuracy) for event in self.events if isinstance(event, Evaluated)]

    @property
    def losses(self) -> list[tuple[str, str]]:
        return [(event.worker, event.error) for event in self.events if isinstance(event, WorkerLost)]


class Adder:
    """Returns a change of one step everywhere; dies after ``lives`` pushes, and waits before its fourth push for the
    event ``patient``, where these are given."""

    def __init__(
        self, lives: int | None = None, error: Exception | None = None, patient: threading.Event | None = None
    ) -> None:
        self.pushes = 0
        self._patient = patient
        self._lives = lives
        self._error = error or LinkError("board 10.0.0.9:4660 does not answer")

    def train(
        self, weights: Weights, inputs: np.ndarray, labels: np.ndarray, rate: float, seed: int, state: object = ()
    ) -> Trained:
        if self._lives is not None and self.pushes >= self._lives:
            raise self._error
        if self._patient is not None and self.pushes == 3:
            assert self._patient.wait(timeout=60)
        self.pushes += 1
        return Trained([np.full_like(matrix, 2.0**-12) for matrix in weights], correct=0)

    def close(self) -> None:
        """Nothing to give back."""


def training_set(samples: int = 120) -> TrainingSet:
    """Classes that a small network can tell apart."""
    rng = np.random.default_rng(7)
    labels = np.arange(samples) % 3
    centres = rng.normal(size=(3, 4))
    inputs = to_q3_12(centres[labels] + 0.2 * rng.normal(size=(samples, 4)), "inputs")
    return TrainingSet(inputs, labels, from_q3_12(inputs[:30]).astype(np.float32), labels[:30])


BATCH = 6
N_PUSH = 2


def schedule(iterations: int = 12, **changes: object) -> Schedule:
    values = {
        "samples": iterations * BATCH * N_PUSH,
        "iterations": iterations,
        "rate": 0.2,
        "error_threshold": 0.0,
        "evaluate_every": 4,
        "deterministic": False,
    }
    return Schedule(**{**values, **changes})  # type: ignore[arg-type]


def network(ratio: float = 1.0) -> GlobalNetwork:
    return GlobalNetwork.initialise(Network.uniform(SIZES), ratio, 1)


def coordinator(
    trained: GlobalNetwork, backends: Sequence[object], log: Log, seed: int = 3, **changes: object
) -> Coordinator:
    data = training_set()
    assignments = equal_assignments(
        trained.topology, trained.ratio, len(data.labels), BATCH, N_PUSH, len(backends)
    )
    workers = [
        Worker(f"w{number}", backend, assignment)  # type: ignore[arg-type]
        for number, (backend, assignment) in enumerate(zip(backends, assignments, strict=True))
    ]
    return Coordinator(RunState.begin(trained, assignments, seed), data, workers, schedule(**changes), log)  # type: ignore[arg-type]


def run(
    backends: Sequence[object], ratio: float = 1.0, seed: int = 3, **changes: object
) -> tuple[GlobalNetwork, Log]:
    trained, log = network(ratio), Log()
    coordinator(trained, backends, log, seed, **changes).run()
    return trained, log


@settings(max_examples=15)
@given(st.integers(1, 4), st.sampled_from([0.25, 0.5, 1.0]), st.booleans())
def test_every_push_is_added_exactly_once(workers: int, ratio: float, deterministic: bool) -> None:
    trained, log = run([Adder() for _ in range(workers)], ratio, deterministic=deterministic, scheme="add")
    local_parameters = network(ratio).local_topology().parameters
    added = sum((new - old).sum() for new, old in zip(trained.weights, network(ratio).weights, strict=True))
    assert len(log.updates) == 12
    assert added == pytest.approx(12 * local_parameters * 2.0**-12, rel=1e-5)


def test_a_worker_that_dies_is_reported_and_the_others_go_on() -> None:
    log = Log()
    survivor, mortal = Adder(patient=log.someone_lost), Adder(lives=2)
    coordinator(network(), [survivor, mortal], log).run()
    assert log.losses == [("w1", "board 10.0.0.9:4660 does not answer")]
    assert len(log.updates) == 12
    assert sum(update.worker == "w1" for update in log.updates) == 2
    assert log.evaluations[-1][0] == 12


def test_a_worker_that_dies_in_a_deterministic_run() -> None:
    _, log = run([Adder(), Adder(lives=1), Adder()], deterministic=True)
    assert "".join(update.worker[1] for update in log.updates) == "012020202020"


def test_without_workers_the_run_fails_and_keeps_what_was_added() -> None:
    trained, log = network(), Log()
    with pytest.raises(CoordinatorError) as caught:
        coordinator(trained, [Adder(lives=3)], log).run()
    assert str(caught.value) == (
        "no worker is left after 3 updates; the last said: board 10.0.0.9:4660 does not answer"
    )
    assert np.allclose(trained.weights[0] - network().weights[0], 3 * 2.0**-12)
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("w0")]
    assert log.events[-1] == Stopped(3, str(caught.value), log.updates[-1].seconds)


def test_a_mistake_in_a_worker_is_not_taken_for_its_loss() -> None:
    with pytest.raises(ZeroDivisionError):
        run([Adder(), Adder(lives=0, error=ZeroDivisionError("a mistake"))])


def test_one_worker_learns_and_repeats_bit_for_bit() -> None:
    runs = [run([PytorchBackend(Network.uniform(SIZES))], iterations=30) for _ in range(2)]
    (first, log), (second, _) = runs
    assert all(np.array_equal(a, b) for a, b in zip(first.weights, second.weights, strict=True))
    assert log.evaluations[0][1] < 0.9
    assert log.evaluations[-1][1] > 0.95


@pytest.mark.parametrize("ratio", [0.5, 1.0])
def test_several_workers_repeat_when_they_take_turns(ratio: float) -> None:
    local = network(ratio).local_topology()
    runs = [run([PytorchBackend(local) for _ in range(3)], ratio, deterministic=True)[0] for _ in range(2)]
    assert all(np.array_equal(a, b) for a, b in zip(runs[0].weights, runs[1].weights, strict=True))


def test_the_seed_changes_the_run() -> None:
    first, second = (run([PytorchBackend(Network.uniform(SIZES))], seed=seed)[0] for seed in (1, 2))
    assert not np.array_equal(first.weights[0], second.weights[0])


def test_the_run_ends_when_the_error_is_small_enough() -> None:
    _, log = run([PytorchBackend(Network.uniform(SIZES))], iterations=500, error_threshold=0.2, evaluate_every=1)
    assert 1 - log.evaluations[-1][1] < 0.2
    assert all(1 - accuracy >= 0.2 for _, accuracy in log.evaluations[:-1])
    assert len(log.updates) < 500


def test_multiply_adds_are_those_of_the_local_networks() -> None:
    _, log = run([Adder()], ratio=0.5)
    assert log.updates[-1].multiply_adds == 12 * 2 * 6 * (2 * (4 * 4 + 4 * 3) + 4 * 3)


@given(st.integers(1, 50), st.lists(st.tuples(st.integers(1, 4), st.integers(1, 20)), min_size=1, max_size=6))
def test_a_stream_walks_every_sample_once_an_epoch(samples: int, takes: list[tuple[int, int]]) -> None:
    stream = BatchStream(np.arange(samples), [1, 2])
    rows = np.concatenate([stream.take(*take).ravel() for take in takes])
    for start in range(0, len(rows) - samples + 1, samples):
        assert sorted(rows[start : start + samples].tolist()) == list(range(samples))
    tail = rows[len(rows) // samples * samples :]
    assert len(set(tail.tolist())) == len(tail)


@pytest.mark.parametrize(("samples", "pushes"), [(12 * 12, [2] * 12), (12 * 12 + 6, [2] * 12 + [1]), (1, [1])])
def test_the_last_push_is_as_small_as_the_epochs_ask(samples: float, pushes: list[int]) -> None:
    _, log = run([Adder()], samples=samples)
    assert [update.batches for update in log.updates] == pushes
    assert log.updates[-1].multiply_adds == sum(pushes) * 6 * (2 * (4 * 8 + 8 * 3) + 8 * 3)


def test_what_a_lost_worker_had_is_given_out_again() -> None:
    _, log = run([Adder(), Adder(lives=2)], samples=240)
    assert len(log.losses) == 1 or not any(update.worker == "w1" for update in log.updates[4:])
    assert sum(update.samples for update in log.updates) == 240


def test_events_tell_the_run() -> None:
    _, log = run([Adder()], evaluate_every=5)
    assert log.events[0] == Started(0, 12, ("w0",))
    assert [iteration for iteration, _ in log.evaluations] == [0, 5, 10, 12]
    assert isinstance(log.events[-1], Finished)
    assert (log.events[-1].iteration, log.events[-1].reason) == (12, "epochs")


def test_updates_say_when_and_from_where_a_worker_began_and_what_it_cost_in_words() -> None:
    _, log = run([Adder(), Adder(), Adder()], deterministic=True)
    # A worker is given its task once its last update is added; those of the two others come between.
    assert [update.began_iteration for update in log.updates] == [0, 0, 0, *range(1, 10)]
    assert [update.staleness for update in log.updates] == [0, 1, *[2] * 10]
    parameters = network().topology.parameters
    assert {update.words_to_worker for update in log.updates} == {parameters + N_PUSH * BATCH * (4 + 1)}
    assert {update.words_from_worker for update in log.updates} == {parameters}
    for number, update in enumerate(log.updates):
        assert update.began_seconds is not None
        assert 0 <= update.began_seconds <= update.began_seconds + update.worker_seconds <= update.seconds
        if number >= 3:
            assert update.began_seconds >= log.updates[number - 3].seconds


def test_a_loss_says_when_it_was() -> None:
    log = Log()
    coordinator(network(), [Adder(patient=log.someone_lost), Adder(lives=1)], log).run()
    assert len(log.losses) == 1
    times_s = [event.seconds for event in log.events if isinstance(event, Updated | WorkerLost)]
    assert None not in times_s
    assert times_s == sorted(times_s, key=float)


class Draws(Adder):
    """Keeps the shapes of what it is given."""

    def __init__(self) -> None:
        super().__init__()
        self.inputs: list[np.ndarray] = []
        self.hidden: set[int] = set()

    def train(
        self, weights: Weights, inputs: np.ndarray, labels: np.ndarray, rate: float, seed: int, state: object = ()
    ) -> Trained:
        self.inputs.append(inputs)
        self.hidden.add(len(weights[0]))
        return super().train(weights, inputs, labels, rate, seed, state)


def test_each_worker_has_its_own_assignment() -> None:
    trained, data, log = network(), training_set(), Log()
    few, many = np.arange(10), np.arange(60, 120)
    assignments = [
        Assignment(trained.topology, 1.0, few, batch=2, n_push=3),
        Assignment(trained.topology, 0.5, many, batch=5, n_push=1),
    ]
    draws = [Draws(), Draws()]
    workers = [Worker(f"w{n}", draws[n], assignments[n]) for n in range(2)]
    state = RunState.begin(trained, assignments, 1)
    Coordinator(state, data, workers, schedule(samples=110, deterministic=True), log).run()
    assert [draw.hidden for draw in draws] == [{8}, {4}]
    assert sum(update.samples for update in log.updates) == 110
    for draw, rows, shape in zip(draws, (few, many), ((3, 2, 4), (1, 5, 4)), strict=True):
        assert draw.inputs[0].shape == shape
        there = {tuple(row) for row in data.inputs[rows]}
        assert all(tuple(row) in there for inputs in draw.inputs for row in inputs.reshape(-1, 4))


class Exploding(Adder):
    """Training that diverges."""

    def train(
        self, weights: Weights, inputs: np.ndarray, labels: np.ndarray, rate: float, seed: int, state: object = ()
    ) -> Trained:
        return Trained([np.full_like(matrix, np.nan) for matrix in weights], correct=0)


def test_a_run_that_diverges_stops_once_and_says_so() -> None:
    log = Log()
    with pytest.raises(Diverged) as caught:
        coordinator(network(), [Exploding(), Exploding()], log).run()
    assert str(caught.value) == (
        "validation loss is not finite after 4 updates: training diverged; try a smaller --rate, not 0.2"
    )
    assert [iteration for iteration, _ in log.evaluations] == [0]
