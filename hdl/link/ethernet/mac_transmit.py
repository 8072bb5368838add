"""MAC, sending half: frames become PHY bytes."""

from amaranth import Module, Mux, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.crc import catalog
from amaranth.lib.wiring import In, Out

from deep3.hdl.cells.pipeline import elastic
from deep3.hdl.contract.station import FCS_BYTES, MIN_FRAME_BYTES

from .crossing import TransmitCrossing, frame_byte_layout
from .phy_bytes import PhyTransmit

__all__ = ["MacTransmit"]


class MacTransmit(wiring.Component):
    """Pads frames to `MIN_FRAME_BYTES` and adds FCS, preamble and gap; back to back with exactly the gap.

    One byte a cycle, FCS and padding included; no idle cycle between frames.

    Members
    -------
    frame : In(stream.Signature(frame_byte_layout()))
        From destination address to the end of the data. A frame that began comes without a pause, or it is broken off.
    phy : Out(PhyTransmit())
        Domain ``eth_tx``.
    underrun : Out(1)
        High for one cycle for each frame that was broken off.
    """

    def __init__(self) -> None:
        super().__init__({
            "frame": In(stream.Signature(frame_byte_layout())),
            "phy": Out(PhyTransmit()),
            "underrun": Out(1),
        })

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.submodules.crossing = crossing = TransmitCrossing()
        m.submodules.crc = crc = catalog.CRC32_ETHERNET(data_width=8).create()
        wiring.connect(m, crossing.phy, wiring.flipped(self.phy))
        m.d.comb += self.underrun.eq(crossing.underrun)
        out = stream.Signature(crossing.frame.payload.shape()).create()
        # The crossing's ready is a comparison of Gray codes, and the FCS depends on whether a byte is taken.
        elastic(m, "out_elastic", out, crossing.frame)
        step = ~out.valid | out.ready
        first = Signal(init=1)
        byte = Signal(8)
        count = Signal(range(MIN_FRAME_BYTES))
        long_enough = Signal()
        fcs_index = Signal(range(FCS_BYTES))
        m.d.comb += crc.data.eq(byte)
        with m.If(out.ready):
            m.d.sync += out.valid.eq(0)
        with m.If(crc.valid):
            m.d.sync += [out.valid.eq(1), out.payload.data.eq(byte), out.payload.last.eq(0), first.eq(0)]
            m.d.sync += [count.eq(count + 1), long_enough.eq(long_enough | (count == MIN_FRAME_BYTES - 2))]
        with m.FSM():
            with m.State("DATA"):
                m.d.comb += [
                    byte.eq(self.frame.payload.data),
                    crc.start.eq(first),
                    self.frame.ready.eq(step),
                    crc.valid.eq(step & self.frame.valid),
                ]
                with m.If(crc.valid & self.frame.payload.last):
                    m.next = "PAD"
                    with m.If(long_enough):
                        m.next = "FCS"
            with m.State("PAD"):
                m.d.comb += crc.valid.eq(step)
                with m.If(step & long_enough):
                    m.next = "FCS"
            with m.State("FCS"), m.If(step):
                last = fcs_index == FCS_BYTES - 1
                m.d.sync += [
                    out.valid.eq(1),
                    out.payload.data.eq(crc.crc.word_select(fcs_index, 8)),
                    out.payload.last.eq(last),
                    fcs_index.eq(Mux(last, 0, fcs_index + 1)),
                    first.eq(1),
                    count.eq(0),
                    long_enough.eq(0),
                ]
                with m.If(last):
                    m.next = "DATA"
        return m
