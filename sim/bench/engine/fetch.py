"""Bench of the instruction prefetch: slots in any order, some given up for another, against its twin."""

import os
import random
from typing import Any

import cocotb

from deep3.hdl.contract.timing import fetch_cycles
from deep3.sim.bench.timeline import Timeline
from deep3.sim.golden.engine.fetch import Fetch

from .program_memory import ProgramMemory


class Bench:
    """A prefetch unit, its twin, and the program."""

    def __init__(self, dut: Any, instructions: int, rng: random.Random) -> None:
        self.dut = dut
        self.memory = ProgramMemory(dut.address, dut.word, instructions, rng)
        self.twin = Fetch(self.memory.words)
        self.board = Timeline(dut, lambda output: int(getattr(dut, output).value))

    async def cycle(self, slot: int, *, begin: bool = False) -> None:
        self.dut.begin.value = int(begin)
        self.dut.slot.value = slot
        self.memory.drive()
        for output, value in self.twin.cycle(begin, slot)._asdict().items():
            if value is not None:
                self.board.expect(output, 0, int(value))
        await self.board.settle()
        self.memory.sample()
        await self.board.edge()


@cocotb.test()
async def random_slots(dut: Any) -> None:
    """DEEP3_FETCHES fetches of random words."""
    instructions = int(os.environ["DEEP3_INSTRUCTIONS"])
    rng = random.Random(int(os.environ["DEEP3_SEED"]))
    bench = Bench(dut, instructions, rng)
    dut.begin.value = 0
    dut.slot.value = 0
    dut.word.value = 0
    await bench.board.clock.reset()
    await bench.cycle(rng.randrange(instructions))
    for _ in range(int(os.environ["DEEP3_FETCHES"])):
        await bench.cycle(rng.randrange(instructions), begin=True)
        # Every age at which a fetch may be given up, and rest after those that were not.
        for _ in range(rng.choice((rng.randint(0, fetch_cycles()), rng.randint(fetch_cycles(), fetch_cycles() + 5)))):
            await bench.cycle(rng.randrange(instructions))
    await bench.board.finish()
    # Whole instructions were seen, not only begun.
    assert bench.board.compared["instruction"] > int(os.environ["DEEP3_FETCHES"]) // 4
