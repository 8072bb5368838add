"""Countdown: RTL against golden twin."""

from hdl.countdown import Countdown
from sim.bench.runner import run_bench


def test_countdown_equals_its_twin() -> None:
    run_bench(Countdown(), "sim.bench.countdown", seed=21, walks=200)
