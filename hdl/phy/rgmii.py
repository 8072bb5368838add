"""RGMII at 1 Gb/s: four bits on both edges of 125 MHz each way (RGMII 2.0, Hewlett-Packard 2002)."""

from amaranth import Cat, DomainRenamer, Module, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from deep3.hdl.cells.pads import DdrInput, DdrOutput, InputDelay
from deep3.hdl.contract.target import Target
from deep3.hdl.link.ethernet.phy_bytes import PhyReceive, PhyTransmit

__all__ = ["Rgmii"]

DATA_BITS = 4


class Rgmii(wiring.Component):
    """Pins of an RGMII PHY as bytes; the twin is `sim.golden.phy.rgmii`.

    The low half of a byte goes with the rising edge. ``ctl`` is valid there and valid xor error at the falling edge.
    Between frames ``rx_data`` carries the PHY's status, which is left to MDIO. Domains ``eth_rx`` (clocked by
    the PHY's receive clock) and ``eth_tx`` (125 MHz). One byte a cycle each way; latency 3 cycles in, 2 out, and
    what the cells of a vendor add to that.

    Each receiver wants its clock 1 to 2.6 ns behind the data edges: either the PHY delays it or this does.

    Parameters
    ----------
    rx_delay_ps
        Of the data pins, against the way of the receive clock over the chip to the cells, where that and the delay of
        the PHY together are more than half a period.
    tx_delay_ps
        Of ``tx_clk``. Families without a delay at outputs clock its cell from domain ``eth_tx_skewed`` instead, whose
        phase the clocks of the board supply.

    Members
    -------
    rx_ctl : In(1), rx_data : In(4)
        Pins, domain ``eth_rx``.
    tx_clk : Out(1), tx_ctl : Out(1), tx_data : Out(4)
        Pins, domain ``eth_tx``.
    rx : Out(PhyReceive()), tx : In(PhyTransmit())
    """

    def __init__(self, *, rx_delay_ps: int = 0, tx_delay_ps: int = 0) -> None:
        self.rx_delay_ps = rx_delay_ps
        self.tx_delay_ps = tx_delay_ps
        super().__init__({
            "rx_ctl": In(1), "rx_data": In(DATA_BITS),
            "tx_clk": Out(1), "tx_ctl": Out(1), "tx_data": Out(DATA_BITS),
            "rx": Out(PhyReceive()), "tx": In(PhyTransmit()),
        })  # fmt: skip

    def skewed_domain(self, platform: object) -> bool:
        """Whether the clock of ``tx_clk`` comes from ``eth_tx_skewed``."""
        return self.tx_delay_ps > 0 and platform in (Target.XILINX, Target.VIRTEX6)

    def elaborate(self, platform: object) -> Module:
        m = Module()
        self._receive(m)
        self._transmit(m, platform)
        return m

    def _receive(self, m: Module) -> None:
        pins = DATA_BITS + 1
        m.submodules.rx_delay = delay = InputDelay(pins, self.rx_delay_ps)
        m.submodules.rx_cells = cells = DomainRenamer("eth_rx")(DdrInput(pins))
        m.d.comb += [
            delay.i.eq(Cat(self.rx_data, self.rx_ctl)),
            cells.pin.eq(delay.o),
            self.rx.enable.eq(1),
        ]
        valid = Signal()
        error = Signal()
        data = Signal(8, reset_less=True)
        m.d.eth_rx += [
            valid.eq(cells.rise[DATA_BITS]),
            error.eq(cells.rise[DATA_BITS] & ~cells.fall[DATA_BITS]),
            data.eq(Cat(cells.rise[:DATA_BITS], cells.fall[:DATA_BITS])),
        ]
        m.d.comb += [self.rx.valid.eq(valid), self.rx.error.eq(error), self.rx.data.eq(data)]

    def _transmit(self, m: Module, platform: object) -> None:
        # A register of its own, so that the way to the cells at the edge of the chip is a whole cycle long.
        valid = Signal()
        data = Signal(8, reset_less=True)
        m.d.eth_tx += [valid.eq(self.tx.valid), data.eq(self.tx.data)]
        clock_domain = "eth_tx_skewed" if self.skewed_domain(platform) else "eth_tx"
        output_delay_ps = 0 if self.skewed_domain(platform) else self.tx_delay_ps
        m.submodules.tx_cells = cells = DomainRenamer("eth_tx")(DdrOutput(DATA_BITS + 1))
        m.submodules.clock_cell = clock = DomainRenamer(clock_domain)(DdrOutput(1, output_delay_ps))
        m.d.comb += [
            self.tx.enable.eq(1),
            cells.high.eq(Cat(data[:DATA_BITS], valid)),
            cells.low.eq(Cat(data[DATA_BITS:], valid)),
            Cat(self.tx_data, self.tx_ctl).eq(cells.pin),
            clock.high.eq(1),
            clock.low.eq(0),
            self.tx_clk.eq(clock.pin),
        ]
