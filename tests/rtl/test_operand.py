"""Masked and forced operands: RTL against golden twin."""

import pytest

from deep3.hdl.engine.operand import OperandMask
from deep3.sim.bench.runner import run_bench


@pytest.mark.parametrize("forced", [True, False])
def test_operand_mask_equals_its_twin(forced: bool) -> None:
    run_bench(OperandMask(3, forced), "deep3.sim.bench.engine.operand", seed=24, rows=3, forced=forced)
