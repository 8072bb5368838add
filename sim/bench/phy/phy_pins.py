"""The pins of each PHY interface as a bench sees them: driven cycle by cycle, or by a model of cocotbext-eth."""

import random
from collections.abc import Callable
from typing import Any

from cocotb.triggers import FallingEdge, RisingEdge, Timer
from cocotbext.eth import GmiiSink, GmiiSource, MiiSink, MiiSource, RgmiiSink, RgmiiSource

from deep3.sim.golden.phy.gmii import gmii_receive
from deep3.sim.golden.phy.mii import MiiReceive
from deep3.sim.golden.phy.phy_bytes import Received
from deep3.sim.golden.phy.rgmii import rgmii_receive

__all__ = ["PINS", "Pins"]


class Pins:
    """Base: pins that change after the rising edge.

    Attributes
    ----------
    latency_cycles
        Of a byte, from its presentation to the sample at the end of its cycle.
    sink_skips_bytes
        Of the preamble, at the beginning of every frame.
    """

    latency_cycles: int
    sink_skips_bytes = 0

    def __init__(self, dut: Any) -> None:
        self.dut = dut

    def idle(self) -> None:
        """No carrier."""
        self._drive(0, 0, 0)

    def random(self, rng: random.Random) -> tuple[int, ...]:
        """The pins of one cycle: (valid, error, data)."""
        return int(rng.random() < 0.9), int(rng.random() < 0.1), rng.choice((5, 0xD, rng.randrange(self.values)))

    async def present(self, pins: tuple[int, ...]) -> None:
        """Set up before a rising edge; back when the outputs behind it have settled."""
        self._drive(*pins)
        await RisingEdge(self.dut.eth_rx_clk)
        await FallingEdge(self.dut.eth_rx_clk)

    def _drive(self, valid: int, error: int, data: int) -> None:
        self.dut.rx_valid.value = valid
        self.dut.rx_error.value = error
        self.dut.rx_data.value = data

    values: int

    def twin(self, pins: list[tuple[int, ...]]) -> list[Received]:
        """What the adapter says, without its latency."""
        raise NotImplementedError

    def source(self) -> Any:
        """Model of a PHY that receives from the cable."""
        raise NotImplementedError

    def sink(self) -> Any:
        """Model of a PHY that sends to the cable."""
        raise NotImplementedError


class GmiiPins(Pins):
    latency_cycles = 0
    # GmiiSink of cocotbext-eth 0.1.28 begins a frame with the byte after the one in which it saw the carrier.
    sink_skips_bytes = 1
    values = 256

    def twin(self, pins: list[tuple[int, ...]]) -> list[Received]:
        return gmii_receive((valid, error, data) for valid, error, data in pins)

    def source(self) -> Any:
        return GmiiSource(self.dut.rx_data, self.dut.rx_error, self.dut.rx_valid, self.dut.eth_rx_clk)

    def sink(self) -> Any:
        return GmiiSink(self.dut.tx_data, self.dut.tx_error, self.dut.tx_valid, self.dut.tx_clk)


class MiiPins(Pins):
    latency_cycles = 1
    values = 16

    def twin(self, pins: list[tuple[int, ...]]) -> list[Received]:
        model = MiiReceive()
        return [model.step(valid, error, data) for valid, error, data in pins]

    def source(self) -> Any:
        return MiiSource(self.dut.rx_data, self.dut.rx_error, self.dut.rx_valid, self.dut.eth_rx_clk)

    def sink(self) -> Any:
        return MiiSink(self.dut.tx_data, None, self.dut.tx_valid, self.dut.eth_tx_clk)


class RgmiiPins(Pins):
    latency_cycles = 2

    def idle(self) -> None:
        self._both(0)

    def random(self, rng: random.Random) -> tuple[int, ...]:
        """The pins at both edges."""
        return rng.randrange(32), rng.randrange(32)

    async def present(self, pins: tuple[int, ...]) -> None:
        rise, fall = pins
        self._both(rise)
        await RisingEdge(self.dut.eth_rx_clk)
        await Timer(1, unit="ns")
        self._both(fall)
        await FallingEdge(self.dut.eth_rx_clk)
        await Timer(1, unit="ns")

    def _both(self, value: int) -> None:
        self.dut.rx_data.value = value & 15
        self.dut.rx_ctl.value = value >> 4

    def twin(self, pins: list[tuple[int, ...]]) -> list[Received]:
        return rgmii_receive((rise, fall) for rise, fall in pins)

    def source(self) -> Any:
        return RgmiiSource(self.dut.rx_data, self.dut.rx_ctl, self.dut.eth_rx_clk)

    def sink(self) -> Any:
        return RgmiiSink(self.dut.tx_data, self.dut.tx_ctl, self.dut.late_clk)


PINS: dict[str, Callable[[Any], Pins]] = {"rgmii": RgmiiPins, "gmii": GmiiPins, "mii": MiiPins}
