"""Banked operand memory: RTL against a flat array."""

import pytest

from deep3.sim.bench.engine.memory import ScatteredAndGathered
from deep3.sim.bench.runner import run_bench


@pytest.mark.parametrize(("banks", "lanes"), [(2, 2), (16, 11)])
def test_memory_equals_a_flat_array(banks: int, lanes: int) -> None:
    bank_words = 1024
    run_bench(
        ScatteredAndGathered(banks, bank_words, lanes), "deep3.sim.bench.engine.memory", seed=3, banks=banks,
        bank_words=bank_words, lanes=lanes, walks=60,
    )  # fmt: skip
