"""Maxima over windows and their positions: RTL against golden twin."""

from deep3.hdl.engine.pool import Pool
from deep3.sim.bench.runner import run_bench


def test_pool_equals_its_twin() -> None:
    run_bench(Pool(3), "deep3.sim.bench.engine.pool", seed=23, columns=3)
