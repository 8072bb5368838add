"""Bench of the PHY status reader: a PHY on the wire, bit by bit as IEEE 802.3 has it."""

import os
import random
from typing import Any

import cocotb
from cocotb.triggers import RisingEdge

from deep3.sim.bench.clocking import Clock
from deep3.sim.golden.phy.mdio import MdioStatus

__all__: list[str] = []

FRAME_BITS = 64
HEAD_BITS = 46
READINGS = 12


class PhyOnTheWire:
    """Answers at one address; drives the wire after rising edges of the clock."""

    def __init__(self, dut: Any, rng: random.Random, address: int) -> None:
        self.dut = dut
        self.rng = rng
        self.address = address
        self.twin = MdioStatus()
        self.answers = 0

    def word(self) -> int:
        """A register, in which the bits that matter are often equal."""
        return self.rng.choice((0, 0xFFFF, self.rng.randrange(1 << 16)))

    async def run(self) -> None:
        """Frame after frame, each compared with the twin's."""
        while True:
            head = [await self._bit(1) for _ in range(HEAD_BITS)]
            assert head == list(self.twin.request_bits()), f"request {head}"
            present = self.twin.address == self.address
            word = self.word()
            await self._bit(0 if present else 1, driven=False)
            for shift in reversed(range(16)):
                # The bit that is set here is sampled at the next edge: first the turn-around's second bit.
                await self._bit(word >> shift & 1 if present else 1, driven=False)
            await self._bit(1, driven=False)
            self.twin.answer(word if present else None)
            self.answers += present

    async def _bit(self, following: int, *, driven: bool = True) -> int:
        await RisingEdge(self.dut.mdc)
        assert int(self.dut.oe.value) == driven
        value = int(self.dut.o.value)
        self.dut.i.value = following
        return value


@cocotb.test()
async def status_as_the_twin(dut: Any) -> None:
    """Link and speed after every answer; the clock is never too fast."""
    rng = random.Random(int(os.environ["DEEP3_SEED"]))
    dut.i.value = 1
    phy = PhyOnTheWire(dut, rng, int(os.environ["DEEP3_ADDRESS"]))
    clock = Clock(dut)
    await clock.reset()
    running = cocotb.start_soon(phy.run())
    half_cycles = int(os.environ["DEEP3_HALF_CYCLES"])
    level, since, compared = int(dut.mdc.value), half_cycles, 0
    answers = phy.answers
    while phy.answers < READINGS:
        await clock.settle()
        await clock.edge()
        since += 1
        if int(dut.mdc.value) != level:
            level = 1 - level
            assert since >= half_cycles
            since = 0
        if phy.answers != answers and level == 0:
            # One falling edge ends the frame and shows the status.
            await clock.settle()
            assert (int(dut.link.value), int(dut.speed.value)) == (phy.twin.link, phy.twin.speed)
            answers = phy.answers
            compared += 1
        assert not running.done(), running.result()
    assert compared >= READINGS - 1
