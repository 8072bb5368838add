"""Instruction prefetch: RTL against golden twin."""

import pytest

from deep3.hdl.contract.config import EngineConfig
from deep3.hdl.engine.fetch import Fetch
from deep3.sim.bench.runner import run_bench


@pytest.mark.parametrize("convolution", [False, True])
def test_fetch_equals_its_twin(convolution: bool) -> None:
    config = EngineConfig(max_layers=1, convolution=convolution)
    run_bench(Fetch(config), "deep3.sim.bench.engine.fetch", seed=22, config=config, fetches=150)
