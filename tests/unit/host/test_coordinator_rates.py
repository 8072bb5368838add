"""What a worker is given and where its change goes: learning rates, thresholds, and the indices of every weight."""

import threading

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deep3.compiler.network.network import Network
from deep3.hdl.contract.fixed_point import to_q3_12
from deep3.host.global_network.global_network import GlobalNetwork, Weights
from deep3.host.records.events import Evaluated, Event, Finished, Updated, WorkerLost
from deep3.host.training.coordinator import Coordinator, Schedule
from deep3.host.training.state import RunState
from deep3.host.training.training_set import TrainingSet
from deep3.host.workers.assignment import Worker, equal_assignments
from deep3.host.workers.base import Trained

SIZES = (4, 8, 6, 3)
SAMPLES = 60
MARK = 2.0**-14
"""Share of itself that a weight grows by with every push: too little to hide the whole number it started from."""

LONGEST_RUN_S = 20


class Log:
    """An observer that notes whose updates were added, after how many the network was evaluated, and why it ended."""

    def __init__(self) -> None:
        self.workers: list[int] = []
        self.evaluated_after: list[int] = []
        self.reason = ""

    def __call__(self, event: Event) -> None:
        assert not isinstance(event, WorkerLost), event
        if isinstance(event, Updated):
            self.workers.append(int(event.worker))
        elif isinstance(event, Evaluated):
            self.evaluated_after.append(event.iteration)
        elif isinstance(event, Finished):
            self.reason = event.reason


class Marker:
    """Notes its rates and the weights it is given, and grows all of them by `MARK`."""

    def __init__(self) -> None:
        self.rates: list[float] = []
        self.given: list[np.ndarray] = []

    def train(
        self, weights: Weights, inputs: np.ndarray, labels: np.ndarray, rate: float, seed: int, state: object = ()
    ) -> Trained:
        self.rates.append(rate)
        numbers = [np.rint(matrix) for matrix in weights]
        self.given.append(np.concatenate([matrix.ravel() for matrix in numbers]).astype(np.int64))
        return Trained([MARK * matrix for matrix in numbers], correct=0)

    def close(self) -> None:
        """Nothing to give back."""


def numbered_network(ratio: float) -> GlobalNetwork:
    """Weights 1, 2, 3 and so on: each tells its place."""
    network = GlobalNetwork.initialise(Network.uniform(SIZES), ratio, seed=1)
    first = 1
    for matrix in network.weights:
        matrix[:] = np.arange(first, first + matrix.size).reshape(matrix.shape)
        first += matrix.size
    return network


def training_set() -> TrainingSet:
    rng = np.random.default_rng(7)
    inputs = to_q3_12(rng.normal(size=(SAMPLES, SIZES[0])), "inputs")
    labels = np.arange(SAMPLES) % SIZES[-1]
    return TrainingSet(inputs, labels, inputs.astype(np.float32) / 4096, labels)


def train(
    workers: int = 1, ratio: float = 1.0, iterations: int = 12, threshold: float = 0.0, deterministic: bool = True,
    evaluate_every: int = 1,
) -> tuple[GlobalNetwork, list[Marker], Log]:
    """The network after a run, its workers, and what was observed."""
    network, log = numbered_network(ratio), Log()
    markers = [Marker() for _ in range(workers)]
    schedule = Schedule(
        samples=iterations * 12, iterations=iterations, rate=0.2, error_threshold=threshold,
        evaluate_every=evaluate_every, deterministic=deterministic, scheme="add",
    )  # fmt: skip
    shares = equal_assignments(network.topology, ratio, SAMPLES, batch=6, n_push=2, workers=workers)
    team = [Worker(str(number), markers[number], shares[number]) for number in range(workers)]
    state = RunState.begin(network, shares, seed=3)
    run = threading.Thread(target=Coordinator(state, training_set(), team, schedule, log).run, daemon=True)
    run.start()
    run.join(timeout=LONGEST_RUN_S)
    assert not run.is_alive(), "the run waits for an update that nobody was asked for"
    return network, markers, log


@pytest.mark.parametrize("ratio", [0.5, 1.0])
def test_the_rate_of_one_worker_falls_eightfold_in_three_steps(ratio: float) -> None:
    _, (worker,), _ = train(ratio=ratio, iterations=40)
    first = 0.2 / ratio
    assert worker.rates[0] == first
    assert worker.rates == sorted(worker.rates, reverse=True)
    assert [worker.rates.count(first / 2**halvings) for halvings in range(4)] == [7, 12, 12, 9]


def test_every_worker_sees_the_rate_fall() -> None:
    _, workers, _ = train(workers=3, iterations=60)
    for worker in workers:
        assert worker.rates == sorted(worker.rates, reverse=True)
        assert worker.rates[0] == 0.2
        assert worker.rates[-1] == 0.2 / 8


@settings(max_examples=15)
@given(st.integers(1, 3), st.sampled_from([0.25, 0.5, 1.0]), st.booleans())
def test_a_change_goes_to_the_weights_that_it_came_from(workers: int, ratio: float, deterministic: bool) -> None:
    network, markers, log = train(workers, ratio, deterministic=deterministic)
    ended = np.concatenate([matrix.ravel() for matrix in network.weights])
    started = np.arange(1, ended.size + 1)
    expected = np.zeros(ended.size)
    for worker, marker in enumerate(markers):
        # A task that is under way when the run ends is not added.
        for numbers in marker.given[: log.workers.count(worker)]:
            expected[numbers - 1] += 1
    assert len(log.workers) == 12
    assert ((ended - started) / (MARK * started)).tolist() == expected.tolist()


def test_the_network_is_evaluated_before_in_between_and_at_the_end() -> None:
    assert train(iterations=10, evaluate_every=4)[2].evaluated_after == [0, 4, 8, 10]
    assert train(iterations=8, evaluate_every=4)[2].evaluated_after == [0, 4, 8]


def error_of(network: GlobalNetwork) -> float:
    data = training_set()
    return 1 - network.evaluate(data.validation_inputs, data.validation_labels).accuracy


def test_an_error_at_the_threshold_is_not_below_it() -> None:
    # The marks are too small to change a decision: the error stays what it is.
    error = error_of(numbered_network(1.0))
    assert 0 < error < 1
    at = train(iterations=5, threshold=error)[2]
    assert (at.evaluated_after, at.reason) == ([0, 1, 2, 3, 4, 5], "epochs")
    below = train(iterations=5, threshold=float(np.nextafter(error, 1)))[2]
    assert (below.evaluated_after, below.reason) == ([0], "error-threshold")
