"""Bench of the COBS decoder against its twin: bytes at full rate, broken and endless frames, waits."""

import os
import random
from typing import Any

import cocotb

from deep3.sim.bench.clocking import Clock
from deep3.sim.golden.link.cobs import Decoder, encode
from deep3.sim.golden.link.uart import LineByte

from .cobs_traffic import PacketMonitor, random_packet, sound, spoilt_frame


class Bench:
    """Clock, line and monitor."""

    def __init__(self, dut: Any) -> None:
        self.dut = dut
        self.rng = random.Random(int(os.environ["DEEP3_SEED"]))
        self.max_bytes = int(os.environ["DEEP3_MAX_PACKET_BYTES"])
        self.monitor = PacketMonitor(dut, "packets", self.rng)
        self.twin = Decoder(self.max_bytes)
        self.expected: list[bytes] = []
        self.clock = Clock(dut)

    async def reset(self) -> None:
        self.dut.received__valid.value = 0
        self.monitor.drive()
        await self.clock.reset()

    async def cycle(self, byte: LineByte | None = None) -> None:
        self.dut.received__valid.value = int(byte is not None)
        if byte is not None:
            self.dut.received__payload.value = byte.data | byte.broken << 8
        self.monitor.drive()
        await self.clock.settle()
        self.monitor.sample()
        await self.clock.edge()

    async def bring(self, line: list[LineByte], gap: float) -> None:
        for byte in line:
            while self.rng.random() < gap:
                await self.cycle()
            await self.cycle(byte)
            packet = self.twin.receive(*byte)
            if packet is not None:
                self.expected.append(packet)

    async def settle(self) -> None:
        self.monitor.stall = 0.0
        for _ in range(10):
            await self.cycle()


@cocotb.test()
async def frames_of_every_kind(dut: Any) -> None:
    """DEEP3_FRAMES sound and spoilt frames: the packets that come out are the twin's."""
    bench = Bench(dut)
    await bench.reset()
    rng = bench.rng
    for _ in range(int(os.environ["DEEP3_FRAMES"])):
        good = rng.random() < 0.6
        line = sound(encode(random_packet(rng, bench.max_bytes))) if good else spoilt_frame(rng, bench.max_bytes)
        await bench.bring(line, rng.choice((0.0, 0.0, 0.5)))
    await bench.settle()
    assert bench.monitor.packets == bench.expected
    assert bench.monitor.cut_short > 0
    assert len(bench.expected) > int(os.environ["DEEP3_FRAMES"]) // 4


@cocotb.test()
async def a_packet_that_cannot_leave_is_lost_whole(dut: Any) -> None:
    """With waits longer than the line's gaps, what comes out are sent packets, and the next one after it is sound."""
    bench = Bench(dut)
    await bench.reset()
    rng = bench.rng
    for _ in range(int(os.environ["DEEP3_FRAMES"]) // 4):
        bench.monitor.stall = rng.choice((0.3, 0.7, 0.95))
        for _ in range(2):
            await bench.bring(sound(encode(random_packet(rng, bench.max_bytes))), 0.4)
        await bench.settle()
        packet = random_packet(rng, bench.max_bytes)
        await bench.bring(sound(encode(packet)), 0.4)
        await bench.settle()
        assert bench.monitor.packets[-1] == packet
    remaining = iter(bench.expected)
    assert all(packet in remaining for packet in bench.monitor.packets), "a packet that was not sent, or out of order"
    assert len(bench.monitor.packets) < len(bench.expected)
