"""Countdown: RTL against golden twin."""

from deep3.hdl.contract.instruction import TIME_BITS
from deep3.hdl.engine.countdown import Countdown
from deep3.sim.bench.runner import run_bench


def test_countdown_equals_its_twin() -> None:
    run_bench(Countdown(TIME_BITS), "deep3.sim.bench.engine.countdown", seed=21, walks=200)
