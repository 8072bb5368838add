"""Parts of the bench of the network stack: clocks of three domains, a line, an endpoint that answers, a scoreboard."""

import json
import os
import random
from collections import Counter, deque
from typing import Any

import cocotb
from cocotb.clock import Clock
from cocotb.triggers import FallingEdge, RisingEdge, Timer
from cocotbext.eth import GmiiFrame, GmiiSink, GmiiSource

from deep3.hdl.contract.protocol import PACKET_BUFFERS
from deep3.hdl.contract.station import Station
from deep3.hdl.link.ethernet.ethernet_link import dropped_layout
from deep3.hdl.link.receive import SLOTS
from deep3.sim.golden.link.ethernet import Peer

from .ethernet_traffic import PREAMBLE, SFD, Arrival, Traffic

__all__ = ["GAP_BYTES", "Bench", "EndpointModel", "Scoreboard", "begin"]

GAP_BYTES = 12
CLOSING_CYCLES = 3
QUIET_BYTES = 400


class Scoreboard:
    """What the twin gave, and what has been seen of it.

    Frames that found no room are missing on one side and counted on the other.
    """

    def __init__(self) -> None:
        self.packets: deque[tuple[bytes, Peer]] = deque()
        self.answers: deque[bytes] = deque()
        self.replies: deque[bytes] = deque()
        self.dropped: Counter[str] = Counter()
        self.counted: Counter[str] = Counter()
        self.missing = 0
        self.missing_replies = 0

    def expect(self, arrival: Arrival) -> None:
        received = arrival.received
        if received.dropped:
            self.dropped[received.dropped] += 1
        if received.packet is not None and received.peer is not None:
            self.packets.append((received.packet, received.peer))
        if received.answer is not None:
            self.answers.append(received.answer)

    def packet(self, packet: bytes) -> Peer:
        """A packet came to the endpoint; from whom, says the twin."""
        while self.packets:
            expected, peer = self.packets.popleft()
            if packet == expected:
                return peer
            self.missing += 1
        raise AssertionError(f"a packet that the twin does not give: {packet.hex()}")

    def frame(self, frame: bytes) -> None:
        """A frame left the board."""
        if frame in self.replies:
            while self.replies.popleft() != frame:
                self.missing_replies += 1
            return
        while self.answers:
            if frame == self.answers.popleft():
                return
            self.missing += 1
        raise AssertionError(f"a frame that the twin does not send: {frame.hex()}")

    @property
    def complete(self) -> bool:
        return not (self.packets or self.answers or self.replies)

    def check(self) -> None:
        """Everything due was seen, everything lost was counted."""
        missing = self.missing + len(self.packets) + len(self.answers)
        missing_replies = len(self.replies) + self.missing_replies
        assert not missing_replies, f"{missing_replies} replies of the endpoint did not leave"
        assert missing == self.counted["room"], f"{missing} frames are missing, {self.counted['room']} had no room"
        expected = self.dropped | Counter(room=self.counted["room"])
        assert self.counted == expected, f"dropped are {dict(self.counted)}, the twin's are {dict(expected)}"
        self.packets.clear()
        self.answers.clear()
        self.missing = 0
        self.counted.clear()
        self.dropped.clear()


class EndpointModel:
    """Plays the endpoint: takes packets, keeps some, answers some of these, each from its slot."""

    def __init__(self, dut: Any, rng: random.Random, scoreboard: Scoreboard, twin: Any) -> None:
        self.dut = dut
        self.rng = rng
        self.scoreboard = scoreboard
        self.twin = twin
        self.stall = 0.0
        self.gap = 0.0
        self.keep = 0.9
        self.answer = 0.7
        self.answer_bytes = 0
        self.bytes = 0
        self._packet = bytearray()
        self._slot = 0
        self._closing = 0
        self._kept: deque[tuple[int, Peer]] = deque()
        self._sending: deque[int] = deque()
        self._sending_slot = 0
        self._valid = False
        self._ready = False

    @property
    def idle(self) -> bool:
        return not (self._packet or self._kept or self._sending)

    async def run(self) -> None:
        rising, falling = RisingEdge(self.dut.clk), FallingEdge(self.dut.clk)
        while True:
            await rising
            self._drive()
            await falling
            self._sample()

    def _drive(self) -> None:
        dut, rng = self.dut, self.rng
        self._closing = max(0, self._closing - 1)
        self._ready = not self._closing and len(self._kept) < PACKET_BUFFERS and rng.random() >= self.stall
        if not self._sending and self._kept:
            self._begin(*self._kept.popleft())
        if self._sending and not self._valid:
            self._valid = rng.random() >= self.gap
        dut.rx__ready.value = int(self._ready)
        dut.rx_slot.value = self._slot
        dut.tx__valid.value = int(self._valid)
        dut.tx__payload.value = self._sending[0] if self._valid else rng.randrange(1 << 10)
        dut.tx_slot.value = self._sending_slot

    def _begin(self, slot: int, peer: Peer) -> None:
        rng = self.rng
        if rng.random() >= self.answer:
            return
        size = self.answer_bytes or rng.choice((1, 2, 17, 18, 19, 48, rng.randrange(1, 200)))
        packet = rng.randbytes(size)
        self.scoreboard.replies.append(self.twin.send(packet, peer))
        symbols = list(packet)
        symbols[0] |= 1 << 8
        symbols[-1] |= 1 << 9
        self._sending = deque(symbols)
        self._sending_slot = slot

    def _sample(self) -> None:
        dut = self.dut
        for index, (name, _) in enumerate(dropped_layout()):
            self.scoreboard.counted[name] += int(dut.dropped.value) >> index & 1
        if self._valid and dut.tx__ready.value:
            self._sending.popleft()
            self._valid = False
            self.bytes += 1
        if not (self._ready and dut.rx__valid.value):
            return
        self.bytes += 1
        symbol = int(dut.rx__payload.value)
        assert bool(symbol & 1 << 8) == (not self._packet), "rx: first is not at the first byte"
        self._packet.append(symbol & 0xFF)
        if symbol & 1 << 9:
            self._take(bytes(self._packet))
            self._packet.clear()

    def _take(self, packet: bytes) -> None:
        peer = self.scoreboard.packet(packet)
        self._closing = CLOSING_CYCLES + 1
        if self.rng.random() < self.keep:
            self._kept.append((self._slot, peer))
            self._slot = (self._slot + 1) % SLOTS


class Bench:
    """A board's stack between a line and an endpoint.

    Parameters
    ----------
    periods_ps
        Of ``sync``, ``eth_rx`` and ``eth_tx``; their phases are random.
    byte_cycles
        Cycles of ``eth_rx`` and ``eth_tx`` a byte: 1 as at 1 Gb/s, or more.
    """

    def __init__(
        self, dut: Any, rng: random.Random, station: Station, periods_ps: tuple[int, int, int], byte_cycles: int
    ) -> None:
        self.dut = dut
        self.rng = rng
        self.traffic = Traffic(rng, station)
        self.scoreboard = Scoreboard()
        self.endpoint = EndpointModel(dut, rng, self.scoreboard, self.traffic.twin)
        self.gaps_bytes = [GAP_BYTES]
        self.gaps_seen: list[int] = []
        self.frames = 0
        self.broken = 0
        self.tolerates_broken = False
        self._last_end_ps: float | None = None
        self._periods_ps = periods_ps
        self._byte_cycles = byte_cycles

    async def reset(self) -> None:
        dut = self.dut
        clocks = (dut.clk, dut.eth_rx_clk, dut.eth_tx_clk)
        resets = (dut.rst, dut.eth_rx_rst, dut.eth_tx_rst)
        for name in ("rx__ready", "rx_slot", "tx__valid", "tx__payload", "tx_slot"):
            getattr(dut, name).value = 0
        for reset in resets:
            reset.value = 1
        for clock, period_ps in zip(clocks, self._periods_ps, strict=True):
            await Timer(self.rng.randrange(period_ps) + 1, unit="ps")
            Clock(clock, period_ps, unit="ps").start()
        enables = (dut.phy_rx__enable, dut.phy_tx__enable)
        for clock, enable in zip(clocks[1:], enables, strict=True):
            cocotb.start_soon(self._pace_bytes(clock, enable))
        self.source = GmiiSource(
            dut.phy_rx__data, dut.phy_rx__error, dut.phy_rx__valid, dut.eth_rx_clk, enable=enables[0]
        )
        self.sink = GmiiSink(dut.phy_tx__data, None, dut.phy_tx__valid, dut.eth_tx_clk, enable=enables[1])
        self.source.log.setLevel("WARNING")
        self.sink.log.setLevel("WARNING")
        await Timer(20 * max(self._periods_ps), unit="ps")
        for reset, clock in zip(resets, clocks, strict=True):
            await RisingEdge(clock)
            reset.value = 0
        await Timer(20 * max(self._periods_ps), unit="ps")
        cocotb.start_soon(self.endpoint.run())
        cocotb.start_soon(self._watch())

    async def _pace_bytes(self, clock: Any, enable: Any) -> None:
        enable.value = int(self._byte_cycles == 1)
        while self._byte_cycles > 1:
            for cycle in range(self._byte_cycles):
                await RisingEdge(clock)
                enable.value = int(cycle == self._byte_cycles - 1)

    async def _watch(self) -> None:
        """The monitor of the line."""
        byte_ps = self._periods_ps[2] * self._byte_cycles
        while True:
            frame = await self.sink.recv()
            self.frames += 1
            if self._last_end_ps is not None:
                self.gaps_seen.append(round((frame.sim_time_start - self._last_end_ps) / byte_ps))
                assert self.gaps_seen[-1] >= GAP_BYTES, f"a gap of {self.gaps_seen[-1]} bytes"
            self._last_end_ps = frame.sim_time_end
            # GmiiSink of cocotbext-eth 0.1.28 begins a frame with the byte after the one in which it saw the carrier.
            assert bytes(frame.get_preamble()) == PREAMBLE[1:] + SFD, f"preamble: {bytes(frame.get_preamble()).hex()}"
            assert round((frame.sim_time_sfd - frame.sim_time_start) / byte_ps) == len(PREAMBLE + SFD)
            if self.tolerates_broken and not frame.check_fcs():
                self.broken += 1
                continue
            assert frame.check_fcs(), "wrong FCS"
            assert len(frame.get_payload()) >= 60
            self.scoreboard.frame(bytes(frame.get_payload()))

    def send(self, arrival: Arrival) -> None:
        errors = None
        if arrival.error_byte is not None:
            errors = [int(index == arrival.error_byte) for index in range(len(arrival.carrier))]
        self.scoreboard.expect(arrival)
        self.source.send_nowait(GmiiFrame(arrival.carrier, errors, tx_complete=self._next_gap))

    def _next_gap(self, _: object) -> None:
        self.source.ifg = self.rng.choice(self.gaps_bytes)

    async def wait_bytes(self, count: int) -> None:
        await Timer(count * self._periods_ps[1] * self._byte_cycles, unit="ps")

    async def settle(self) -> None:
        """Until all that is due was seen, and then for a while."""
        while not (self.source.idle() and self.scoreboard.complete and self.endpoint.idle):
            before = self._activity()
            # Twice as long as the longest frame in the traffic, of which nothing is to be seen while it comes.
            for _ in range(90):
                await self.wait_bytes(50)
                if self._activity() != before:
                    break
            else:
                return
        await self.wait_bytes(QUIET_BYTES)

    def _activity(self) -> tuple[int, ...]:
        return (self.source.queue_occupancy_bytes, self.endpoint.bytes, self.frames, self.scoreboard.counted.total())


async def begin(dut: Any) -> Bench:
    """The bench that the environment asks for, out of reset."""
    periods_ps = tuple(json.loads(os.environ["DEEP3_PERIODS_PS"]))
    station = Station(**json.loads(os.environ["DEEP3_STATION"]))
    byte_cycles = int(os.environ["DEEP3_BYTE_CYCLES"])
    bench = Bench(dut, random.Random(int(os.environ["DEEP3_SEED"])), station, periods_ps, byte_cycles)
    await bench.reset()
    return bench
