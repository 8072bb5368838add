"""The bench of CPU workers: its figures from its runs, and one real run."""

import multiprocessing
import os

import pytest

from deep3.host.measure.workers import WorkerTiming, _train, ratios


def test_ratios_are_those_of_the_medians() -> None:
    free = [WorkerTiming(n, "free", wall, 3.0, 10) for n, wall in enumerate((1.0, 9.0, 2.0))]
    pinned = [WorkerTiming(n, "pinned", wall, 2.0, 10) for n, wall in enumerate((4.0, 5.0, 0.1))]
    assert ratios([*free, *pinned]) == {"wall_ratio": pytest.approx(0.5), "cpu_ratio": pytest.approx(1.5)}


def test_a_run_is_measured_on_the_cores_it_may_use() -> None:
    context = multiprocessing.get_context("spawn")
    answers = context.SimpleQueue()
    process = context.Process(target=_train, args=({min(os.sched_getaffinity(0))}, answers))
    process.start()
    process.join()
    wall_s, cpu_s, updates = answers.get()
    # With one core and one thread there is no more CPU time than wall time, but for the grain of the clocks.
    assert 0 < cpu_s < wall_s + 0.1
    assert updates == 122
