"""Bench of the performance counters: runs of random instructions, read at any time, against their twin."""

import os
import random
from collections import deque
from typing import Any

import cocotb

from deep3.hdl.contract.program import COUNTER_WORDS, COUNTERS, Counter
from deep3.hdl.contract.timing import COUNTER_READ_CYCLES
from deep3.sim.bench.timeline import Timeline
from deep3.sim.golden.engine.counters import Counters

STORE_CYCLES = 2
"""A slot's counters are stored in these cycles, from ``finished`` on: a read returns the old ones or the new."""

LEAST_CYCLES = 8
"""No instruction is shorter."""


class Driver:
    """Plays sequencer, lanes and loss unit."""

    def __init__(self, dut: Any) -> None:
        self.dut = dut

    def events(self, events: int, correct: int, batches: int, clear: bool) -> None:
        self.dut.events.value = events
        self.dut.correct.value = correct
        self.dut.batches.value = batches
        self.dut.clear.value = int(clear)

    def instruction(self, slot: int, *, counting: bool, finished: bool, first_batch: bool, saturations: int) -> None:
        self.dut.slot.value = slot
        self.dut.counting.value = int(counting)
        self.dut.finished.value = int(finished)
        self.dut.first_batch.value = int(first_batch)
        self.dut.saturations.value = saturations


class Bench:
    """Counters with everything around them."""

    def __init__(self, dut: Any) -> None:
        self.instructions = int(os.environ["DEEP3_INSTRUCTIONS"])
        self.rng = random.Random(int(os.environ["DEEP3_SEED"]))
        self.dut = dut
        self.driver = Driver(dut)
        self.twin = Counters(self.instructions)
        self.board = Timeline(dut, lambda _: int(dut.data.value))
        self.batches = 0
        self.rate = 0.5
        self.being_stored: deque[int | None] = deque([None] * STORE_CYCLES, STORE_CYCLES)

    async def cycle(self, *, clear: bool = False, finished: int | None = None) -> None:
        """Events, and a read of any word; ``finished`` is the slot that the twin has just been told of."""
        rng = self.rng
        events = sum((rng.random() < self.rate) << bit for bit in range(COUNTERS))
        correct = rng.randrange(32) if rng.random() < self.rate else 0
        self.driver.events(events, correct, self.batches, clear)
        self.twin.cycle(events, correct, self.batches, clear)
        self.being_stored.append(finished)
        address = rng.randrange(COUNTER_WORDS * rng.choice((COUNTERS, COUNTERS + 2 * self.instructions)))
        slot = address // (2 * COUNTER_WORDS) - COUNTERS // 2
        self.dut.address.value = address
        if slot not in self.being_stored:
            self.board.expect(f"word {address}", COUNTER_READ_CYCLES, self.twin.word(address))
        await self.board.cycle_ends()

    async def wait(self, cycles: int, slot: int) -> None:
        """Between instructions."""
        for _ in range(cycles):
            self.driver.instruction(slot, counting=False, finished=False, first_batch=False, saturations=0)
            await self.cycle()

    async def instruction(self, slot: int, cycles: int, first_batch: bool, quiet_cycles: int = 0) -> None:
        """``quiet_cycles`` more have no events and are not looked at."""
        clipped = 0
        for cycle in range(cycles - 2):
            saturations = self.rng.choice((0, 31, self.rng.randrange(32))) if cycle else 0
            clipped += saturations
            self.driver.instruction(
                slot, counting=True, finished=False, first_batch=first_batch, saturations=saturations
            )
            await self.cycle()
        self.driver.instruction(slot, counting=True, finished=False, first_batch=first_batch, saturations=0)
        self.driver.events(0, 0, self.batches, False)
        for _ in range(quiet_cycles):
            await self.board.cycle_ends()
        self.driver.instruction(slot, counting=True, finished=False, first_batch=first_batch, saturations=31)
        await self.cycle()
        self.driver.instruction(slot, counting=True, finished=True, first_batch=first_batch, saturations=0)
        self.twin.finish(slot, cycles + quiet_cycles, clipped + 31, first_batch)
        await self.cycle(finished=slot)

    async def run(self, slots: range, batches: int, longest_cycles: int, rate: float) -> None:
        """START, then batches of instructions, some of them back to back."""
        self.driver.instruction(0, counting=False, finished=False, first_batch=False, saturations=0)
        await self.cycle(clear=True)
        self.batches = 0
        self.rate = rate
        for batch in range(batches):
            for slot in slots:
                await self.wait(self.rng.choice((0, 0, 3)), slot)
                await self.instruction(slot, self.rng.randint(LEAST_CYCLES, longest_cycles), batch == 0)
            self.batches += 1
        await self.wait(STORE_CYCLES + 2, slots[0])


@cocotb.test()
async def random_runs(dut: Any) -> None:
    """DEEP3_RUNS runs of random programs, then one long enough for a carry into the high half."""
    bench = Bench(dut)
    bench.driver.events(0, 0, 0, False)
    bench.driver.instruction(0, counting=False, finished=False, first_batch=False, saturations=0)
    dut.address.value = 0
    await bench.board.clock.reset()
    for _ in range(int(os.environ["DEEP3_RUNS"])):
        first = bench.rng.randrange(bench.instructions)
        slots = range(first, bench.rng.randint(first + 1, bench.instructions))
        await bench.run(slots, bench.rng.randint(1, 4), 20, bench.rng.choice((0.1, 0.5, 1.0)))
    await bench.run(range(1), 4, 5000, 1.0)
    await bench.instruction(0, LEAST_CYCLES, first_batch=False, quiet_cycles=1 << 16)
    await bench.wait(200, 0)
    # The carry was seen, not only possible.
    for value in (bench.twin.totals[Counter.CORRECT], bench.twin.saturations[0], bench.twin.cycles[0]):
        assert value >> 16
    await bench.board.finish()
