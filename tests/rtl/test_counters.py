"""Performance counters: RTL against golden twin."""

from deep3.hdl.engine.counters import Counters
from deep3.sim.bench.runner import run_bench


def test_counters_equal_their_twin() -> None:
    run_bench(Counters(8), "deep3.sim.bench.engine.counters", seed=7, instructions=8, runs=60)
