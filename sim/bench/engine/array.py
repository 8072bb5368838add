"""Bench of the systolic array: tiles back to back, the next one loaded meanwhile, against its twin."""

import os
import random
from typing import Any

import cocotb

from deep3.hdl.contract.geometry import GROUP_COLUMNS, sum_bits
from deep3.hdl.contract.timing import SUM_CYCLES
from deep3.sim.bench.timeline import Timeline
from deep3.sim.bench.words import pack, random_word, unpack
from deep3.sim.golden.engine.array import SystolicArray

WORD_BITS = 16


class Driver:
    """Presents operands; inputs that are not valid carry noise."""

    def __init__(self, dut: Any, rng: random.Random, rows: int) -> None:
        self.dut = dut
        self.rng = rng
        self.rows = rows

    def vector(self) -> list[int]:
        return [random_word(self.rng) for _ in range(self.rows)]

    def stream(self, words: list[int], swap: bool) -> None:
        self.dut.stream.value = pack(words, WORD_BITS)
        self.dut.swap.value = int(swap)

    def load(self, words: list[int], column: int, valid: bool) -> None:
        self.dut.load.value = pack(words, WORD_BITS)
        self.dut.load_column.value = column
        self.dut.load_valid.value = int(valid)


class Monitor:
    """Sums of a column group."""

    def __init__(self, dut: Any, rows: int, columns: int) -> None:
        self.dut = dut
        self.bits = sum_bits(rows)
        self.columns = columns

    def sample(self, group: str) -> tuple[int, ...]:
        first = GROUP_COLUMNS * int(group)
        return unpack(int(self.dut.sums.value), self.bits, self.columns)[first : first + GROUP_COLUMNS]


class Bench:
    """An array with everything around it."""

    def __init__(self, dut: Any) -> None:
        self.rows, self.columns = int(os.environ["DEEP3_ROWS"]), int(os.environ["DEEP3_COLUMNS"])
        self.rng = random.Random(int(os.environ["DEEP3_SEED"]))
        self.driver = Driver(dut, self.rng, self.rows)
        self.twin = SystolicArray(self.rows, self.columns)
        self.board = Timeline(dut, Monitor(dut, self.rows, self.columns).sample)

    async def cycle(self, *, swap: bool, load_column: int | None, compare: bool = True) -> None:
        """One vector, and the load of one column of the next tile or of none."""
        stream, load = self.driver.vector(), self.driver.vector()
        self.driver.stream(stream, swap)
        noise = self.rng.randrange(16)
        self.driver.load(load, noise if load_column is None else load_column, load_column is not None)
        if swap:
            self.twin.swap()
        if compare:
            sums = tuple(self.twin.sums(stream).tolist())
            for group, first in enumerate(range(0, self.columns, GROUP_COLUMNS)):
                latency_cycles = self.rows - 1 + SUM_CYCLES + group
                self.board.expect(str(group), latency_cycles, sums[first : first + GROUP_COLUMNS])
        if load_column is not None:
            self.twin.load(load_column, load)
        await self.board.cycle_ends()

    async def tile(self, cycles: int, load: float) -> None:
        """Stream ``cycles`` vectors; in each a column is loaded with probability ``load``."""
        order = self.rng.sample(range(16), 16)
        for cycle in range(cycles):
            loads = self.rng.random() < load
            await self.cycle(swap=cycle == 0, load_column=order[cycle % 16] if loads else None)


@cocotb.test()
async def random_tiles(dut: Any) -> None:
    """DEEP3_TILES tiles of 1 to 40 vectors, some shorter than a load."""
    bench = Bench(dut)
    for column in range(bench.columns):
        await bench.cycle(swap=False, load_column=column, compare=False)
    for _ in range(int(os.environ["DEEP3_TILES"])):
        await bench.tile(bench.rng.choice((1, 2, bench.columns, 16, 40)), bench.rng.choice((0.0, 0.5, 1.0)))
    await bench.board.finish()
