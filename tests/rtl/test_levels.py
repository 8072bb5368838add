"""Counter of a loop: RTL against golden twin."""

import pytest

from deep3.hdl.contract.instruction import TIME_BITS
from deep3.hdl.engine.levels import Levels
from deep3.sim.bench.runner import run_bench


@pytest.mark.parametrize("levels", [2, 5])
def test_levels_equal_their_twin(levels: int) -> None:
    run_bench(Levels(levels, TIME_BITS), "deep3.sim.bench.engine.levels", seed=31, levels=levels, loops=150)
