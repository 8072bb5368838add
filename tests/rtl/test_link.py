"""Packet endpoint: RTL against golden twin, over bad networks and slow engines."""

from dataclasses import replace

import pytest

from deep3.hdl.contract.config import EngineConfig
from deep3.hdl.link.endpoint import Endpoint
from deep3.sim.bench.runner import run_bench

CONFIG = EngineConfig(rows=4, columns=12)
LARGE = replace(CONFIG, activation_bank_words=1 << 15, convolution=True)
"""Addresses beyond 2^18."""


@pytest.mark.parametrize(("config", "seed"), [(CONFIG, 1), (CONFIG, 2), (LARGE, 3)])
def test_endpoint_equals_its_twin(config: EngineConfig, seed: int) -> None:
    run_bench(Endpoint(config), "deep3.sim.bench.link.endpoint", seed=seed, config=config, cases=60)
