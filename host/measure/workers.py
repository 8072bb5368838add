"""What a CPU worker loses on a busy machine: the same run free and pinned, beside a process on every core."""

import multiprocessing
import os
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from statistics import median
from typing import Any

from deep3.hdl.contract.config import EngineConfig
from deep3.host.workers.threads import wait_without_spinning

__all__ = ["VARIANTS", "WorkerTiming", "bench_workers", "ratios"]

VARIANTS = ("free", "pinned")
EPOCHS = 30
WORKER = "cpu:1"


@dataclass(frozen=True)
class WorkerTiming:
    """One run of a variant: wall and CPU time of its training, without imports, loading and plot."""

    repetition: int
    variant: str
    wall_s: float
    cpu_s: float
    updates: int


def bench_workers(repetitions: int = 7) -> Iterator[WorkerTiming]:
    """Train digits with `WORKER`, each variant once a repetition, in turns of either order.

    Each run is a process of its own. The pinned one may use one core only, another in every repetition, and then has
    nothing to gain from threads; the free one chooses its threads as ``deep3 train`` does.
    """
    cores = sorted(os.sched_getaffinity(0))
    with _busy(cores):
        for repetition in range(repetitions):
            core = cores[repetition % len(cores)]
            order = VARIANTS if repetition % 2 == 0 else VARIANTS[::-1]
            for variant in order:
                yield WorkerTiming(repetition, variant, *_in_a_process({core} if variant == "pinned" else set(cores)))


def ratios(timings: list[WorkerTiming]) -> dict[str, float]:
    """Free against pinned, wall and CPU time: medians over the repetitions."""
    found = {}
    for name in ("wall_s", "cpu_s"):
        medians = {
            variant: median(getattr(timing, name) for timing in timings if timing.variant == variant)
            for variant in VARIANTS
        }
        found[name.replace("_s", "_ratio")] = medians["free"] / medians["pinned"]
    return found


@contextmanager
def _busy(cores: list[int]) -> Iterator[None]:
    """A process on every core that does nothing, as fast as it can."""
    context = multiprocessing.get_context("spawn")
    burners = [context.Process(target=_burn, args=(core,), daemon=True) for core in cores]
    for burner in burners:
        burner.start()
    try:
        yield
    finally:
        for burner in burners:
            burner.kill()
            burner.join()


def _burn(core: int) -> None:
    os.sched_setaffinity(0, {core})
    while True:
        pass


def _in_a_process(cores: set[int]) -> tuple[float, float, int]:
    context = multiprocessing.get_context("spawn")
    answers = context.SimpleQueue()
    process = context.Process(target=_train, args=(cores, answers))
    process.start()
    process.join()
    if process.exitcode:
        raise RuntimeError(f"the measured process ended with status {process.exitcode}")
    found: tuple[float, float, int] = answers.get()
    return found


def _train(cores: set[int], answers: Any) -> None:
    """In a process of its own: train, and answer with wall seconds, CPU seconds and updates."""
    os.sched_setaffinity(0, cores)
    wait_without_spinning()
    # PyTorch must come after both.
    from deep3.host.data import load
    from deep3.host.global_network.global_network import GlobalNetwork
    from deep3.host.training.coordinator import Coordinator, Schedule
    from deep3.host.training.prepare import prepare
    from deep3.host.training.settings import TrainSettings
    from deep3.host.training.state import RunState
    from deep3.host.workers.assignment import Worker, equal_assignments
    from deep3.host.workers.open import open_workers, parse_workers

    settings = TrainSettings("digits", workers=(WORKER,), epochs=EPOCHS)
    dataset = load(settings.data)
    data = prepare(dataset, settings).training
    network = GlobalNetwork.initialise(settings.topology(dataset.features, dataset.classes), 1.0, settings.seed)
    shares = equal_assignments(network.topology, 1.0, len(data.labels), settings.batch, settings.n_push, 1)
    samples = EPOCHS * len(data.labels)
    pushes = round(samples / (settings.batch * settings.n_push))
    schedule = Schedule(samples, pushes, settings.first_rate, 0.0, evaluate_every=2, deterministic=False)
    with ExitStack() as stack:
        backends = open_workers(parse_workers([WORKER]), network.topology, EngineConfig(), settings.batch, stack)
        workers = [Worker(WORKER, backends[0], shares[0])]
        state = RunState.begin(network, shares, settings.seed)
        started_s, started_cpu_s = time.perf_counter(), time.process_time()
        Coordinator(state, data, workers, schedule, lambda _: None).run()
        wall_s, cpu_s = time.perf_counter() - started_s, time.process_time() - started_cpu_s
    answers.put((wall_s, cpu_s, state.iteration))
