"""A whole board with a network as a shared library, its PHY bytes moved by ``ethernet_harness.cpp``."""

from pathlib import Path

from amaranth.hdl import ClockDomain, Module
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from deep3.hdl.board.ethernet_top import EthernetTop
from deep3.hdl.contract.config import EngineConfig
from deep3.hdl.contract.station import Station

from .build import build_library, identity

__all__ = ["ethernet_library"]

HARNESS = Path(__file__).with_name("ethernet_harness.cpp")


def ethernet_library(config: EngineConfig, station: Station, trace: bool = False) -> Path:
    """The shared library of a board with a network, built on first use.

    Parameters
    ----------
    config
        The engine.
    station
        The board's addresses.
    trace
        A library that can write a VCD; several times slower.

    Raises
    ------
    BoardBuildError
        When a tool is missing or fails.
    """
    label = f"{config.rows}x{config.columns} {config.digest} with its network"
    addresses = (station.mac, station.ip, str(station.port))
    return build_library(
        lambda: _EthernetBench(EthernetTop(config, station.mac, station.ip, station.port)),
        identity(config, *addresses), label, trace, HARNESS,
    )  # fmt: skip


class _EthernetBench(wiring.Component):  # type: ignore[type-arg]
    """The design with one clock in all domains, a byte time a cycle, and no reset (why: `sim.board.build.PacketBench`).
    """

    def __init__(self, design: EthernetTop) -> None:
        self.design = design
        super().__init__({
            "clk": In(1),
            "rx_data": In(8), "rx_valid": In(1), "rx_error": In(1),
            "tx_data": Out(8), "tx_valid": Out(1),
            "dropped": Out(len(design.dropped.as_value())),
            "busy": Out(1),
        })  # fmt: skip

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.submodules.design = design = self.design
        for name in ("sync", "eth_rx", "eth_tx"):
            domain = ClockDomain(name, reset_less=True)
            m.domains += domain
            m.d.comb += domain.clk.eq(self.clk)
        m.d.comb += [
            design.phy_rx.enable.eq(1),
            design.phy_rx.valid.eq(self.rx_valid),
            design.phy_rx.error.eq(self.rx_error),
            design.phy_rx.data.eq(self.rx_data),
            design.phy_tx.enable.eq(1),
            self.tx_valid.eq(design.phy_tx.valid),
            self.tx_data.eq(design.phy_tx.data),
            self.dropped.eq(design.dropped),
            self.busy.eq(design.busy),
        ]
        return m
