"""Bench of a banked operand memory: vectors scattered and gathered, against a flat array."""

import os
import random
from typing import Any

import cocotb
from amaranth import Module, signed
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from deep3.hdl.contract.instruction import FLAT_ENCODING
from deep3.hdl.contract.timing import ADDRESS_CYCLES, MEMORY_READ_CYCLES
from deep3.hdl.engine.memory import BankAddresses, Gather, OperandBanks, Scatter
from deep3.sim.bench.timeline import Timeline
from deep3.sim.bench.words import pack, random_word, unpack
from deep3.sim.golden.engine.memory import OperandMemory

__all__ = ["ScatteredAndGathered"]

WORD_BITS = 16
ADDRESS_BITS = FLAT_ENCODING.address_bits
LANE_STEP_BITS = FLAT_ENCODING.lane_step_bits


class ScatteredAndGathered(wiring.Component):
    """A write side, banks and a read side; addresses reach the banks together."""

    def __init__(self, banks: int, bank_words: int, lanes: int) -> None:
        self.banks = OperandBanks(banks, bank_words)
        self.scatter = Scatter(banks, self.banks.word_bits, lanes, FLAT_ENCODING)
        self.gather = Gather(banks, self.banks.word_bits, lanes, FLAT_ENCODING)
        vector = data.ArrayLayout(signed(WORD_BITS), lanes)
        super().__init__({
            "write_address": In(ADDRESS_BITS), "write_step": In(LANE_STEP_BITS),
            "write_data": In(vector), "write_enable": In(lanes),
            "read_address": In(ADDRESS_BITS), "read_step": In(LANE_STEP_BITS), "read_data": Out(vector),
        })  # fmt: skip

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.submodules.banks, m.submodules.scatter, m.submodules.gather = banks, scatter, gather = (
            self.banks, self.scatter, self.gather,
        )  # fmt: skip
        m.d.comb += [
            scatter.address.eq(self.write_address),
            scatter.lane_step.eq(self.write_step),
            scatter.data.eq(self.write_data),
            scatter.enable.eq(self.write_enable),
            banks.write_words.eq(scatter.words),
            banks.write_data.eq(scatter.bank_data),
            banks.write_enable.eq(scatter.bank_enable),
            gather.address.eq(self.read_address),
            gather.lane_step.eq(self.read_step),
            banks.read_words.eq(gather.read_words),
            gather.read_data.eq(banks.read_data),
            self.read_data.eq(gather.data),
        ]
        return m


class Stimulus:
    """Addresses, anywhere or in a region so small that reads meet what was written."""

    def __init__(self, rng: random.Random, words: int, lanes: int) -> None:
        self.rng = rng
        self.words = words
        self.lanes = lanes
        self.region = range(words)

    def focus(self) -> None:
        start = self.rng.randrange(self.words)
        self.region = range(start, start + self.rng.choice((40, self.words)))

    def lane_step(self) -> int:
        return self.rng.choice((0, 1, self.rng.randrange(1 << LANE_STEP_BITS), (1 << LANE_STEP_BITS) - 1))

    def address(self) -> int:
        return self.rng.choice(self.region) % self.words

    def vector(self) -> list[int]:
        return [random_word(self.rng) for _ in range(self.lanes)]


class Driver:
    """Presents vectors; what is not enabled is noise."""

    def __init__(self, dut: Any) -> None:
        self.dut = dut

    def steps(self, write_step: int, read_step: int) -> None:
        self.dut.write_step.value = write_step
        self.dut.read_step.value = read_step

    def write(self, address: int, values: list[int], enable: list[int]) -> None:
        self.dut.write_address.value = address
        self.dut.write_data.value = pack(values, WORD_BITS)
        self.dut.write_enable.value = pack(enable, 1)

    def read(self, address: int) -> None:
        self.dut.read_address.value = address


class Bench:
    """One memory with everything around it."""

    def __init__(self, dut: Any) -> None:
        banks, bank_words, self.lanes = (int(os.environ[f"DEEP3_{name}"]) for name in ("BANKS", "BANK_WORDS", "LANES"))
        self.rng = random.Random(int(os.environ["DEEP3_SEED"]))
        self.twin = OperandMemory(banks, bank_words)
        self.stimulus = Stimulus(self.rng, banks * bank_words, self.lanes)
        self.driver = Driver(dut)
        self.board = Timeline(dut, lambda _: unpack(int(dut.read_data.value), WORD_BITS, self.lanes))
        self.steps = (0, 0)

    async def cycle(self, *, enable: list[int], read_address: int | None) -> None:
        """One vector written, and one read and compared, if no word of it is being written in the same cycle."""
        address, values = self.stimulus.address(), self.stimulus.vector()
        self.driver.write(address, values, enable)
        self.driver.read(self.stimulus.address() if read_address is None else read_address)
        write_step, read_step = self.steps
        if read_address is None:
            self.twin.write(address, write_step, values, enable)
        else:
            before = self.twin.read(read_address, read_step, self.lanes)
            written = self.twin.write(address, write_step, values, enable)
            if not set(written) & set(self.twin.located(read_address, read_step, self.lanes)):
                self.board.expect("read_data", MEMORY_READ_CYCLES, tuple(before.tolist()))
        await self.board.cycle_ends()

    async def rest(self, cycles: int) -> None:
        for _ in range(cycles):
            await self.cycle(enable=[0] * self.lanes, read_address=None)

    async def walk(self, vectors: int, density: float) -> None:
        """Other lane steps, as soon after the last walk and as long before this one as they must settle."""
        self.steps = self.stimulus.lane_step(), self.stimulus.lane_step()
        self.driver.steps(*self.steps)
        await self.rest(BankAddresses.SETTLE_CYCLES)
        for _ in range(vectors):
            enable = [int(self.rng.random() < density) for _ in range(self.lanes)]
            await self.cycle(enable=enable, read_address=self.stimulus.address())
        await self.rest(ADDRESS_CYCLES)

    async def read_everything(self) -> None:
        self.steps = (0, 0)
        self.driver.steps(*self.steps)
        await self.rest(BankAddresses.SETTLE_CYCLES)
        for address in range(0, len(self.twin.words), self.lanes):
            await self.cycle(enable=[0] * self.lanes, read_address=address)
        await self.rest(MEMORY_READ_CYCLES)


@cocotb.test()
async def random_walks(dut: Any) -> None:
    """DEEP3_WALKS walks of up to 60 vectors, then every word."""
    bench = Bench(dut)
    bench.driver.steps(*bench.steps)
    bench.driver.write(0, [0] * bench.lanes, [0] * bench.lanes)
    bench.driver.read(0)
    await bench.board.clock.reset()
    for _ in range(int(os.environ["DEEP3_WALKS"])):
        bench.stimulus.focus()
        await bench.walk(bench.rng.randrange(1, 60), bench.rng.choice((0.0, 0.5, 1.0)))
    await bench.read_everything()
    await bench.board.finish()
