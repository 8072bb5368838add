"""Address generator: RTL against strides."""

from deep3.hdl.engine.walker import Walker
from deep3.sim.bench.runner import run_bench


def test_walker_follows_strides() -> None:
    run_bench(Walker(), "deep3.sim.bench.engine.walker", seed=6, nests=200)
