"""Operand store: RTL against golden twin."""

from deep3.hdl.contract.config import EngineConfig
from deep3.hdl.engine.store import OperandStore
from deep3.sim.bench.runner import run_bench


def test_store_equals_its_twin() -> None:
    config = EngineConfig(
        rows=3, columns=4, activation_bank_words=2048, weight_bank_words=1024, error_bank_words=1024
    )
    run_bench(OperandStore(config), "deep3.sim.bench.engine.store", seed=4, config=config, walks=60)
