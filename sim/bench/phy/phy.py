"""Bench of the PHY adapters: every cycle against the twin, and frames of cocotbext-eth's models both ways."""

import os
import random
from typing import Any

import cocotb
from amaranth import Module
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out
from cocotb.triggers import Edge, FallingEdge, RisingEdge, Timer
from cocotbext.eth import GmiiFrame

from deep3.hdl.phy.rgmii import Rgmii
from deep3.sim.golden.phy.phy_bytes import Received

from .phy_pins import PINS, Pins

__all__ = ["RgmiiOnBoard"]

HALF_NS = 4
WIRE_NS = 2
"""By how much the far end's clock is late: what delay cells or the PHY do on a board."""

FRAMES = 40
CYCLES = 3000
PREAMBLE = bytes([0x55] * 7 + [0xD5])


class RgmiiOnBoard(wiring.Component):
    """The adapter, and the far end of its clock wire, which the bench drives."""

    def __init__(self) -> None:
        self.adapter = Rgmii()
        super().__init__({**self.adapter.signature.members, "late_clk": In(1)})

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.submodules.adapter = self.adapter
        inside = self.adapter.signature.flatten(self.adapter)
        outside = {path: port for path, _, port in self.signature.flatten(self)}
        for path, member, port in inside:
            source, sink = (port, outside[path]) if member.flow == Out else (outside[path], port)
            m.d.comb += sink.eq(source)
        return m


class Bench:
    """Two running clocks, resets released, and everything random from one seed."""

    def __init__(self, dut: Any) -> None:
        self.dut = dut
        self.rng = random.Random(int(os.environ["DEEP3_SEED"]))
        self.pins: Pins = PINS[os.environ["DEEP3_KIND"]](dut)

    async def start(self) -> None:
        """Clocks run; the first rising edge is `HALF_NS` away."""
        self.pins.idle()
        self.dut.tx__valid.value = 0
        self.dut.tx__data.value = 0
        for name in ("eth_rx", "eth_tx"):
            getattr(self.dut, f"{name}_rst").value = 1
            cocotb.start_soon(self._clock(getattr(self.dut, f"{name}_clk")))
        for _ in range(4):
            await RisingEdge(self.dut.eth_rx_clk)
        await Timer(1, unit="ns")
        self.dut.eth_rx_rst.value = 0
        self.dut.eth_tx_rst.value = 0
        if hasattr(self.dut, "late_clk"):
            cocotb.start_soon(self._wire())

    async def _clock(self, clock: Any) -> None:
        half = Timer(HALF_NS, unit="ns")
        while True:
            clock.value = 0
            await half
            clock.value = 1
            await half

    async def _wire(self) -> None:
        while True:
            await Edge(self.dut.tx_clk)
            cocotb.start_soon(self._arrive(int(self.dut.tx_clk.value)))

    async def _arrive(self, level: int) -> None:
        await Timer(WIRE_NS, unit="ns")
        self.dut.late_clk.value = level

    def received(self) -> Received:
        rx = (int(getattr(self.dut, f"rx__{name}").value) for name in Received._fields)
        return Received(*rx)

    def frame(self) -> bytes:
        return PREAMBLE + self.rng.randbytes(self.rng.choice((1, 2, 60, self.rng.randrange(1, 200))))


@cocotb.test()
async def received_as_the_twin(dut: Any) -> None:
    """Random pins in every cycle."""
    bench = Bench(dut)
    await bench.start()
    await FallingEdge(dut.eth_rx_clk)
    sent, got = [], []
    for _ in range(CYCLES):
        sent.append(bench.pins.random(bench.rng))
        await bench.pins.present(sent[-1])
        got.append(bench.received())
    wanted = bench.pins.twin(sent)
    latency = bench.pins.latency_cycles
    assert got[latency:] == wanted[: len(wanted) - latency], "the adapter's bytes are not the twin's"
    assert len({byte.valid for byte in got}) == 2
    assert any(byte.error for byte in got)


@cocotb.test()
async def frames_arrive(dut: Any) -> None:
    """Frames of a PHY model, with errors and gaps, byte by byte."""
    bench = Bench(dut)
    await bench.start()
    source = bench.pins.source()
    wanted = []
    for _ in range(FRAMES):
        data = bench.frame()
        broken = [int(bench.rng.random() < 0.02) for _ in data]
        wanted.append((data, broken))
        await source.send(GmiiFrame(data, list(broken)))
    frames: list[tuple[bytes, list[int]]] = []
    inside: list[Received] = []
    while len(frames) < FRAMES:
        await FallingEdge(dut.eth_rx_clk)
        byte = bench.received()
        if byte.enable and byte.valid:
            inside.append(byte)
        elif byte.enable and inside:
            frames.append((bytes(byte.data for byte in inside), [byte.error for byte in inside]))
            inside = []
    assert frames == wanted


@cocotb.test()
async def frames_leave(dut: Any) -> None:
    """Frames of a MAC arrive at a PHY model, whatever the gap between them."""
    bench = Bench(dut)
    await bench.start()
    sink = bench.pins.sink()
    frames = [bench.frame() for _ in range(FRAMES)]
    symbols: list[tuple[int, int]] = []
    for frame in frames:
        symbols += [(0, bench.rng.randrange(256))] * bench.rng.choice((1, 12, 30)) + [(1, byte) for byte in frame]
    symbols += [(0, 0)] * 4
    for valid, data in symbols:
        dut.tx__valid.value = valid
        dut.tx__data.value = data
        taken = False
        while not taken:
            await FallingEdge(dut.eth_tx_clk)
            taken = bool(int(dut.tx__enable.value))
            await RisingEdge(dut.eth_tx_clk)
            await Timer(1, unit="ns")
    for _ in range(10):
        await FallingEdge(dut.eth_tx_clk)
    for frame in frames:
        got = sink.recv_nowait()
        assert bytes(got.data) == frame[bench.pins.sink_skips_bytes :]
        assert not got.error
    assert sink.empty()
