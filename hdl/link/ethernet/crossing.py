"""Bytes between the clocks of the PHY and the domain ``sync``."""

from amaranth import Module, Signal
from amaranth.lib import data, stream, wiring
from amaranth.lib.cdc import PulseSynchronizer
from amaranth.lib.fifo import AsyncFIFOBuffered
from amaranth.lib.wiring import In, Out

from deep3.hdl.contract.station import PREAMBLE, PREAMBLE_BYTES, SFD

from .phy_bytes import PhyReceive, PhyTransmit

__all__ = ["GAP_BYTES", "ReceiveCrossing", "TransmitCrossing", "carrier_layout", "frame_byte_layout"]

GAP_BYTES = 12
"""Idle byte times between frames (IEEE 802.3, 4.4.2)."""

_FIFO_DEPTH = 17
"""A column of distributed RAM, twice the round trip through the synchronisers, and a register behind it."""


def carrier_layout() -> data.StructLayout:
    """A byte under a carrier, or with ``end`` the fall of the carrier; ``error``: by the PHY, or bytes were lost."""
    return data.StructLayout({"data": 8, "end": 1, "error": 1})


def frame_byte_layout() -> data.StructLayout:
    """A byte of a frame from its destination address to its FCS."""
    return data.StructLayout({"data": 8, "last": 1})


class ReceiveCrossing(wiring.Component):
    """PHY bytes from ``eth_rx`` to ``sync``.

    One symbol a byte under a carrier, one for its fall. Should ``sync`` fall behind, the rest of the frame is left out
    and its end says ``error``; frames that follow before that end found room are part of it.

    Members
    -------
    phy : In(PhyReceive())
    symbols : Out(stream.Signature(carrier_layout(), always_ready=True))
    """

    def __init__(self) -> None:
        super().__init__({
            "phy": In(PhyReceive()),
            "symbols": Out(stream.Signature(carrier_layout(), always_ready=True)),
        })

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.submodules.fifo = fifo = AsyncFIFOBuffered(
            width=carrier_layout().size, depth=_FIFO_DEPTH, w_domain="eth_rx", r_domain="sync"
        )
        enable = Signal()
        valid = Signal()
        error = Signal(reset_less=True)
        byte = Signal(8, reset_less=True)
        carrier = Signal()
        lost = Signal()
        m.d.eth_rx += [
            enable.eq(self.phy.enable),
            valid.eq(self.phy.valid),
            error.eq(self.phy.error),
            byte.eq(self.phy.data),
        ]
        symbol = Signal(carrier_layout())
        m.d.comb += [
            symbol.data.eq(byte),
            symbol.end.eq(lost | ~valid),
            symbol.error.eq(lost | (valid & error)),
            fifo.w_data.eq(symbol),
            fifo.w_en.eq((lost & ~carrier) | (~lost & enable & (valid | carrier))),
        ]
        with m.If(enable):
            m.d.eth_rx += carrier.eq(valid)
        with m.If(fifo.w_en):
            m.d.eth_rx += lost.eq(~fifo.w_rdy)
        m.d.comb += [
            self.symbols.payload.eq(fifo.r_data),
            self.symbols.valid.eq(fifo.r_rdy),
            fifo.r_en.eq(1),
        ]
        return m


class TransmitCrossing(wiring.Component):
    """Frames from ``sync`` to PHY bytes in ``eth_tx``, with preamble, SFD and a gap of `GAP_BYTES`.

    A frame begins when its first byte has crossed; the preamble gives the bytes after it a lead. Should they fall
    behind all the same, the carrier falls at once, the rest is discarded, and no receiver takes what was sent.

    Members
    -------
    frame : In(stream.Signature(frame_byte_layout()))
        FCS included; comes without a pause from its first byte to its last.
    phy : Out(PhyTransmit())
    underrun : Out(1)
        High for one cycle of ``sync`` for each frame that was broken off.
    """

    def __init__(self) -> None:
        super().__init__({
            "frame": In(stream.Signature(frame_byte_layout())),
            "phy": Out(PhyTransmit()),
            "underrun": Out(1),
        })

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.submodules.fifo = fifo = AsyncFIFOBuffered(
            width=frame_byte_layout().size, depth=_FIFO_DEPTH, w_domain="sync", r_domain="eth_tx"
        )
        m.submodules.underrun = underrun = PulseSynchronizer("eth_tx", "sync")
        m.d.comb += [
            fifo.w_data.eq(self.frame.payload),
            fifo.w_en.eq(self.frame.valid),
            self.frame.ready.eq(fifo.w_rdy),
            self.underrun.eq(underrun.o),
        ]
        byte = Signal(frame_byte_layout())
        count = Signal(range(max(PREAMBLE_BYTES, GAP_BYTES)))
        m.d.comb += byte.eq(fifo.r_data)
        with m.If(self.phy.enable), m.FSM(domain="eth_tx"):
            with m.State("IDLE"):
                m.d.eth_tx += [self.phy.data.eq(PREAMBLE), self.phy.valid.eq(fifo.r_rdy), count.eq(1)]
                with m.If(fifo.r_rdy):
                    m.next = "PREAMBLE"
            with m.State("PREAMBLE"):
                m.d.eth_tx += count.eq(count + 1)
                with m.If(count == PREAMBLE_BYTES):
                    m.d.eth_tx += self.phy.data.eq(SFD)
                    m.next = "FRAME"
            with m.State("FRAME"):
                m.d.comb += fifo.r_en.eq(1)
                m.d.eth_tx += [self.phy.data.eq(byte.data), self.phy.valid.eq(fifo.r_rdy), count.eq(0)]
                with m.If(~fifo.r_rdy):
                    m.d.comb += underrun.i.eq(1)
                    m.next = "DISCARD"
                with m.Elif(byte.last):
                    m.next = "GAP"
            with m.State("DISCARD"):
                m.d.comb += fifo.r_en.eq(1)
                with m.If(fifo.r_rdy & byte.last):
                    m.next = "GAP"
            with m.State("GAP"):
                m.d.eth_tx += [self.phy.valid.eq(0), count.eq(count + 1)]
                with m.If(count == GAP_BYTES - 1):
                    m.next = "IDLE"
        return m
