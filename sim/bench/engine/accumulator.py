"""Bench of the accumulator memory: sums that come again as early as they may, against its twin."""

import os
import random
from typing import Any

import cocotb

from deep3.hdl.contract.geometry import ACCUMULATOR_BITS
from deep3.hdl.contract.timing import ACCUMULATE_CYCLES, READ_AHEAD_CYCLES, REVISIT_CYCLES
from deep3.sim.bench.timeline import Timeline
from deep3.sim.bench.words import pack, random_word, unpack
from deep3.sim.golden.engine.accumulator import Accumulator


class Stimulus:
    """Time steps; the address of a valid one was not that of one of the last `REVISIT_CYCLES` - 1."""

    def __init__(self, rng: random.Random, depth: int) -> None:
        self.rng = rng
        self.depth = depth
        self.recent: list[int | None] = [None] * (REVISIT_CYCLES - 1)
        self.started: set[int] = set()

    def step(self, valid: bool) -> tuple[int, bool]:
        """Address and ``first``."""
        address = self.rng.choice([address for address in range(self.depth) if address not in self.recent])
        self.recent = [*self.recent[1:], address if valid else None]
        first = address not in self.started or self.rng.random() < 0.02
        if valid:
            self.started.add(address)
        return address, first


class Driver:
    """Presents steps, and their sums `READ_AHEAD_CYCLES` later; of one sign for a while, so that totals wrap."""

    def __init__(self, dut: Any, rng: random.Random, width: int, sum_bits: int) -> None:
        self.dut = dut
        self.rng = rng
        self.width = width
        self.sum_bits = sum_bits
        self.negative = False
        self._sums = [self.sums() for _ in range(READ_AHEAD_CYCLES)]

    def sums(self) -> list[int]:
        words = [random_word(self.rng, self.sum_bits) for _ in range(self.width)]
        return [word if (word < 0) == self.negative else ~word for word in words]

    def drive(self, address: int, first: bool, valid: bool, sums: list[int]) -> None:
        self.dut.address.value = address
        self.dut.first.value = int(first)
        self.dut.valid.value = int(valid)
        self._sums.append(sums)
        self.dut.sums.value = pack(self._sums.pop(0), self.sum_bits)


@cocotb.test()
async def random_steps(dut: Any) -> None:
    """DEEP3_STEPS time steps, some with gaps."""
    width, depth, sum_bits = (int(os.environ[f"DEEP3_{name}"]) for name in ("WIDTH", "DEPTH", "SUM_BITS"))
    rng = random.Random(int(os.environ["DEEP3_SEED"]))
    stimulus, driver, twin = Stimulus(rng, depth), Driver(dut, rng, width, sum_bits), Accumulator(width, depth)
    board = Timeline(dut, lambda _: unpack(int(dut.totals.value), ACCUMULATOR_BITS, width))
    driver.drive(0, False, False, driver.sums())
    await board.clock.reset()
    steps = int(os.environ["DEEP3_STEPS"])
    gap = 0.0
    # The last sums come after the last step.
    for index in range(steps + READ_AHEAD_CYCLES):
        if index % 50 == 0:
            gap = rng.choice((0.0, 0.0, 0.5))
        if index % 800 == 0:
            driver.negative = not driver.negative
        valid = index < steps and rng.random() >= gap
        address, first = stimulus.step(valid)
        sums = driver.sums()
        driver.drive(address, first, valid, sums)
        if valid:
            board.expect("totals", ACCUMULATE_CYCLES, tuple(twin.add(address, sums, first).tolist()))
        await board.cycle_ends()
    await board.finish()
