"""Accumulator memory: RTL against golden twin."""

import pytest

from deep3.hdl.engine.accumulator import Accumulator
from deep3.sim.bench.runner import run_bench


@pytest.mark.parametrize(("width", "depth", "sum_bits"), [(4, 16, 36), (1, 64, 33)])
def test_accumulator_equals_its_twin(width: int, depth: int, sum_bits: int) -> None:
    run_bench(
        Accumulator(width, depth, sum_bits), "deep3.sim.bench.engine.accumulator", seed=2, width=width, depth=depth,
        sum_bits=sum_bits, steps=3000,
    )  # fmt: skip
