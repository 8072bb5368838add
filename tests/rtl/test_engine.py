"""The whole engine against its twin: every weight, error, class, output and counter of random training runs."""

import random

import pytest

from deep3.hdl.contract.config import EngineConfig
from deep3.hdl.engine.engine import Engine
from deep3.sim.bench.runner import run_bench
from deep3.sim.cases import random_config


def test_random_networks_on_a_small_engine() -> None:
    config = EngineConfig(
        rows=3, columns=5, activation_bank_words=1024, weight_bank_words=1024, error_bank_words=1024,
        accumulator_words=16, max_classes=16, max_layers=6,
    )  # fmt: skip
    run_bench(Engine(config), "deep3.sim.bench.engine.engine", seed=5, config=config, cases=10)


def test_random_networks_with_convolution_on_a_small_engine() -> None:
    config = EngineConfig(
        rows=3, columns=5, activation_bank_words=1024, weight_bank_words=1024, error_bank_words=1024,
        accumulator_words=32, max_classes=16, max_layers=12, convolution=True, dropout=True,
        adagrad=True,
    )  # fmt: skip
    run_bench(Engine(config), "deep3.sim.bench.engine.engine", seed=9, config=config, cases=6)


@pytest.mark.verify
@pytest.mark.parametrize("seed", range(1, 11))
def test_twenty_networks_on_a_random_engine(seed: int) -> None:
    config = random_config(random.Random(seed))
    run_bench(Engine(config), "deep3.sim.bench.engine.engine", seed=seed, config=config, cases=20)


@pytest.mark.verify
@pytest.mark.parametrize("seed", range(1, 16))
def test_twenty_networks_with_convolution_on_a_random_engine(seed: int) -> None:
    config = random_config(random.Random(seed), most=9, convolution=True)
    run_bench(Engine(config), "deep3.sim.bench.engine.engine", seed=seed, config=config, cases=20)
