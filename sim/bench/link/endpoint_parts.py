"""Parts of the endpoint's bench: bytes with gaps in, bytes with stalls out, a host bus that makes it wait."""

import random
from collections import deque
from typing import Any

from deep3.hdl.contract.config import EngineConfig
from deep3.hdl.contract.program import Space, StartParameters
from deep3.hdl.contract.protocol import HEADER_BYTES, Ack, Packet, Type, parse_packet
from deep3.sim.bench.clocking import Clock

from .endpoint_traffic import Delivery, RecordingEngine, Traffic

__all__ = ["Bench", "BusModel", "ByteDriver", "ByteMonitor", "Scoreboard"]

QUIET_CYCLES = 120
"""Longer than an undue reply takes to begin once its packet is in, without stalls."""

MOST_CYCLES = 200_000
"""Bound of every wait."""


class ByteDriver:
    """Plays the medium at ``rx``."""

    def __init__(self, dut: Any, rng: random.Random) -> None:
        self.dut = dut
        self.rng = rng
        self.gap = 0.0
        self._bytes: deque[int] = deque()
        self._inside = False
        self._valid = False

    def send(self, delivery: Delivery) -> None:
        stray_ends = not self._inside and self.rng.random() < 0.5
        self._bytes.extend(delivery.stray)
        if delivery.stray and stray_ends:
            self._bytes[-1] |= 1 << 9
        symbols = list(delivery.data)
        if symbols:
            symbols[0] |= 1 << 8
            symbols[-1] |= int(not delivery.broken_off) << 9
            self._inside = delivery.broken_off
        self._bytes.extend(symbols)

    @property
    def idle(self) -> bool:
        return not self._bytes

    def drive(self) -> None:
        if not self._valid and self._bytes and self.rng.random() >= self.gap:
            self._valid = True
            self.dut.rx__payload.value = self._bytes[0]
        self.dut.rx__valid.value = int(self._valid)

    def sample(self) -> None:
        if self._valid and self.dut.rx__ready.value:
            self._bytes.popleft()
            self._valid = False


class ByteMonitor:
    """Collects packets at ``tx`` and checks their framing and that a stalled byte holds still."""

    def __init__(self, dut: Any, rng: random.Random) -> None:
        self.dut = dut
        self.rng = rng
        self.stall = 0.0
        self.packets: list[bytes] = []
        self._ready = False
        self._packet = bytearray()
        self._held: int | None = None

    def drive(self) -> None:
        ready = self.rng.random() >= self.stall
        if ready != self._ready:
            self._ready = ready
            self.dut.tx__ready.value = int(ready)

    def sample(self) -> None:
        if not self.dut.tx__valid.value:
            assert self._held is None, "tx: a byte was withdrawn before it was taken"
            return
        symbol = int(self.dut.tx__payload.value)
        assert self._held in (None, symbol), "tx: a stalled byte changed"
        self._held = None if self._ready else symbol
        if not self._ready:
            return
        first, last = bool(symbol & 1 << 8), bool(symbol & 1 << 9)
        assert first == (not self._packet), "tx: first is not at the first byte"
        self._packet.append(symbol & 0xFF)
        if last:
            self.packets.append(bytes(self._packet))
            self._packet.clear()


class BusModel:
    """Plays the engine at the host bus, with waits; keeps memory and events as `RecordingEngine` does."""

    def __init__(self, dut: Any, rng: random.Random, address_bits: int) -> None:
        self.dut = dut
        self.rng = rng
        self.address_bits = address_bits
        self.wait = 0.0
        self.engine = RecordingEngine()
        self._write_ready = False
        self._read_ready = False
        self._reads: deque[int] = deque()
        self._answering = False
        self._abort_cycles = 0

    @property
    def ending(self) -> bool:
        """A run was aborted and is still on."""
        return self._abort_cycles > 0

    def drive(self) -> None:
        dut, rng = self.dut, self.rng
        self._write_ready = rng.random() >= self.wait
        self._read_ready = rng.random() >= self.wait
        dut.bus__write__ready.value = int(self._write_ready)
        dut.bus__read__ready.value = int(self._read_ready)
        if not self._answering and self._reads and rng.random() >= self.wait:
            self._answering = True
            dut.bus__read_data__payload.value = self._reads[0]
        dut.bus__read_data__valid.value = int(self._answering)
        if self._abort_cycles:
            self._abort_cycles -= 1
        dut.bus__busy.value = int(self.engine.busy or self.ending)
        dut.bus__batches_done.value = self.engine.batches_done

    def sample(self) -> None:
        dut = self.dut
        if self._write_ready and dut.bus__write__valid.value:
            word = int(dut.bus__write__payload.value)
            space, address = word & 7, word >> 3 & ((1 << self.address_bits) - 1)
            data = word >> 3 + self.address_bits
            self.engine.words[space, address] = data
            self.engine.events.append(("write", space, address, data))
        if self._answering and dut.bus__read_data__ready.value:
            self._answering = False
            self._reads.popleft()
        if self._read_ready and dut.bus__read__valid.value:
            word = int(dut.bus__read__payload.value)
            space, address = word & 7, word >> 3
            assert space == Space.COUNTER or not self.engine.busy, "read of a memory while a run is on"
            self._reads.append(self.engine.word(space, address))
        if dut.bus__start.value:
            assert not self.engine.busy, "start while a run is on"
            encoded = int(dut.bus__parameters.value).to_bytes(24, "little")
            self.engine.start(StartParameters.decode(encoded))
        if dut.bus__commit.value:
            self.engine.commit(int(dut.bus__commit_batches.value))
        if dut.bus__abort.value:
            self._abort_cycles = self.rng.randrange(60) if self.engine.busy else 0
            self.engine.abort()


class Scoreboard:
    """Compares replies and events with the twin's."""

    def __init__(self, monitor: ByteMonitor, bus: BusModel, traffic: Traffic) -> None:
        self.monitor = monitor
        self.bus = bus
        self.traffic = traffic
        self.expected: list[bytes] = []

    @property
    def complete(self) -> bool:
        """As many replies and events as the twin gave have been seen."""
        got, expected = self.bus.engine.events, self.traffic.engine.events
        return len(self.monitor.packets) >= len(self.expected) and len(got) >= len(expected)

    def check_replies(self, exact: bool) -> None:
        """Replies so far. Without ``exact``, what depends on packets still on their way is left out."""
        got, expected = self.monitor.packets, self.expected
        for index, (mine, twins) in enumerate(zip(got, expected, strict=False)):
            if not exact:
                mine, twins = settled(mine), settled(twins)
            assert mine == twins, f"reply {index}: {describe(mine)}, the twin's is {describe(twins)}"
        assert len(got) == len(expected), f"{len(got)} replies, the twin gave {len(expected)}"
        got.clear()
        expected.clear()

    def check_events(self) -> None:
        got, expected = self.bus.engine.events, self.traffic.engine.events
        for index, (mine, twins) in enumerate(zip(got, expected, strict=False)):
            assert mine == twins, f"event {index} at the bus: {mine}, the twin's is {twins}"
        assert len(got) == len(expected), f"{len(got)} events at the bus, the twin had {len(expected)}"
        assert self.bus.engine.words == self.traffic.engine.words


class Bench:
    """Clock and reset, and the cycle in which driver, monitor and bus take their turns."""

    def __init__(self, dut: Any, rng: random.Random, config: EngineConfig) -> None:
        self.dut = dut
        self.rng = rng
        self.driver = ByteDriver(dut, rng)
        self.monitor = ByteMonitor(dut, rng)
        self.bus = BusModel(dut, rng, config.encoding.address_bits)
        self.traffic = Traffic(rng, config)
        self.scoreboard = Scoreboard(self.monitor, self.bus, self.traffic)
        self.cycles = 0
        self._clock = Clock(dut)

    async def reset(self) -> None:
        dut = self.dut
        for name in ("rx__valid", "rx__payload", "tx__ready", "bus__read_data__valid", "bus__read_data__payload"):
            getattr(dut, name).value = 0
        self.bus.drive()
        await self._clock.reset()

    async def cycle(self) -> None:
        parts = (self.driver, self.monitor, self.bus)
        for part in parts:
            part.drive()
        await self._clock.settle()
        for part in parts:
            part.sample()
        begins = self.dut.tx__valid.value and int(self.dut.tx__payload.value) & 1 << 8
        assert not (begins and self.bus.ending), "a reply begins while the run before the session is still on"
        await self._clock.edge()
        self.cycles += 1

    def send(self, delivery: Delivery) -> None:
        self.driver.send(delivery)
        self.scoreboard.expected.extend(delivery.replies)

    async def settle(self) -> None:
        """Until all bytes are in and the board has done as much as the twin, and then for some cycles."""
        for _ in range(MOST_CYCLES):
            if self.driver.idle and self.scoreboard.complete:
                break
            await self.cycle()
        for _ in range(QUIET_CYCLES):
            await self.cycle()

    def pace(self) -> None:
        """Other gaps, stalls and waits."""
        choices = (0.0, 0.0, 0.3, 0.8)
        self.driver.gap = self.rng.choice(choices)
        self.monitor.stall = self.rng.choice(choices)
        self.bus.wait = self.rng.choice(choices)


def settled(packet: bytes) -> bytes:
    """An ACK without credit and counts of dropped packets, anything else as it is."""
    parsed = parse_packet(packet)
    if parsed.type != Type.ACK:
        return packet
    return packet[: HEADER_BYTES + 18]


def describe(packet: bytes) -> str:
    """A reply in words, for the message of a failure."""
    try:
        parsed: Packet = parse_packet(packet)
        return f"{parsed} {Ack.parse(parsed.payload)}" if parsed.type == Type.ACK else f"{parsed}"
    except ValueError:
        return packet.hex()
