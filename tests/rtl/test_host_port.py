"""The host's door: RTL against golden twin."""

from hdl.config import EngineConfig
from hdl.host_port import HostPort
from sim.bench.runner import run_bench


def test_host_port_equals_its_twin() -> None:
    config = EngineConfig(label_words=64, max_layers=1)
    run_bench(HostPort(config), "sim.bench.host_port", seed=8, config=config, rounds=60)
