"""Loss unit: RTL against golden twin."""

import pytest

from deep3.hdl.contract.config import EngineConfig
from deep3.hdl.engine.loss import LossUnit
from deep3.sim.bench.runner import run_bench


@pytest.mark.parametrize(
    ("columns", "entries", "max_classes"),
    [
        (2, 64, 64),
        (4, 256, 16),
        pytest.param(3, 16, 32, marks=pytest.mark.verify),
        pytest.param(8, 32, 8, marks=pytest.mark.verify),
        pytest.param(12, 64, 64, marks=pytest.mark.verify),
        pytest.param(16, 128, 256, marks=pytest.mark.verify),
    ],
)
def test_loss_unit_equals_its_twin(columns: int, entries: int, max_classes: int) -> None:
    config = EngineConfig(columns=columns, exponential_entries=entries, max_classes=max_classes)
    run_bench(LossUnit(config), "deep3.sim.bench.engine.loss", seed=columns, config=config, jobs=150)
