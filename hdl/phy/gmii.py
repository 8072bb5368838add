"""GMII at 1 Gb/s: eight bits at 125 MHz each way (IEEE 802.3, clause 35)."""

from amaranth import Cat, DomainRenamer, Module, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from deep3.hdl.cells.pads import DdrOutput, InputDelay
from deep3.hdl.link.ethernet.phy_bytes import PhyReceive, PhyTransmit

__all__ = ["Gmii"]


class Gmii(wiring.Component):
    """Pins of a GMII PHY as bytes; the twin is `sim.golden.phy.gmii`.

    Domains ``eth_rx`` (clocked by the PHY's receive clock) and ``eth_tx`` (125 MHz). One byte a cycle, latency 1 cycle
    each way. ``tx_clk`` rises in the middle of a byte, half a cycle for set-up and hold each.

    Parameters
    ----------
    rx_delay_ps
        Of the data pins, against the way of the receive clock to its registers.

    Members
    -------
    rx_valid : In(1), rx_error : In(1), rx_data : In(8)
        Pins, domain ``eth_rx``.
    tx_clk : Out(1), tx_valid : Out(1), tx_error : Out(1), tx_data : Out(8)
        Pins, domain ``eth_tx``; ``tx_error`` is always low.
    rx : Out(PhyReceive()), tx : In(PhyTransmit())
    """

    def __init__(self, *, rx_delay_ps: int = 0) -> None:
        self.rx_delay_ps = rx_delay_ps
        super().__init__({
            "rx_valid": In(1), "rx_error": In(1), "rx_data": In(8),
            "tx_clk": Out(1), "tx_valid": Out(1), "tx_error": Out(1), "tx_data": Out(8),
            "rx": Out(PhyReceive()), "tx": In(PhyTransmit()),
        })  # fmt: skip

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.submodules.rx_delay = delay = InputDelay(10, self.rx_delay_ps)
        received = Signal(10)
        m.d.comb += [
            delay.i.eq(Cat(self.rx_data, self.rx_valid, self.rx_error)),
            self.rx.enable.eq(1),
            self.rx.data.eq(received[:8]),
            self.rx.valid.eq(received[8]),
            self.rx.error.eq(received[9] & received[8]),
        ]
        m.d.eth_rx += received.eq(delay.o)

        valid = Signal()
        data = Signal(8, reset_less=True)
        m.d.eth_tx += [valid.eq(self.tx.valid), data.eq(self.tx.data)]
        m.submodules.clock_cell = clock = DomainRenamer("eth_tx")(DdrOutput(1))
        m.d.comb += [
            self.tx.enable.eq(1),
            self.tx_valid.eq(valid),
            self.tx_data.eq(data),
            clock.high.eq(0),
            clock.low.eq(1),
            self.tx_clk.eq(clock.pin),
        ]
        return m
