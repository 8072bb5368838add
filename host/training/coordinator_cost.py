"""What the coordinator itself costs: runs with workers that do nothing."""

import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from deep3.compiler.network.network import Network
from deep3.host.global_network.blocks import Weights
from deep3.host.global_network.global_network import GlobalNetwork
from deep3.host.records.events import Updated
from deep3.host.workers.assignment import Worker, equal_assignments
from deep3.host.workers.base import Trained

from .coordinator import Coordinator, Schedule
from .state import RunState
from .training_set import TrainingSet

__all__ = ["CoordinatorTiming", "bench_coordinator"]

CASES = ((257, 200, 26), (4093, 3000, 500, 19))
"""Layers: of Deep3 for ISOLET behind a projection; of its largest, with the most inputs that a network may have."""
RATIO, BATCH, N_PUSH, WORKERS = 0.25, 32, 20, 4
SAMPLES = 2048


@dataclass(frozen=True)
class CoordinatorTiming:
    """CPU time of a push at the coordinator: its own thread (subsample, gather, add, report), and of the whole process,
    which has the copies of the batches too; and pushes in a second of the first."""

    sizes: tuple[int, ...]
    pushes: int
    coordinator_us: float
    process_us: float
    pushes_per_second: float


class _Idle:
    """A worker that brings back what it brought before."""

    def __init__(self) -> None:
        self._difference: Weights = []

    def train(
        self,
        weights: Weights,
        inputs: NDArray[np.int16],
        labels: NDArray[np.int64],
        rate: float,
        seed: int,
        state: Sequence[NDArray[np.float32]] = (),
    ) -> Trained:
        """No training: a change of zeros."""
        self._difference = self._difference or [np.zeros_like(matrix) for matrix in weights]
        return Trained(self._difference, correct=0)

    def close(self) -> None:
        """Nothing to give back."""


def bench_coordinator(repetitions: int = 5) -> list[CoordinatorTiming]:
    """The fastest of so many runs of each of `CASES`, with `WORKERS` local networks of a quarter of the neurons."""
    return [
        min((_run(sizes, 400 if sum(sizes) < 1000 else 20) for _ in range(repetitions)), key=lambda t: t.coordinator_us)
        for sizes in CASES
    ]


def _run(sizes: tuple[int, ...], pushes: int) -> CoordinatorTiming:
    network = GlobalNetwork.initialise(Network.uniform(sizes), RATIO, 1)
    assignments = equal_assignments(network.topology, RATIO, SAMPLES, BATCH, N_PUSH, WORKERS)
    workers = [Worker(f"idle-{number}", _Idle(), share) for number, share in enumerate(assignments)]
    inputs, labels = np.zeros((SAMPLES, sizes[0]), np.int16), np.zeros(SAMPLES, np.int64)
    data = TrainingSet(inputs, labels, np.zeros((1, sizes[0]), np.float32), labels[:1])
    schedule = Schedule(
        samples=pushes * N_PUSH * BATCH, iterations=pushes, rate=0.1, error_threshold=-1, evaluate_every=2 * pushes,
        deterministic=False,
    )  # fmt: skip
    spent: list[tuple[float, float]] = []

    def look(event: object) -> None:
        if isinstance(event, Updated) and event.iteration in (1, pushes):
            spent.append((time.thread_time(), time.process_time()))

    Coordinator(RunState.begin(network, assignments, 1), data, workers, schedule, look).run()
    (own_s, process_s), (own_end_s, process_end_s) = spent
    own_s, process_s = (own_end_s - own_s) / (pushes - 1), (process_end_s - process_s) / (pushes - 1)
    return CoordinatorTiming(sizes, pushes, 1e6 * own_s, 1e6 * process_s, 1 / own_s)
