"""The host's door: RTL against golden twin."""

import pytest

from deep3.hdl.contract.config import EngineConfig
from deep3.hdl.engine.host_port import HostPort
from deep3.sim.bench.runner import run_bench


@pytest.mark.parametrize("convolution", [False, True])
def test_host_port_equals_its_twin(convolution: bool) -> None:
    config = EngineConfig(label_words=64, max_layers=1, convolution=convolution)
    run_bench(HostPort(config), "deep3.sim.bench.engine.host_port", seed=8, config=config, rounds=60)
