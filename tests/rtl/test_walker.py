"""Address generator: RTL against strides."""

import pytest

from deep3.hdl.contract.config import EngineConfig
from deep3.hdl.contract.instruction import WALKS
from deep3.hdl.engine.walker import Walker
from deep3.sim.bench.runner import run_bench


@pytest.mark.parametrize("operand", ["stream", "load", "out"])
@pytest.mark.parametrize("convolution", [False, True])
def test_walker_follows_strides(convolution: bool, operand: str) -> None:
    config = EngineConfig(convolution=convolution)
    levels = config.encoding.depth.levels(WALKS[operand])
    walker = Walker(len(levels), config.encoding.address_bits, ahead=convolution)
    run_bench(walker, "deep3.sim.bench.engine.walker", seed=6, config=config, operand=operand, nests=200)


def test_a_walker_without_levels_is_refused() -> None:
    with pytest.raises(ValueError, match=r"^levels must be 2 or more, not 1$"):
        Walker(1, 18)
    with pytest.raises(ValueError, match=r"^address_bits must be 1 or more, not 0$"):
        Walker(3, 0)
