"""Post lanes: RTL against golden twin."""

import pytest

from deep3.hdl.contract.config import EngineConfig
from deep3.hdl.engine.lanes import PostLanes
from deep3.sim.bench.runner import run_bench


@pytest.mark.parametrize(
    ("width", "group", "entries"),
    [
        (4, 0, 512),
        (3, 1, 256),
        pytest.param(4, 2, 64, marks=pytest.mark.verify),
        pytest.param(2, 3, 2048, marks=pytest.mark.verify),
        pytest.param(1, 2, 128, marks=pytest.mark.verify),
    ],
)
def test_lanes_equal_their_twin(width: int, group: int, entries: int) -> None:
    config = EngineConfig(activation_entries=entries)
    run_bench(
        PostLanes(config, width, group), "deep3.sim.bench.engine.lanes", seed=1000 * width + group, config=config,
        width=width, group=group, instructions=200,
    )  # fmt: skip


def test_lanes_that_drop_equal_their_twin() -> None:
    config = EngineConfig(activation_entries=256, convolution=True, dropout=True, adagrad=True)
    run_bench(
        PostLanes(config, 4, 1), "deep3.sim.bench.engine.lanes", seed=41, config=config, width=4, group=1,
        instructions=300,
    )  # fmt: skip


@pytest.mark.parametrize("width", [0, 5])
def test_width_is_refused(width: int) -> None:
    with pytest.raises(ValueError, match=f"^width must be between 1 and 4, not {width}$"):
        PostLanes(EngineConfig(), width, 0)


def test_kind_of_width_is_refused() -> None:
    with pytest.raises(TypeError, match=r"^width must be an integer, not 4\.0$"):
        PostLanes(EngineConfig(), 4.0, 0)  # type: ignore[arg-type]


def test_group_is_refused() -> None:
    with pytest.raises(ValueError, match=r"^group must be at least 0, not -1$"):
        PostLanes(EngineConfig(), 4, -1)
