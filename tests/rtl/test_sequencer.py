"""Sequencer: RTL against golden twin."""

import pytest

from deep3.hdl.contract.config import EngineConfig
from deep3.hdl.engine.sequencer import Sequencer
from deep3.sim.bench.runner import run_bench


@pytest.mark.parametrize("convolution", [False, True])
def test_sequencer_equals_its_twin(convolution: bool) -> None:
    config = EngineConfig(rows=2, columns=5, accumulator_words=128, max_layers=1, convolution=convolution)
    run_bench(Sequencer(config), "deep3.sim.bench.engine.sequencer", seed=23, config=config, runs=70)
