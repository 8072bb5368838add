"""Bench of the whole serial link against its twins: levels of a wire in, levels out, packets on the other side."""

import os
import random
from typing import Any

import cocotb

from deep3.sim.bench.clocking import Clock
from deep3.sim.golden.link.cobs import Decoder, encode
from deep3.sim.golden.link.uart import LineByte, levels, receive

from .cobs_traffic import PacketMonitor, random_packet, sound, spoilt_frame

MAX_BYTES = 1472
LEAVING_CYCLES = 20
"""From the middle of a stop bit to the last byte of a packet."""


class Bench:
    """Clock, the two pins and the two packet ports."""

    def __init__(self, dut: Any) -> None:
        self.dut = dut
        self.rng = random.Random(int(os.environ["DEEP3_SEED"]))
        self.cycles_a_bit = int(os.environ["DEEP3_CYCLES_A_BIT"])
        self.monitor = PacketMonitor(dut, "packets_in", self.rng)
        self.sent: list[int] = []
        self.clock = Clock(dut)
        self._symbols: list[int] = []
        self._offered = False

    async def reset(self) -> None:
        self.dut.rx.value = 1
        self.dut.packets_out__valid.value = 0
        self.monitor.drive()
        await self.clock.reset()

    def offer(self, packet: bytes) -> None:
        symbols = list(packet)
        symbols[0] |= 1 << 8
        symbols[-1] |= 1 << 9
        self._symbols[:0] = reversed(symbols)

    async def cycle(self, level: int = 1) -> None:
        dut = self.dut
        dut.rx.value = level
        self.monitor.drive()
        self._offered = self._offered or (bool(self._symbols) and self.rng.random() < 0.7)
        dut.packets_out__valid.value = int(self._offered)
        if self._offered:
            dut.packets_out__payload.value = self._symbols[-1]
        await self.clock.settle()
        self.monitor.sample()
        self.sent.append(int(dut.tx.value))
        if self._offered and dut.packets_out__ready.value:
            self._symbols.pop()
            self._offered = False
        await self.clock.edge()

    async def drive(self, wire: list[int]) -> None:
        for level in wire:
            await self.cycle(level)
        for _ in range(LEAVING_CYCLES):
            await self.cycle()


def wire_of(bench: Bench, line: list[LineByte], rate: float = 1.0) -> list[int]:
    """The levels of bytes, sent by a clock that runs at ``rate`` of the receiver's; broken ones without stop bit."""
    cycles, rng = bench.cycles_a_bit, bench.rng
    ideal: list[int] = [1] * cycles
    for byte in line:
        ideal += levels(byte.data, cycles)
        if byte.broken:
            ideal[-cycles:] = [0] * cycles + [1] * cycles
        ideal += [1] * rng.choice((0, 0, 1, rng.randrange(3 * cycles)))
    ideal += [1] * (2 * cycles)
    return [ideal[int(position * rate)] for position in range(int(len(ideal) / rate))]


def twin_packets(line: list[LineByte]) -> list[bytes]:
    twin = Decoder()
    packets = (twin.receive(*byte) for byte in [LineByte(0, False), *line])
    return [packet for packet in packets if packet is not None]


async def bring(bench: Bench, line: list[LineByte], rate: float) -> None:
    """After a zero, a line comes in; the packets are the twin's."""
    bench.monitor.packets.clear()
    await bench.drive(wire_of(bench, [LineByte(0, False), *line], rate))
    assert bench.monitor.packets == twin_packets(line)


@cocotb.test()
async def packets_in_by_clocks_that_differ(dut: Any) -> None:
    """Sound and spoilt frames from a sender whose clock is slower or faster."""
    bench = Bench(dut)
    await bench.reset()
    for rate in (0.97, 0.99, 1.0, 1.01, 1.03):
        line: list[LineByte] = []
        for _ in range(3):
            line += sound(encode(random_packet(bench.rng, 60))) + spoilt_frame(bench.rng, 60)
        await bring(bench, line, rate)


@cocotb.test()
async def any_levels_at_all(dut: Any) -> None:
    """Noise: bytes and broken ones are where the twin sees them, and a packet after it and a zero comes through."""
    bench = Bench(dut)
    await bench.reset()
    rng, cycles = bench.rng, bench.cycles_a_bit
    for _ in range(int(os.environ["DEEP3_NOISES"])):
        noise: list[int] = []
        while len(noise) < 60 * cycles:
            noise += [rng.getrandbits(1)] * rng.choice((1, cycles // 2, rng.randrange(1, 12 * cycles)))
        noise += [1] * (11 * cycles)
        packet = random_packet(rng, 30)
        wire = [*noise, *wire_of(bench, sound(b"\0" + encode(packet)))]
        bench.monitor.packets.clear()
        await bench.drive(wire)
        expected = twin_packets(list(receive(wire, cycles)))
        assert bench.monitor.packets == expected
        assert expected[-1] == packet


@cocotb.test()
async def both_ways_at_once(dut: Any) -> None:
    """Packets out are frames on the wire, bit for bit, while others come in."""
    bench = Bench(dut)
    await bench.reset()
    packets = [random_packet(bench.rng, 300) for _ in range(4)]
    for packet in packets:
        bench.offer(packet)
    frames = b"".join(map(encode, packets))
    incoming = [random_packet(bench.rng, 200) for _ in range(5)]
    line = [byte for packet in incoming for byte in sound(encode(packet))]
    await bring(bench, line, 1.0)
    while len(bench.sent) < (len(frames) + 2) * (10 * bench.cycles_a_bit + 4) + 8 * 300:
        await bench.cycle()
    assert bytes(byte.data for byte in receive(bench.sent, bench.cycles_a_bit)) == frames


@cocotb.test()
async def a_full_packet_each_way(dut: Any) -> None:
    """The longest packet passes; one byte more does not."""
    bench = Bench(dut)
    await bench.reset()
    longest = bench.rng.randbytes(MAX_BYTES)
    await bring(bench, sound(encode(longest) + encode(longest + b"\1") + encode(b"after")), 1.0)
    assert bench.monitor.packets == [longest, b"after"]
