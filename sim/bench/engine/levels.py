"""Bench of the counter of a loop: levels of any periods, walked with gaps and given up, against its twin."""

import os
import random
from typing import Any

import cocotb

from deep3.hdl.contract.instruction import TIME_BITS
from deep3.sim.bench.timeline import Timeline
from deep3.sim.bench.words import pack
from deep3.sim.golden.engine.levels import Levels


@cocotb.test()
async def random_loops(dut: Any) -> None:
    """DEEP3_LOOPS loops of DEEP3_LEVELS levels at most."""
    rng = random.Random(int(os.environ["DEEP3_SEED"]))
    levels = int(os.environ["DEEP3_LEVELS"])
    board = Timeline(dut, lambda output: int(getattr(dut, output).value))
    dut.begin.value = dut.step.value = 0
    await board.clock.reset()
    for _ in range(int(os.environ["DEEP3_LOOPS"])):
        count = rng.choice((1, rng.randint(1, 40)))
        periods = tuple(sorted(rng.sample(range(1, 20), rng.randint(0, levels - 1))))
        dut.count.value = count
        dut.periods.value = pack([*periods, *[0] * (levels - 1 - len(periods))], TIME_BITS)
        dut.begin.value = dut.step.value = 0
        await board.cycle_ends()
        dut.begin.value = 1
        await board.cycle_ends()
        twin = Levels(count, periods)
        for _ in range(rng.choice((5, 3 * count))):
            begin, step = rng.random() < 0.03, rng.random() < 0.7
            dut.begin.value, dut.step.value = int(begin), int(step)
            for output, value in twin.cycle(begin, step)._asdict().items():
                if value is not None:
                    board.expect(output, 0, int(value))
            await board.cycle_ends()
    await board.finish()
