"""MII at 100 Mb/s: four bits at 25 MHz each way, both clocks from the PHY (IEEE 802.3, clause 22)."""

from amaranth import Cat, Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from deep3.hdl.link.ethernet.phy_bytes import PhyReceive, PhyTransmit

__all__ = ["Mii"]

SFD_HIGH = 0xD
"""High half of the start-of-frame delimiter, which no half of the preamble is."""


class Mii(wiring.Component):
    """Pins of an MII PHY as bytes; the twin is `sim.golden.phy.mii`.

    Domains ``eth_rx`` and ``eth_tx``, clocked by the PHY's two clocks (25 MHz at 100 Mb/s, 2.5 MHz at 10 Mb/s). A byte
    takes two cycles, low half first. A PHY may swallow any part of the preamble, so bytes are aligned by the
    delimiter; a half byte at the end of a frame is dropped. Latency 2 cycles in, 1 out.

    Members
    -------
    rx_valid : In(1), rx_error : In(1), rx_data : In(4)
        Pins, domain ``eth_rx``.
    tx_valid : Out(1), tx_data : Out(4)
        Pins, domain ``eth_tx``.
    rx : Out(PhyReceive()), tx : In(PhyTransmit())
    """

    def __init__(self) -> None:
        super().__init__({
            "rx_valid": In(1), "rx_error": In(1), "rx_data": In(4), "tx_valid": Out(1), "tx_data": Out(4),
            "rx": Out(PhyReceive()), "tx": In(PhyTransmit()),
        })  # fmt: skip

    def elaborate(self, platform: object) -> Module:
        m = Module()
        self._receive(m)
        self._transmit(m)
        return m

    def _receive(self, m: Module) -> None:
        # Registers first: the pins' timing is nobody else's business.
        valid = Signal()
        error = Signal(reset_less=True)
        half = Signal(4, reset_less=True)
        m.d.eth_rx += [valid.eq(self.rx_valid), error.eq(self.rx_error), half.eq(self.rx_data)]

        low = Signal(4, reset_less=True)
        low_error = Signal(reset_less=True)
        have_low = Signal()
        started = Signal()
        delimiter = Signal()
        enable = Signal()
        carrier = Signal()
        byte_error = Signal(reset_less=True)
        byte = Signal(8, reset_less=True)
        m.d.comb += delimiter.eq(~started & (half == SFD_HIGH))
        m.d.eth_rx += [
            low.eq(half),
            low_error.eq(error),
            have_low.eq(valid & ~have_low & ~delimiter),
            started.eq(valid & (started | delimiter)),
            enable.eq(~valid | have_low | delimiter),
            carrier.eq(valid),
            byte_error.eq(error | low_error),
            byte.eq(Cat(low, half)),
        ]
        m.d.comb += [
            self.rx.enable.eq(enable),
            self.rx.valid.eq(carrier),
            self.rx.error.eq(byte_error & carrier),
            self.rx.data.eq(byte),
        ]

    def _transmit(self, m: Module) -> None:
        high_half = Signal()
        high = Signal(4, reset_less=True)
        valid = Signal()
        half = Signal(4, reset_less=True)
        m.d.eth_tx += [
            high_half.eq(~high_half),
            half.eq(Mux(high_half, high, self.tx.data[:4])),
        ]
        with m.If(~high_half):
            m.d.eth_tx += [high.eq(self.tx.data[4:]), valid.eq(self.tx.valid)]
        m.d.comb += [self.tx.enable.eq(~high_half), self.tx_valid.eq(valid), self.tx_data.eq(half)]
