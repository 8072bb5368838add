"""Bench of the instruction prefetch: slots in any order, some given up for another, against its twin."""

import os
import random
from typing import Any

import cocotb

from deep3.hdl.contract.config import EngineConfig
from deep3.hdl.contract.timing import fetch_cycles
from deep3.sim.bench.timeline import Timeline
from deep3.sim.golden.engine.fetch import Fetch

from .program_memory import ProgramMemory


class Bench:
    """A prefetch unit, its twin, and the program."""

    def __init__(self, dut: Any, config: EngineConfig, rng: random.Random) -> None:
        self.dut = dut
        self.memory = ProgramMemory(dut.address, dut.word, config, rng)
        self.twin = Fetch(config, self.memory.words)
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
    config = EngineConfig.from_toml(os.environ["DEEP3_CONFIG"])
    instructions, cycles = config.max_instructions, fetch_cycles(config)
    rng = random.Random(int(os.environ["DEEP3_SEED"]))
    bench = Bench(dut, config, rng)
    dut.begin.value = 0
    dut.slot.value = 0
    dut.word.value = 0
    await bench.board.clock.reset()
    await bench.cycle(rng.randrange(instructions))
    for _ in range(int(os.environ["DEEP3_FETCHES"])):
        await bench.cycle(rng.randrange(instructions), begin=True)
        # Every age at which a fetch may be given up, and rest after those that were not.
        for _ in range(rng.choice((rng.randint(0, cycles), rng.randint(cycles, cycles + 5)))):
            await bench.cycle(rng.randrange(instructions))
    await bench.board.finish()
    # Whole instructions were seen, not only begun.
    assert bench.board.compared["instruction"] > int(os.environ["DEEP3_FETCHES"]) // 4
