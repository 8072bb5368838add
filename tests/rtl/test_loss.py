"""Loss unit: RTL against golden twin."""

import pytest

from hdl.config import EngineConfig
from hdl.loss import LossUnit
from sim.bench.runner import run_bench


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
    run_bench(LossUnit(config), "sim.bench.loss", seed=columns, config=config, jobs=150)
