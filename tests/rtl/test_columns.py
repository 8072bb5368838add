"""Array, accumulators and post lanes together: RTL against golden twin."""

import pytest

from deep3.hdl.contract.config import EngineConfig
from deep3.hdl.engine.columns import Columns
from deep3.sim.bench.runner import run_bench


@pytest.mark.parametrize(
    ("rows", "columns"),
    [
        (3, 5),
        (5, 4),
        pytest.param(2, 9, marks=pytest.mark.verify),
        pytest.param(4, 16, marks=pytest.mark.verify),
    ],
)
def test_columns_equal_their_twin(rows: int, columns: int) -> None:
    config = EngineConfig(rows=rows, columns=columns, accumulator_words=16, activation_entries=256)
    run_bench(Columns(config), "deep3.sim.bench.engine.columns", seed=100 * rows + columns, config=config)


def test_columns_that_drop_equal_their_twin() -> None:
    config = EngineConfig(
        rows=3, columns=6, accumulator_words=16, activation_entries=256, convolution=True, dropout=True,
        adagrad=True,
    )
    run_bench(Columns(config), "deep3.sim.bench.engine.columns", seed=36, config=config)
