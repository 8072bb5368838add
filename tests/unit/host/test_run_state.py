"""A run that was interrupted goes on as if it had not been, bit for bit; states that are none are refused."""

import signal
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deep3.compiler.network.network import Network
from deep3.compiler.optimisers.optimiser import SGD, Adagrad, Momentum, Optimiser
from deep3.hdl.contract.fixed_point import from_q3_12, to_q3_12
from deep3.host.global_network.global_network import GlobalNetwork
from deep3.host.global_network.schemes import SCHEMES
from deep3.host.records.events import Event, Stopped, Updated
from deep3.host.training.coordinator import Coordinator, Schedule
from deep3.host.training.interruption import Terminated, raise_on_sigterm
from deep3.host.training.state import VERSION, RunState, StateError
from deep3.host.training.training_set import TrainingSet
from deep3.host.workers.assignment import Assignment, Worker, equal_assignments
from deep3.host.workers.pytorch import PytorchBackend


@pytest.fixture(autouse=True)
def _interruptible() -> Iterator[None]:
    """A shell starts background jobs with SIGINT ignored, and children inherit that: here the signal is the point."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


TOPOLOGY = Network.uniform((4, 8, 3))
ITERATIONS = 14
SCHEDULE = Schedule(ITERATIONS * 10.0, ITERATIONS, 0.2, 0.0, evaluate_every=3, deterministic=True)


def training_set() -> TrainingSet:
    rng = np.random.default_rng(7)
    labels = np.arange(60) % 3
    inputs = to_q3_12(rng.normal(size=(3, 4))[labels] + 0.2 * rng.normal(size=(60, 4)), "inputs")
    return TrainingSet(inputs, labels, from_q3_12(inputs[:30]).astype(np.float32), labels[:30])


def assignments(workers: int, ratio: float) -> list[Assignment]:
    return equal_assignments(TOPOLOGY, ratio, 60, 5, 2, workers)


def fresh(ratio: float, seed: int = 1) -> GlobalNetwork:
    return GlobalNetwork.initialise(TOPOLOGY, ratio, seed)


def go_on(
    state: RunState,
    shares: list[Assignment],
    stop_after: int | None,
    number: int,
    optimiser: Optimiser = SGD,
    scheme: str = "guarded",
) -> list[Event]:
    """Run to the end, or until a signal that comes after so many updates; the events."""
    events: list[Event] = []

    def observe(event: Event) -> None:
        events.append(event)
        if isinstance(event, Updated) and event.iteration == stop_after:
            signal.raise_signal(number)

    workers = [
        Worker(f"w{n}", PytorchBackend(share.local_network, optimiser=optimiser), share)
        for n, share in enumerate(shares)
    ]
    coordinator = Coordinator(state, training_set(), workers, replace(SCHEDULE, scheme=scheme), observe)
    if stop_after is None:
        coordinator.run()
    else:
        with pytest.raises(KeyboardInterrupt):
            coordinator.run()
    return events


def reloaded(state: RunState, shares: list[Assignment], ratio: float, optimiser: Optimiser) -> RunState:
    """By way of a file, into a network that had other weights."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "state.npz"
        state.save(path)
        assert [entry.name for entry in path.parent.iterdir()] == ["state.npz"]
        return RunState.load(path, fresh(ratio, seed=9), shares, optimiser)


@settings(max_examples=40, deadline=None)
@given(
    st.integers(1, 3),
    st.sampled_from([0.5, 1.0]),
    st.lists(st.integers(1, ITERATIONS - 1), min_size=1, max_size=3, unique=True),
    st.sampled_from([SGD, Momentum(0.75), Adagrad(weight_decay=0.01)]),
    st.sampled_from(list(SCHEMES)),
)
def test_an_interrupted_run_goes_on_to_the_same_bits(
    workers: int, ratio: float, stops: list[int], optimiser: Optimiser, scheme: str
) -> None:
    shares = assignments(workers, ratio)
    whole = RunState.begin(fresh(ratio), shares, 5, optimiser)
    expected = go_on(whole, shares, None, signal.SIGINT, optimiser, scheme)
    state, events = RunState.begin(fresh(ratio), shares, 5, optimiser), []
    for stop in [*sorted(stops), None]:
        if stop is None or stop > state.iteration:
            events += go_on(state, shares, stop, signal.SIGINT, optimiser, scheme)
        state = reloaded(state, shares, ratio, optimiser)
    assert len(state.kept) == {SGD: 0, Momentum(0.75): workers}.get(optimiser, 1)
    for kept, wanted in zip(state.kept, whole.kept, strict=True):
        assert all(np.array_equal(a, b) for a, b in zip(kept, wanted, strict=True))
    assert all(np.array_equal(a, b) for a, b in zip(state.network.weights, whole.network.weights, strict=True))
    assert (state.iteration, state.samples, state.multiply_adds) == (ITERATIONS, whole.samples, whole.multiply_adds)
    assert state.finished
    assert updates(events) == updates(expected)
    assert [event.iteration for event in events if isinstance(event, Stopped)] == sorted(
        {event.iteration for event in events if isinstance(event, Stopped)}
    )


def updates(events: list[Event]) -> list[tuple[int, str, float, int]]:
    return [(e.iteration, e.worker, e.rate, e.correct) for e in events if isinstance(e, Updated)]


def test_sigterm_stops_between_two_updates_like_an_interrupt() -> None:
    shares = assignments(2, 1.0)
    state = RunState.begin(fresh(1.0), shares, 5)
    before = signal.getsignal(signal.SIGTERM)
    with raise_on_sigterm():
        events = go_on(state, shares, 4, signal.SIGTERM)
    assert isinstance(events[-1], Stopped)
    assert (events[-1].iteration, events[-1].reason) == (4, "terminated")
    assert signal.getsignal(signal.SIGTERM) is before
    assert issubclass(Terminated, KeyboardInterrupt)


@pytest.mark.parametrize(
    ("workers", "sizes", "reason"),
    [
        (3, (4, 8, 3), "2 workers, not 3"),
        (2, (4, 9, 3), "layer 0 has weights of the shape (8, 5), not (9, 5)"),
    ],
)
def test_the_state_of_another_run_is_refused(
    tmp_path: Path, workers: int, sizes: tuple[int, ...], reason: str
) -> None:
    path = tmp_path / "state.npz"
    RunState.begin(fresh(1.0), assignments(2, 1.0), 5).save(path)
    other = GlobalNetwork.initialise(Network.uniform(sizes), 1.0, 1)
    with pytest.raises(StateError) as caught:
        RunState.load(path, other, assignments(workers, 1.0))
    assert str(caught.value) == (
        f"{path}: not the state of this run: {reason}; start a new run from its checkpoint (--from)"
    )


@pytest.mark.parametrize("damage", ["missing", "other", "json", "version"])
def test_what_is_no_state_is_refused_in_one_line(tmp_path: Path, damage: str) -> None:
    path = tmp_path / "state.npz"
    RunState.begin(fresh(1.0), assignments(2, 1.0), 5).save(path)
    arrays = dict(np.load(path))
    if damage == "missing":
        del arrays["worker_1_left"]
    elif damage == "other":
        arrays = {"X": np.zeros(3)}
    elif damage == "json":
        arrays["state"] = np.array("{")
    else:
        arrays["state"] = np.array(str(arrays["state"]).replace(f'"version": {VERSION}', '"version": 99'))
    np.savez(path, **arrays)
    with pytest.raises(StateError, match="not the state of this run") as caught:
        RunState.load(path, fresh(1.0), assignments(2, 1.0))
    assert "\n" not in str(caught.value)
