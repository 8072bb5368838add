"""Operand store: RTL against golden twin."""

import pytest

from deep3.hdl.contract.config import EngineConfig
from deep3.hdl.engine.store import OperandStore
from deep3.sim.bench.runner import run_bench


@pytest.mark.parametrize("convolution", [False, True])
def test_store_equals_its_twin(convolution: bool) -> None:
    config = EngineConfig(
        rows=3, columns=4, activation_bank_words=2048, weight_bank_words=1024, error_bank_words=1024,
        convolution=convolution,
    )  # fmt: skip
    run_bench(OperandStore(config), "deep3.sim.bench.engine.store", seed=4, config=config, walks=60)
