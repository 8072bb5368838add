"""Instruction prefetch: RTL against golden twin."""

from deep3.hdl.engine.fetch import Fetch
from deep3.sim.bench.runner import run_bench


def test_fetch_equals_its_twin() -> None:
    run_bench(Fetch(8), "deep3.sim.bench.engine.fetch", seed=22, instructions=8, fetches=150)
