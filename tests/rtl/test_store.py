"""Operand store: RTL against golden twin."""

from hdl.config import EngineConfig
from hdl.store import OperandStore
from sim.bench.runner import run_bench


def test_store_equals_its_twin() -> None:
    config = EngineConfig(
        rows=3, columns=4, activation_bank_words=2048, weight_bank_words=1024, error_bank_words=1024
    )
    run_bench(OperandStore(config), "sim.bench.store", seed=4, config=config, walks=60)
