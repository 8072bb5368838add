"""Sequencer: RTL against golden twin."""

from hdl.config import EngineConfig
from hdl.sequencer import Sequencer
from sim.bench.runner import run_bench


def test_sequencer_equals_its_twin() -> None:
    config = EngineConfig(rows=2, columns=5, accumulator_words=128, max_layers=1)
    run_bench(Sequencer(config), "sim.bench.sequencer", seed=23, config=config, runs=70)
