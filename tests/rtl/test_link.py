"""Packet endpoint: RTL against golden twin, over bad networks and slow engines."""

import pytest

from deep3.hdl.contract.config import EngineConfig
from deep3.hdl.link.endpoint import Endpoint
from deep3.sim.bench.runner import run_bench


@pytest.mark.parametrize("seed", [1, 2])
def test_endpoint_equals_its_twin(seed: int) -> None:
    config = EngineConfig(rows=4, columns=12)
    run_bench(Endpoint(config), "deep3.sim.bench.link.endpoint", seed=seed, config=config, cases=60)
