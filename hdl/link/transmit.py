"""Replies of the board: header and payload words in order, as bytes, with their checksum."""

from functools import reduce
from operator import or_

from amaranth import Cat, Module, Mux, Signal, unsigned
from amaranth.hdl import ValueLike
from amaranth.lib import data, enum, stream, wiring
from amaranth.lib.crc import catalog
from amaranth.lib.wiring import In, Out

from deep3.hdl.cells.bus import read_layout
from deep3.hdl.contract.config import EngineConfig
from deep3.hdl.contract.protocol import (
    ACK_BYTES,
    CRC_BYTES,
    HEADER_BYTES,
    MAX_PAYLOAD_BYTES,
    MAX_PAYLOAD_WORDS,
    PACKET_BUFFERS,
    PROTOCOL_VERSION,
    SPACE_SHIFT,
    WELCOME_BYTES,
    WINDOW,
    Type,
)

from .packet_bytes import packet_bytes

__all__ = ["Reply", "Transmitter", "reply_layout"]

_HEADER_WORDS = HEADER_BYTES // 2


class Reply(enum.Enum, shape=2):
    """Kinds of reply."""

    WELCOME = 0
    ACK = 1
    DATA = 2


def reply_layout() -> data.StructLayout:
    """What a reply is made of. ``data_words`` is the payload of DATA, 0 with ``refused``; ``current_session`` belongs
    to WELCOME, ``bitmap`` and what follows to ACK."""
    return data.StructLayout({
        "kind": Reply,
        "refused": 1,
        "session": 32,
        "sequence": 32,
        "address": 32,
        "data_words": range(MAX_PAYLOAD_WORDS + 1),
        "current_session": 32,
        "bitmap": WINDOW,
        "batches_done": 32,
        "runs_started": 32,
        "busy": 1,
        "credit": range(PACKET_BUFFERS + 1),
        "dropped_crc": 16,
        "dropped_malformed": 16,
        "dropped_session": 16,
    })


class Transmitter(wiring.Component):
    """Sends one reply at a time, one byte a cycle; DATA fetches its words from the host bus while its header leaves.

    Parameters
    ----------
    config : EngineConfig
        Goes into WELCOME.

    Members
    -------
    request : In(1), reply : In(reply_layout())
        Held until ``done``; ``reply`` may change only in ``credit`` and the ``dropped_*`` counters, which are one word
        each.
    done : Out(1)
        High for one cycle when the last byte stands at ``tx``.
    read : Out(stream.Signature(read_layout(address_bits))), read_data : In(stream.Signature(16))
        Words of DATA, ``data_words`` from ``address`` on; any latency, in order.
    tx : Out(packet_bytes())
        First byte 4 cycles after ``request``.
    """

    def __init__(self, config: EngineConfig) -> None:
        self.config = config
        super().__init__({
            "request": In(1),
            "reply": In(reply_layout()),
            "done": Out(1),
            "read": Out(stream.Signature(read_layout(config.encoding.address_bits))),
            "read_data": In(stream.Signature(unsigned(16))),
            "tx": Out(packet_bytes()),
        })

    def elaborate(self, platform: object) -> Module:
        m = Module()
        words = stream.Signature(data.StructLayout({"word": 16, "last": 1})).create()
        begin = Signal()
        self._assemble(m, words, begin)
        self._fetch(m, begin)
        self._serialize(m, words)
        return m

    def _assemble(self, m: Module, words: stream.Interface, begin: Signal) -> None:
        """Header and payload as a stream of registered words."""
        reply = self.reply
        fields = self._fields(m)
        ends = [_HEADER_WORDS, _HEADER_WORDS + WELCOME_BYTES // 2]
        # One bit a word: decoded from a number, the choice among as many words would be the longest path by far.
        select = Signal(len(fields), init=1)
        following = Signal.like(select)
        m.d.comb += [
            following.eq(select << 1),
            following[ends[0]].eq(select[ends[0] - 1] & (reply.kind == Reply.WELCOME)),
            following[ends[1]].eq(select[ends[0] - 1] & (reply.kind == Reply.ACK)),
        ]
        data_left = Signal(range(MAX_PAYLOAD_WORDS + 1), reset_less=True)
        step = ~words.valid | words.ready
        with m.If(words.ready):
            m.d.sync += words.valid.eq(0)
        with m.FSM():
            with m.State("IDLE"):
                m.d.comb += begin.eq(self.request)
                m.d.sync += [select.eq(1), data_left.eq(reply.data_words)]
                with m.If(self.request):
                    m.next = "FIELDS"
            with m.State("FIELDS"), m.If(step):
                chosen = [Mux(select[number], word, 0) for number, word in enumerate(fields)]
                m.d.sync += [
                    words.valid.eq(1),
                    words.payload.word.eq(reduce(or_, chosen)),
                    words.payload.last.eq(~following.any() & ~data_left.any()),
                    select.eq(following),
                ]
                with m.If(~following.any()):
                    m.next = "DATA"
            with m.State("DATA"):
                with m.If(~data_left.any()):
                    m.next = "DRAIN"
                with m.Elif(step):
                    m.d.comb += self.read_data.ready.eq(1)
                    with m.If(self.read_data.valid):
                        m.d.sync += [
                            words.valid.eq(1),
                            words.payload.word.eq(self.read_data.payload),
                            words.payload.last.eq(data_left == 1),
                            data_left.eq(data_left - 1),
                        ]
            with m.State("DRAIN"), m.If(self.done):
                m.next = "IDLE"

    def _fields(self, m: Module) -> list[ValueLike]:
        """The words of the header, then those of the payload of WELCOME, then those of the payload of ACK."""
        reply, config = self.reply, self.config
        kind = Signal(8)
        length = Signal(16)
        with m.Switch(reply.kind):
            with m.Case(Reply.WELCOME):
                m.d.comb += [kind.eq(Type.WELCOME), length.eq(WELCOME_BYTES)]
            with m.Case(Reply.ACK):
                m.d.comb += [kind.eq(Type.ACK), length.eq(ACK_BYTES)]
            with m.Default():
                m.d.comb += [kind.eq(Type.DATA), length.eq(reply.data_words << 1)]
        header = [
            Cat(kind, reply.refused),
            length,
            *_halves(reply.session),
            *_halves(reply.sequence),
            *_halves(reply.address),
        ]
        welcome = [
            PROTOCOL_VERSION,
            WINDOW,
            *(int(config.digest, 16) >> shift & 0xFFFF for shift in range(0, 64, 16)),
            *_halves(reply.current_session),
            MAX_PAYLOAD_BYTES,
            config.columns << 8 | config.rows,
        ]
        ack = [
            *(reply.bitmap.word_select(half, 16) for half in range(WINDOW // 16)),
            *_halves(reply.batches_done),
            *_halves(reply.runs_started),
            reply.busy,
            reply.credit,
            reply.dropped_crc,
            reply.dropped_malformed,
            reply.dropped_session,
            0,
        ]
        return [*header, *welcome, *ack]

    def _fetch(self, m: Module, begin: Signal) -> None:
        """The read requests of DATA."""
        address = Signal.like(self.read.payload.address, reset_less=True)
        left = Signal(range(MAX_PAYLOAD_WORDS + 1))
        m.d.comb += [
            self.read.valid.eq(left.any()),
            self.read.payload.space.eq(self.reply.address[SPACE_SHIFT:]),
            self.read.payload.address.eq(address),
        ]
        with m.If(begin):
            m.d.sync += [address.eq(self.reply.address), left.eq(self.reply.data_words)]
        with m.Elif(self.read.valid & self.read.ready):
            m.d.sync += [address.eq(address + 1), left.eq(left - 1)]

    def _serialize(self, m: Module, words: stream.Interface) -> None:
        """Words to bytes, low byte first, then the checksum."""
        tx = self.tx
        m.submodules.crc = crc = catalog.CRC32_ETHERNET(data_width=8).create()
        step = ~tx.valid | tx.ready
        first = Signal(init=1)
        high = Signal()
        byte = Signal(8)
        crc_index = Signal(range(CRC_BYTES))
        m.d.comb += [
            byte.eq(words.payload.word.word_select(high, 8)),
            crc.data.eq(byte),
            crc.start.eq(crc.valid & first),
        ]
        with m.If(tx.ready):
            m.d.sync += tx.valid.eq(0)
        with m.FSM():
            with m.State("WORDS"), m.If(step & words.valid):
                m.d.comb += [crc.valid.eq(1), words.ready.eq(high)]
                m.d.sync += [
                    tx.valid.eq(1),
                    tx.payload.data.eq(byte),
                    tx.payload.first.eq(first),
                    tx.payload.last.eq(0),
                    first.eq(0),
                    high.eq(~high),
                ]
                with m.If(high & words.payload.last):
                    m.next = "CRC"
            with m.State("CRC"), m.If(step):
                last = crc_index == CRC_BYTES - 1
                m.d.sync += [
                    tx.valid.eq(1),
                    tx.payload.data.eq(crc.crc.word_select(crc_index, 8)),
                    tx.payload.first.eq(0),
                    tx.payload.last.eq(last),
                    crc_index.eq(crc_index + 1),
                ]
                with m.If(last):
                    m.d.sync += first.eq(1)
                    m.d.comb += self.done.eq(1)
                    m.next = "WORDS"


def _halves(value: ValueLike) -> tuple[ValueLike, ValueLike]:
    """Low and high word of a 32-bit field."""
    return value[:16], value[16:]  # type: ignore[index]
