"""Instruction prefetch: RTL against golden twin."""

from hdl.fetch import Fetch
from sim.bench.runner import run_bench


def test_fetch_equals_its_twin() -> None:
    run_bench(Fetch(8), "sim.bench.fetch", seed=22, instructions=8, fetches=150)
