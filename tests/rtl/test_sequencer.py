"""Sequencer: RTL against golden twin."""

from deep3.hdl.contract.config import EngineConfig
from deep3.hdl.engine.sequencer import Sequencer
from deep3.sim.bench.runner import run_bench


def test_sequencer_equals_its_twin() -> None:
    config = EngineConfig(rows=2, columns=5, accumulator_words=128, max_layers=1)
    run_bench(Sequencer(config), "deep3.sim.bench.engine.sequencer", seed=23, config=config, runs=70)
