"""Store and forward: bytes become whole packets whose size and checksum are right, everything else is dropped."""

from amaranth import Cat, Module, Mux, Signal, unsigned
from amaranth.hdl import ValueLike
from amaranth.lib import stream, wiring
from amaranth.lib.crc import catalog
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out

from deep3.hdl.cells.pipeline import NO_COLLISION_LOGIC
from deep3.hdl.contract.geometry import BUFFER_WORDS
from deep3.hdl.contract.protocol import MAX_PACKET_BYTES, OVERHEAD_BYTES, PACKET_BUFFERS

from .packet_bytes import byte_layout, packet_bytes

__all__ = ["SLOTS", "PacketBuffer"]

SLOTS = 2 * PACKET_BUFFERS
"""Numbers of packets. More than buffers: a packet keeps its number while it is answered, its buffer already reused."""

_BUFFER_BITS = PACKET_BUFFERS.bit_length() - 1
_INDEX_BITS = BUFFER_WORDS.bit_length() - 1

_CLOSING_CYCLES = 3
"""From the last byte at ``rx`` until its packet is kept or dropped and the next byte is taken."""


class PacketBuffer(wiring.Component):
    """Ring of packet buffers with the checks that need the whole packet.

    A packet is kept when its size is 20 + the length field, which is even, at most 1472 bytes, and its CRC-32 is
    right; otherwise its buffer is used again. A packet cut short by another ``first`` is dropped as malformed; bytes
    outside a packet are ignored. One byte a cycle in, `_CLOSING_CYCLES` idle cycles after ``last``; one word a cycle
    out, first word 3 cycles after the packet is kept or the one before it is released. ``rx`` waits while all buffers
    hold packets.

    Members
    -------
    rx : In(packet_bytes())
    words : Out(stream.Signature(16))
        The oldest packet from its first header word on, low byte first. Words after its end have no meaning.
    release : In(1)
        High for one cycle, without a transfer on ``words``: the oldest packet is done with, its buffer is free.
    free : Out(range(PACKET_BUFFERS + 1))
        Buffers without a packet.
    rx_slot : Out(range(SLOTS))
        Number of the packet at ``rx``, from `_CLOSING_CYCLES` after the one before; kept packets count on, modulo
        ``SLOTS``.
    words_slot : Out(range(SLOTS))
        Number of the packet at ``words``.
    dropped_crc, dropped_malformed : Out(1)
        High for one cycle for each packet dropped.
    """

    def __init__(self) -> None:
        super().__init__({
            "rx": In(packet_bytes()),
            "words": Out(stream.Signature(unsigned(16))),
            "release": In(1),
            "free": Out(range(PACKET_BUFFERS + 1)),
            "rx_slot": Out(range(SLOTS)),
            "words_slot": Out(range(SLOTS)),
            "dropped_crc": Out(1),
            "dropped_malformed": Out(1),
        })

    def elaborate(self, platform: object) -> Module:
        m = Module()
        used = Signal(range(PACKET_BUFFERS + 1))
        free = Signal(range(PACKET_BUFFERS + 1), init=PACKET_BUFFERS)
        full = Signal()
        keep = Signal()
        m.d.sync += [
            used.eq(used + keep - self.release),
            full.eq(((used == PACKET_BUFFERS) | (keep & (used == PACKET_BUFFERS - 1))) & ~self.release),
            free.eq(PACKET_BUFFERS - used),
        ]
        m.d.comb += self.free.eq(free)
        m.submodules.memory = memory = Memory(
            shape=unsigned(16), depth=PACKET_BUFFERS * BUFFER_WORDS, init=[], attrs=NO_COLLISION_LOGIC
        )
        self._receive(m, memory, full, keep)
        self._read(m, memory, available=used != 0)
        return m

    def _receive(self, m: Module, memory: Memory, full: Signal, keep: Signal) -> None:
        valid = Signal()
        byte = Signal(byte_layout(), reset_less=True)
        closing = Signal(_CLOSING_CYCLES)
        transfer = self.rx.valid & self.rx.ready
        m.d.comb += self.rx.ready.eq(~closing.any() & ~full)
        m.d.sync += [
            valid.eq(transfer),
            byte.eq(self.rx.payload),
            closing.eq(Cat(transfer & self.rx.payload.last, closing[:-1])),
        ]

        inside = Signal()
        count = Signal(range(MAX_PACKET_BYTES + 1), reset_less=True)
        overlong = Signal(reset_less=True)
        length = Signal(16, reset_less=True)
        low = Signal(8, reset_less=True)
        ended = Signal()
        taken = valid & (byte.first | inside)
        index = Signal.like(count)
        m.d.comb += index.eq(Mux(byte.first, 0, count))
        m.d.sync += ended.eq(taken & byte.last)
        with m.If(taken):
            m.d.sync += inside.eq(~byte.last)
            with m.If(index == MAX_PACKET_BYTES):
                m.d.sync += overlong.eq(1)
            with m.Else():
                m.d.sync += count.eq(index + 1)
            with m.If(~index[0]):
                m.d.sync += low.eq(byte.data)
            with m.If(index == 2):
                m.d.sync += length[:8].eq(byte.data)
            with m.If(index == 3):
                m.d.sync += length[8:].eq(byte.data)
            with m.If(byte.first):
                m.d.sync += overlong.eq(0)

        write = memory.write_port()
        m.d.comb += [
            write.addr.eq(Cat(index[1 : _INDEX_BITS + 1], self.rx_slot[:_BUFFER_BITS])),
            write.data.eq(Cat(low, byte.data)),
            write.en.eq(taken & index[0]),
        ]

        m.submodules.crc = crc = catalog.CRC32_ETHERNET(data_width=8).create()
        m.d.comb += [crc.start.eq(valid & byte.first), crc.data.eq(byte.data), crc.valid.eq(valid)]

        # The sum is one cycle behind the length, which stands long before the end of any packet of 20 bytes or more;
        # a shorter one differs from every sum, old or new.
        expected = Signal(17, reset_less=True)
        checked = Signal()
        sized = Signal(reset_less=True)
        summed = Signal(reset_less=True)
        cut_short = Signal()
        m.d.sync += [
            expected.eq(length + OVERHEAD_BYTES),
            checked.eq(ended),
            sized.eq((count == expected) & ~count[0] & ~overlong),
            summed.eq(crc.match_detected),
            cut_short.eq(valid & byte.first & inside),
        ]
        m.d.comb += [
            keep.eq(checked & sized & summed),
            self.dropped_crc.eq(checked & sized & ~summed),
            self.dropped_malformed.eq((checked & ~sized) | cut_short),
        ]
        m.d.sync += self.rx_slot.eq(self.rx_slot + keep)

    def _read(self, m: Module, memory: Memory, available: ValueLike) -> None:
        slot = self.words_slot
        index = Signal(_INDEX_BITS)
        fetched = Signal()
        valid = Signal()
        word = Signal(16, reset_less=True)
        read = memory.read_port()
        # Two stages, each with its own stall: block RAM, then a register, as the output of block RAM is slow.
        step_word = ~valid | self.words.ready
        step_fetch = ~fetched | step_word
        m.d.comb += [
            read.addr.eq(Cat(index, slot[:_BUFFER_BITS])),
            read.en.eq(step_fetch),
            self.words.valid.eq(valid),
            self.words.payload.eq(word),
        ]
        with m.If(step_fetch):
            m.d.sync += [fetched.eq(available), index.eq(index + available)]
        with m.If(step_word):
            m.d.sync += [valid.eq(fetched), word.eq(read.data)]
        with m.If(self.release):
            m.d.sync += [slot.eq(slot + 1), index.eq(0), fetched.eq(0), valid.eq(0)]
