"""Bench of the reset of a PHY: long enough, not for ever, and again after a reset."""

import os
from typing import Any

import cocotb

from deep3.sim.bench.clocking import Clock

__all__: list[str] = []


@cocotb.test()
async def reset_lasts_as_long_as_promised(dut: Any) -> None:
    """Between one and two times the promise, then never again until the next reset."""
    cycles = int(os.environ["DEEP3_CYCLES"])
    clock = Clock(dut)
    for _ in range(2):
        await clock.reset()
        lasted = 0
        await clock.settle()
        while not int(dut.reset_n.value):
            lasted += 1
            await clock.edge()
            await clock.settle()
        assert cycles <= lasted <= 2 * cycles
        for _ in range(4 * cycles):
            await clock.edge()
            await clock.settle()
            assert int(dut.reset_n.value) == 1
        await clock.edge()
