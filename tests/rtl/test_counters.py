"""Performance counters: RTL against golden twin."""

from hdl.counters import Counters
from sim.bench.runner import run_bench


def test_counters_equal_their_twin() -> None:
    run_bench(Counters(8), "sim.bench.counters", seed=7, instructions=8, runs=60)
