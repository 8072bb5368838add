"""Bench of the COBS encoder against its twin: packets with pauses, a line that waits."""

import os
import random
from typing import Any

import cocotb

from deep3.sim.bench.clocking import Clock
from deep3.sim.golden.link.cobs import encode

from .cobs_traffic import random_packet

MOST_CYCLES = 20_000
"""Bound of the wait for a frame."""


class Line:
    """Takes bytes, with waits."""

    def __init__(self, dut: Any, rng: random.Random) -> None:
        self.bytes = bytearray()
        self.wait = 0.0
        self._dut = dut
        self._rng = rng
        self._taking = False
        self._held: int | None = None

    def drive(self) -> None:
        self._taking = self._rng.random() >= self.wait
        self._dut.encoded__ready.value = int(self._taking)

    def sample(self) -> None:
        if not self._dut.encoded__valid.value:
            assert self._held is None, "a byte was withdrawn before it was taken"
            return
        byte = int(self._dut.encoded__payload.value)
        assert self._held in (None, byte), "a stalled byte changed"
        self._held = None if self._taking else byte
        if self._taking:
            self.bytes.append(byte)


@cocotb.test()
async def packets_of_every_kind(dut: Any) -> None:
    """DEEP3_PACKETS packets, each frame the twin's; pauses within a packet and waits of the line change nothing."""
    rng = random.Random(int(os.environ["DEEP3_SEED"]))
    clock = Clock(dut)
    line = Line(dut, rng)
    dut.packets__valid.value = 0
    line.drive()
    await clock.reset()
    for _ in range(int(os.environ["DEEP3_PACKETS"])):
        packet = random_packet(rng, 1472)
        pause, line.wait = rng.choice((0.0, 0.5)), rng.choice((0.0, 0.5))
        symbols = list(packet)
        symbols[0] |= 1 << 8
        symbols[-1] |= 1 << 9
        symbols.reverse()
        line.bytes.clear()
        expected = encode(packet)
        offered = False
        for _ in range(MOST_CYCLES):
            offered = offered or (bool(symbols) and rng.random() >= pause)
            dut.packets__valid.value = int(offered)
            if offered:
                dut.packets__payload.value = symbols[-1]
            line.drive()
            await clock.settle()
            line.sample()
            if offered and dut.packets__ready.value:
                symbols.pop()
                offered = False
            await clock.edge()
            if len(line.bytes) >= len(expected):
                break
        assert line.bytes == expected
        assert not symbols
