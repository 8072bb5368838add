"""Bench of the countdown: counts that change in every cycle, walked with gaps, against its twin."""

import os
import random
from typing import Any

import cocotb

from deep3.hdl.contract.instruction import TIME_BITS
from deep3.sim.bench.timeline import Timeline
from deep3.sim.golden.engine.countdown import Countdown

MOST_STEPS = (1 << TIME_BITS) - 1


class Bench:
    """A countdown and its twin."""

    def __init__(self, dut: Any) -> None:
        self.dut = dut
        self.twin = Countdown()
        self.board = Timeline(dut, lambda _: (bool(dut.first.value), bool(dut.last.value)))

    async def cycle(self, count: int, *, begin: bool = False, step: bool = False) -> None:
        self.dut.count.value = count
        self.dut.begin.value = int(begin)
        self.dut.step.value = int(step)
        ends = self.twin.cycle(count, begin, step)
        if ends is not None:
            self.board.expect("(first, last)", 0, ends)
        await self.board.cycle_ends()


@cocotb.test()
async def random_counts(dut: Any) -> None:
    """DEEP3_WALKS walks, many left before their end; then the most steps that a count can name."""
    rng = random.Random(int(os.environ["DEEP3_SEED"]))
    bench = Bench(dut)
    dut.count.value = 1
    dut.begin.value = 0
    dut.step.value = 0
    await bench.board.clock.reset()
    for _ in range(int(os.environ["DEEP3_WALKS"])):
        rate = rng.choice((0.2, 0.8, 1.0))
        await bench.cycle(rng.randint(1, 6), begin=True, step=rng.random() < rate)
        for _ in range(rng.randint(0, 40)):
            await bench.cycle(rng.choice((1, 2, rng.randint(1, 6))), step=rng.random() < rate)
    await bench.cycle(MOST_STEPS, begin=True)
    for _ in range(MOST_STEPS + 1):
        await bench.cycle(2, step=True)
    await bench.board.finish()
