"""Engines with convolution: programs of random nests, against the golden engine."""

import random

import pytest

from deep3.hdl.contract.config import EngineConfig
from deep3.hdl.engine.engine import Engine
from deep3.sim.bench.runner import run_bench


def engine(rows: int, columns: int, accumulator_words: int, dropout: bool) -> EngineConfig:
    return EngineConfig(
        rows=rows, columns=columns, activation_bank_words=1024, weight_bank_words=1024, error_bank_words=1024,
        accumulator_words=accumulator_words, max_classes=16, max_layers=4, convolution=True,
        dropout=dropout, adagrad=dropout,
    )  # fmt: skip


def test_random_nests_on_a_small_engine() -> None:
    config = engine(3, 5, 32, True)
    run_bench(Engine(config), "deep3.sim.bench.engine.nests", seed=7, config=config, cases=12)


@pytest.mark.verify
@pytest.mark.parametrize("seed", range(1, 7))
def test_a_hundred_nests_on_a_random_engine(seed: int) -> None:
    rng = random.Random(seed)
    config = engine(rng.randint(2, 9), rng.randint(2, 9), rng.choice((16, 32, 64)), seed % 2 == 0)
    run_bench(Engine(config), "deep3.sim.bench.engine.nests", seed=seed, config=config, cases=40)
