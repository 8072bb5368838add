"""MAC, receiving half: PHY bytes become frames with a verdict at their end."""

from amaranth import Module, Signal
from amaranth.lib import data, stream, wiring
from amaranth.lib.crc import catalog
from amaranth.lib.wiring import In, Out

from deep3.hdl.contract.station import FCS_BYTES, MAX_FRAME_BYTES, MIN_FRAME_BYTES, SFD

from .crossing import ReceiveCrossing
from .phy_bytes import PhyReceive

__all__ = ["MacReceive", "fault_layout", "judged_byte_layout"]


def judged_byte_layout() -> data.StructLayout:
    """A byte of a frame from its destination address to its FCS, or with ``end`` its end and the verdict."""
    return data.StructLayout({"data": 8, "end": 1, "good": 1})


def fault_layout() -> data.StructLayout:
    """Why a frame is dropped, the first that holds: broken by the PHY, over-long, short, wrong FCS."""
    return data.StructLayout({"error": 1, "overlong": 1, "short": 1, "fcs": 1})


class MacReceive(wiring.Component):
    """Strips preamble and SFD and judges each frame as a whole; whoever takes the bytes acts on none before the end.

    Whatever comes before an SFD is skipped; a carrier without one is a frame of no bytes, so a short one. At least one
    idle cycle lies between ``end`` and the next byte.

    Members
    -------
    phy : In(PhyReceive())
        Domain ``eth_rx``.
    bytes : Out(stream.Signature(judged_byte_layout(), always_ready=True))
    dropped : Out(fault_layout())
        One of them is high for one cycle for each frame that is not good.
    """

    def __init__(self) -> None:
        super().__init__({
            "phy": In(PhyReceive()),
            "bytes": Out(stream.Signature(judged_byte_layout(), always_ready=True)),
            "dropped": Out(fault_layout()),
        })

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.submodules.crossing = crossing = ReceiveCrossing()
        m.submodules.crc = crc = catalog.CRC32_ETHERNET(data_width=8).create()
        wiring.connect(m, wiring.flipped(self.phy), crossing.phy)
        symbol, valid = crossing.symbols.payload, crossing.symbols.valid
        longest = MAX_FRAME_BYTES + FCS_BYTES
        inside = Signal()
        count = Signal(range(longest + 1))
        faulty, overlong, long_enough = Signal(), Signal(), Signal()
        byte_valid = Signal()
        end = Signal()
        m.d.comb += [
            byte_valid.eq(valid & ~symbol.end & inside),
            end.eq(valid & symbol.end),
            crc.data.eq(symbol.data),
            crc.valid.eq(byte_valid),
            crc.start.eq(valid & ~inside),
        ]
        with m.If(end):
            m.d.sync += [inside.eq(0), count.eq(0), faulty.eq(0), overlong.eq(0), long_enough.eq(0)]
        with m.Elif(valid):
            m.d.sync += [inside.eq(inside | (symbol.data == SFD)), faulty.eq(faulty | symbol.error)]
            with m.If(inside):
                with m.If(count == MIN_FRAME_BYTES + FCS_BYTES - 1):
                    m.d.sync += long_enough.eq(1)
                with m.If(count == longest):
                    m.d.sync += overlong.eq(1)
                with m.Else():
                    m.d.sync += count.eq(count + 1)

        ended = Signal()
        found = Signal(fault_layout(), reset_less=True)
        m.d.sync += [
            self.bytes.valid.eq(byte_valid | end),
            self.bytes.payload.data.eq(symbol.data),
            self.bytes.payload.end.eq(end),
            ended.eq(end),
            found.error.eq(faulty | symbol.error),
            found.overlong.eq(overlong),
            found.short.eq(~long_enough),
            found.fcs.eq(~crc.match_detected),
        ]
        m.d.comb += [
            self.bytes.payload.good.eq(~found.as_value().any()),
            self.dropped.error.eq(ended & found.error),
            self.dropped.overlong.eq(ended & ~found.error & found.overlong),
            self.dropped.short.eq(ended & ~found.error & found.short),
            self.dropped.fcs.eq(ended & ~found.error & ~found.overlong & ~found.short & found.fcs),
        ]
        return m
