"""Packets on a line of bytes: COBS frames, each ended by a zero byte.

Consistent Overhead Byte Stuffing: Cheshire and Baker, IEEE/ACM Transactions on Networking 7(2), 1999. A frame is a row
of blocks, each a code byte n and n - 1 bytes that are not zero; a zero follows every block but the last one and those
with n = 255.
"""

from amaranth import Module, Mux, Signal, unsigned
from amaranth.lib import data, stream, wiring
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out

from deep3.hdl.cells.pipeline import NO_COLLISION_LOGIC
from deep3.hdl.contract.geometry import COBS_BLOCK_BYTES, COBS_MEMORY_BYTES
from deep3.hdl.contract.protocol import MAX_PACKET_BYTES

from .packet_bytes import packet_bytes

__all__ = ["CobsDecoder", "CobsEncoder", "line_byte_layout", "line_bytes"]


def line_byte_layout() -> data.StructLayout:
    """What a line brought: a byte, or with ``broken`` something that is none; ``data`` has no meaning then."""
    return data.StructLayout({"data": 8, "broken": 1})


def line_bytes() -> stream.Signature:
    """Stream of `line_byte_layout`; the receiving side is always ready, as a line does not wait."""
    return stream.Signature(line_byte_layout())


class CobsDecoder(wiring.Component):
    """Frames to packets; the twin is `sim.golden.link.cobs.Decoder`.

    The end of a packet shows only in the zero behind it, so one byte is held back. A frame that is broken, ends in the
    middle of a block, is too long, or meets a ``packets`` that waits for longer than the line, is given up: its packet
    stays without ``last``, and the next one cuts it short with ``first``. Frames of no bytes are nothing. What comes
    before the first zero after reset may be half a frame and is left out. One byte a cycle; a byte leaves 2 cycles
    after the one that follows it has come.

    Parameters
    ----------
    max_packet_bytes : int
        Longer packets are given up; at least 1.

    Members
    -------
    received : In(line_bytes())
    packets : Out(packet_bytes())
    """

    def __init__(self, max_packet_bytes: int = MAX_PACKET_BYTES) -> None:
        if max_packet_bytes < 1:
            raise ValueError(f"max_packet_bytes must be at least 1, not {max_packet_bytes!r}")
        self.max_packet_bytes = max_packet_bytes
        super().__init__({"received": In(line_bytes()), "packets": Out(packet_bytes())})

    def elaborate(self, platform: object) -> Module:
        m = Module()
        received, packets = self.received, self.packets

        valid = Signal()
        broken, is_zero, is_one, is_full = (
            Signal(name=name, reset_less=True) for name in ("broken", "is_zero", "is_one", "is_full")
        )
        byte = Signal(8, reset_less=True)
        m.d.comb += received.ready.eq(1)
        m.d.sync += [
            valid.eq(received.valid),
            byte.eq(received.payload.data),
            broken.eq(received.payload.broken),
            is_zero.eq(received.payload.data == 0),
            is_one.eq(received.payload.data == 1),
            is_full.eq(received.payload.data == COBS_BLOCK_BYTES + 1),
        ]

        given_up = Signal(init=1)
        expects_code = Signal(init=1)
        owes_zero = Signal()
        left = Signal(8, reset_less=True)
        count = Signal(range(self.max_packet_bytes + 1))
        full = Signal()
        holds = Signal()
        held = Signal(8, reset_less=True)
        held_first = Signal(reset_less=True)

        ends = Signal()
        appends = Signal()
        emits = Signal()
        usable = valid & ~broken & ~given_up
        m.d.comb += [
            ends.eq(valid & ~broken & is_zero),
            appends.eq(usable & ~is_zero & (~expects_code | owes_zero) & ~full),
            emits.eq(holds & (appends | (ends & ~given_up & expects_code))),
        ]
        with m.If(usable & ~is_zero):
            with m.If(expects_code):
                m.d.sync += [left.eq(byte - 1), expects_code.eq(is_one), owes_zero.eq(~is_full)]
            with m.Else():
                m.d.sync += [left.eq(left - 1), expects_code.eq(left == 1)]
            with m.If((~expects_code | owes_zero) & full):
                m.d.sync += given_up.eq(1)
        with m.If(appends):
            m.d.sync += [
                holds.eq(1),
                held.eq(Mux(expects_code, 0, byte)),
                held_first.eq(~holds),
                count.eq(count + 1),
                full.eq(count == self.max_packet_bytes - 1),
            ]
        with m.If(packets.ready):
            m.d.sync += packets.valid.eq(0)
        with m.If(emits):
            with m.If(packets.valid & ~packets.ready):
                m.d.sync += given_up.eq(1)
            with m.Else():
                m.d.sync += [
                    packets.valid.eq(1),
                    packets.payload.data.eq(held),
                    packets.payload.first.eq(held_first),
                    packets.payload.last.eq(ends),
                ]
        with m.If(valid & broken):
            m.d.sync += given_up.eq(1)
        with m.If(ends):
            m.d.sync += [
                given_up.eq(0), expects_code.eq(1), owes_zero.eq(0), count.eq(0), full.eq(0), holds.eq(0),
            ]  # fmt: skip
        return m


class CobsEncoder(wiring.Component):
    """Packets to frames; the twin is `sim.golden.link.cobs.encode`.

    A block is collected, one byte a cycle, before its code byte can leave; then it leaves with a byte every 2 cycles
    while ``packets`` waits. Pauses of ``packets`` within a packet only delay.

    Members
    -------
    packets : In(packet_bytes())
        ``first`` is not looked at.
    encoded : Out(stream.Signature(8))
        Frames, each with the zero that ends it.
    """

    def __init__(self) -> None:
        super().__init__({"packets": In(packet_bytes()), "encoded": Out(stream.Signature(unsigned(8)))})

    def elaborate(self, platform: object) -> Module:
        m = Module()
        packets, encoded = self.packets, self.encoded
        m.submodules.memory = memory = Memory(
            shape=unsigned(8), depth=COBS_MEMORY_BYTES, init=[], attrs=NO_COLLISION_LOGIC
        )
        write, read = memory.write_port(), memory.read_port()

        byte = packets.payload
        count = Signal(range(COBS_BLOCK_BYTES + 1))
        index = Signal.like(count)
        closing = Signal()
        # A zero at the end of a packet is said by a block of no bytes behind it.
        owes_empty_block = Signal()
        step = ~encoded.valid | encoded.ready
        m.d.comb += [
            write.addr.eq(count),
            write.data.eq(byte.data),
            read.addr.eq(index),
        ]
        with m.If(encoded.ready):
            m.d.sync += encoded.valid.eq(0)
        with m.FSM() as fsm:
            m.d.comb += read.en.eq(fsm.ongoing("FETCH"))
            with m.State("COLLECT"):
                is_zero = byte.data == 0
                m.d.comb += [packets.ready.eq(1), write.en.eq(packets.valid & ~is_zero)]
                with m.If(packets.valid):
                    m.d.sync += [
                        count.eq(count + (byte.data != 0)),
                        closing.eq(byte.last),
                        owes_empty_block.eq(byte.last & is_zero),
                    ]
                    with m.If(is_zero | byte.last | (count == COBS_BLOCK_BYTES - 1)):
                        m.next = "CODE"
            with m.State("CODE"):
                m.d.sync += index.eq(0)
                with m.If(step):
                    m.d.sync += [encoded.valid.eq(1), encoded.payload.eq(count + 1)]
                    m.next = "FETCH"
            with m.State("FETCH"):
                m.d.sync += index.eq(index + 1)
                m.next = "BYTE"
                with m.If(index == count):
                    m.next = "BLOCK END"
            with m.State("BYTE"), m.If(step):
                m.d.sync += [encoded.valid.eq(1), encoded.payload.eq(read.data)]
                m.next = "FETCH"
            with m.State("BLOCK END"):
                m.d.sync += [count.eq(0), owes_empty_block.eq(0)]
                m.next = "COLLECT"
                with m.If(owes_empty_block):
                    m.next = "CODE"
                with m.Elif(closing):
                    m.next = "DELIMITER"
            with m.State("DELIMITER"), m.If(step):
                m.d.sync += [encoded.valid.eq(1), encoded.payload.eq(0)]
                m.next = "COLLECT"
        return m
