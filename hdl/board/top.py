"""The whole of a board: clocks, pins, link and engine."""

from typing import Any

from amaranth import Cat, ClockDomain, ClockSignal, Const, DomainRenamer, Elaboratable, Instance, Module, Signal
from amaranth.hdl import IOPort, ValueLike
from amaranth.lib import wiring
from amaranth.lib.cdc import ResetSynchronizer
from amaranth.lib.wiring import In

from deep3.hdl.cells.clocking import ClockOutput, Pll
from deep3.hdl.cells.pads import DdrOutput, ThreeState
from deep3.hdl.contract.config import EngineConfig
from deep3.hdl.contract.target import Target
from deep3.hdl.phy.gmii import Gmii
from deep3.hdl.phy.mdio import Mdio
from deep3.hdl.phy.mii import Mii
from deep3.hdl.phy.reset import PhyReset
from deep3.hdl.phy.rgmii import Rgmii

from .ethernet_top import EthernetTop
from .parts import Clock, Ethernet, Leds, Uart
from .uart_top import UartTop

__all__ = ["BoardTop"]

GIGABIT_HZ = 125_000_000
DELAY_REFERENCE_HZ = 200_000_000
XILINX = (Target.XILINX, Target.VIRTEX6)


class BoardTop(Elaboratable):
    """Engine, endpoint and one link on the pins of a board (docs/network.md).

    The ports are named as in the pin files of ``constraints/``: ``clk`` or ``clk_p`` and ``clk_n``, those of the
    adapter in `hdl.phy` with ``eth_`` before them, ``eth_rx_clk``, ``eth_reset_n``, ``eth_mdc``, ``eth_mdio``,
    ``eth_ref_clk``, ``uart_rx``, ``uart_tx``, ``led``. Clocks start when the PLL has locked.

    Parameters
    ----------
    config
        The engine.
    clock, leds
        Of the board; without ``leds`` nothing shows, and the PHY's status is not read.
    link
        The port that packets take.
    mac, ip, port
        The board's addresses, for an Ethernet port.

    Attributes
    ----------
    ports : list[Signal | IOPort]
        The pins, for `hdl.cells.verilog.to_verilog`.
    """

    def __init__(
        self, config: EngineConfig, clock: Clock, leds: Leds | None, link: Ethernet | Uart, *,
        mac: str, ip: str, port: int,
    ) -> None:  # fmt: skip
        self.config = config
        self.clock = clock
        self.leds = leds
        self.link = link
        self.system: Any = (
            EthernetTop(config, mac, ip, port)
            if isinstance(link, Ethernet)
            else UartTop(config, round(clock.sync_hz / link.bits_per_second))
        )
        self.adapter: Any = _adapter(link) if isinstance(link, Ethernet) else None
        self._pins: dict[str, Any] = {}
        for name in ("clk_p", "clk_n") if clock.differential else ("clk",):
            self._add(name, 1)
        if isinstance(link, Ethernet):
            self._add_ethernet(link)
        else:
            self._add("uart_rx", 1)
            self._add("uart_tx", 1)
        if leds is not None:
            self._add("led", leds.count)

    @property
    def ports(self) -> list[Signal | IOPort]:
        """Pins in the order of their declaration."""
        return list(self._pins.values())

    def _add(self, name: str, width: int) -> None:
        self._pins[name] = Signal(width, name=name)

    def _add_ethernet(self, link: Ethernet) -> None:
        self._add("eth_rx_clk", 1)
        if link.phy == "mii":
            self._add("eth_tx_clk", 1)
        for name, signal, _ in self._adapter_pins():
            self._add(name, len(signal))
        self._add("eth_reset_n", 1)
        if link.reference_hz:
            self._add("eth_ref_clk", 1)
        if self.leds is not None:
            self._add("eth_mdc", 1)
            self._pins["eth_mdio"] = IOPort(1, name="eth_mdio")

    def _adapter_pins(self) -> list[tuple[str, Signal, bool]]:
        """Name at the edge, signal of the adapter, whether it is an input."""
        return [
            (f"eth_{path[0]}", value, member.flow == In)
            for path, member, value in self.adapter.signature.flatten(self.adapter)
            if len(path) == 1
        ]

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.submodules.system = system = self.system
        link_up = Const(1)
        if isinstance(self.link, Ethernet):
            self._clocks(m, platform, self.link)
            link_up = self._ethernet(m, platform, self.link)
        else:
            self._pll(m, platform, ["sync"], [ClockOutput(self.clock.sync_hz)])
            m.d.comb += [system.rx.eq(self._pins["uart_rx"]), self._pins["uart_tx"].eq(system.tx)]
        if self.leds is not None:
            lights = Signal(self.leds.count)
            m.d.sync += lights.eq(Cat(link_up, system.busy))
            m.d.comb += self._pins["led"].eq(~lights if self.leds.inverted else lights)
        return m

    def _pll(self, m: Module, platform: object, domains: list[str], outputs: list[ClockOutput]) -> Signal:
        """Clock domains that a PLL makes; returns its ``locked``."""
        m.submodules.pll = pll = Pll(self.clock.input_hz, tuple(outputs))
        if self.clock.differential and platform in XILINX:
            m.submodules.clock_pins = Instance(
                "IBUFGDS", i_I=self._pins["clk_p"], i_IB=self._pins["clk_n"], o_O=pll.clk_in
            )
        else:
            m.d.comb += pll.clk_in.eq(self._pins["clk_p" if self.clock.differential else "clk"])
        for index, name in enumerate(domains):
            self._domain(m, name, pll.clk[index])
        return pll.locked

    def _domain(self, m: Module, name: str, clock: ValueLike) -> None:
        """A clock of the PLL, which stands still until all is ready."""
        m.domains += ClockDomain(name, reset_less=True)
        m.d.comb += ClockSignal(name).eq(clock)

    def _foreign_domain(self, m: Module, name: str, clock: ValueLike, locked: Signal) -> None:
        """A clock that comes from a pin, and that may run at any time."""
        m.domains += ClockDomain(name)
        m.d.comb += ClockSignal(name).eq(clock)
        m.submodules[f"{name}_reset"] = ResetSynchronizer(~locked, domain=name)

    def _clocks(self, m: Module, platform: object, link: Ethernet) -> None:
        domains, outputs = ["sync"], [ClockOutput(self.clock.sync_hz)]
        if link.phy != "mii" and self.clock.sync_hz != GIGABIT_HZ:
            domains.append("eth_tx")
            outputs.append(ClockOutput(GIGABIT_HZ))
        if isinstance(self.adapter, Rgmii) and self.adapter.skewed_domain(platform):
            domains.append("eth_tx_skewed")
            outputs.append(ClockOutput(GIGABIT_HZ, round(link.tx_delay_ps * GIGABIT_HZ * 360 / 10**12)))
        if link.reference_hz:
            domains.append("eth_ref")
            outputs.append(ClockOutput(link.reference_hz))
        if link.rx_delay_ps and platform in XILINX:
            domains.append("delay_ref")
            outputs.append(ClockOutput(DELAY_REFERENCE_HZ))
        locked = self._pll(m, platform, domains, outputs)
        self._foreign_domain(m, "eth_rx", self._clock_pin(m, platform, "eth_rx_clk"), locked)
        if link.phy == "mii":
            self._foreign_domain(m, "eth_tx", self._clock_pin(m, platform, "eth_tx_clk"), locked)
        elif "eth_tx" not in domains:
            self._domain(m, "eth_tx", ClockSignal("sync"))
        if link.reference_hz:
            m.submodules.reference = reference = DomainRenamer("eth_ref")(DdrOutput(1))
            m.d.comb += [reference.high.eq(1), self._pins["eth_ref_clk"].eq(reference.pin)]
        if "delay_ref" in domains:
            m.submodules.delay_control = Instance(
                "IDELAYCTRL", i_REFCLK=ClockSignal("delay_ref"), i_RST=~locked, o_RDY=Signal(name="delay_ready")
            )

    def _clock_pin(self, m: Module, platform: object, name: str) -> Signal:
        """The clock at a pin, on a clock net; ECP5's tools promote it by themselves."""
        pin: Signal = self._pins[name]
        if platform not in XILINX:
            return pin
        buffered = Signal(name=f"{name}_buffered")
        # Clock pins of Virtex-6 reach the clocks of their region, not the global ones, without a detour.
        if platform is Target.VIRTEX6:
            m.submodules[f"{name}_buffer"] = Instance(
                "BUFR", p_BUFR_DIVIDE="BYPASS", i_I=pin, i_CE=Const(1), i_CLR=Const(0), o_O=buffered
            )
        else:
            m.submodules[f"{name}_buffer"] = Instance("BUFG", i_I=pin, o_O=buffered)
        return buffered

    def _ethernet(self, m: Module, platform: object, link: Ethernet) -> ValueLike:
        """Adapter and status of the PHY; returns whether the link is up."""
        m.submodules.phy = adapter = self.adapter
        for name, signal, is_input in self._adapter_pins():
            pin = self._pins[name]
            m.d.comb += signal.eq(pin) if is_input else pin.eq(signal)
        wiring.connect(m, adapter.rx, self.system.phy_rx)
        wiring.connect(m, self.system.phy_tx, adapter.tx)
        if link.supplies_clock:
            m.d.comb += self._pins["eth_reset_n"].eq(1)
        else:
            m.submodules.phy_reset = reset = PhyReset(self.clock.sync_hz)
            m.d.comb += self._pins["eth_reset_n"].eq(reset.reset_n)
        if self.leds is None:
            return Const(1)
        m.submodules.mdio = mdio = Mdio(self.clock.sync_hz)
        m.submodules.mdio_pin = pad = ThreeState(self._pins["eth_mdio"])
        m.d.comb += [
            self._pins["eth_mdc"].eq(mdio.mdc),
            pad.o.eq(mdio.o),
            pad.oe.eq(mdio.oe),
            mdio.i.eq(pad.i),
        ]
        return mdio.link


def _adapter(link: Ethernet) -> Rgmii | Gmii | Mii:
    if link.phy == "rgmii":
        return Rgmii(rx_delay_ps=link.rx_delay_ps, tx_delay_ps=link.tx_delay_ps)
    return Gmii(rx_delay_ps=link.rx_delay_ps) if link.phy == "gmii" else Mii()
