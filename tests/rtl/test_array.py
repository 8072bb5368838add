"""Systolic array: RTL against golden twin."""

import pytest

from deep3.hdl.engine.array import SystolicArray
from deep3.sim.bench.runner import run_bench


@pytest.mark.parametrize(("rows", "columns"), [(3, 5), (4, 4), (2, 9)])
def test_array_equals_its_twin(rows: int, columns: int) -> None:
    array = SystolicArray(rows, columns)
    run_bench(array, "deep3.sim.bench.engine.array", seed=1, rows=rows, columns=columns, tiles=150)
