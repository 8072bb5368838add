"""Address generator: RTL against strides."""

from hdl.walker import Walker
from sim.bench.runner import run_bench


def test_walker_follows_strides() -> None:
    run_bench(Walker(), "sim.bench.walker", seed=6, nests=200)
