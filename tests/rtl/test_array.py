"""Systolic array: RTL against golden twin."""

import pytest

from hdl.array import SystolicArray
from sim.bench.runner import run_bench


@pytest.mark.parametrize(("rows", "columns"), [(3, 5), (4, 4), (2, 9)])
def test_array_equals_its_twin(rows: int, columns: int) -> None:
    run_bench(SystolicArray(rows, columns), "sim.bench.array", seed=1, rows=rows, columns=columns, tiles=150)
