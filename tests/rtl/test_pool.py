"""Maxima over windows and their positions: RTL against golden twin."""

import pytest

from deep3.hdl.engine.pool import Pool
from deep3.sim.bench.runner import run_bench


@pytest.mark.parametrize("dropout", [False, True])
def test_pool_equals_its_twin(dropout: bool) -> None:
    run_bench(Pool(3, dropout), "deep3.sim.bench.engine.pool", seed=23, columns=3, dropout=dropout)
