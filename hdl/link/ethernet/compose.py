"""Frames to send: the body first, because its checksum stands before it, then the header into the place left for it."""

from functools import reduce
from operator import or_

from amaranth import Cat, Module, Mux, Signal
from amaranth.hdl import ValueLike
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from deep3.hdl.contract.station import IPV4_HEADER_BYTES, MAX_FRAME_BYTES, UDP_HEADER_BYTES, Station
from deep3.hdl.link.packet_bytes import packet_bytes

from .answer_headers import ECHO_HEADER_BYTES, HEADER_WORDS, Kind, Word, constant_sums, header_sequences
from .dispatch import question_layout
from .frame_store import POINTER_BITS, store_word_layout
from .peer import peer_layout

__all__ = ["Compose"]

_ALL_ONES = 0xFFFF
_TIGHT_BITS = 5
"""The room left is known two words late, and a frame begins with a header's place: 2^5 words are more than both."""


class Compose(wiring.Component):
    """Makes frames of packets, echoes and ARP requests, one at a time, and writes them to the store.

    A cycle a byte of the body and 26 a frame. Questions come before packets; while the header of the next frame with a
    question is read, packets have their turn.

    Parameters
    ----------
    station : Station

    Members
    -------
    tx : In(packet_bytes())
    questions : In(stream.Signature(question_layout()))
    begin : Out(1)
        High for one cycle before the first byte of a body is taken.
    from_packets : Out(1)
        With ``begin``: the body is a packet, not a question.
    peer : In(peer_layout())
        Where the frame goes; from the cycle after ``begin`` until the next.
    address : Out(POINTER_BITS), word : Out(store_word_layout()), write : Out(1)
        To the store.
    committed : Out(POINTER_BITS), freed : In(POINTER_BITS)
        Whole frames in the store end and begin there.
    """

    def __init__(self, station: Station) -> None:
        self.station = station
        super().__init__({
            "tx": In(packet_bytes()),
            "questions": In(stream.Signature(question_layout())),
            "begin": Out(1),
            "from_packets": Out(1),
            "peer": In(peer_layout()),
            "address": Out(POINTER_BITS),
            "word": Out(store_word_layout()),
            "write": Out(1),
            "committed": Out(POINTER_BITS),
            "freed": In(POINTER_BITS),
        })

    def elaborate(self, platform: object) -> Module:
        m = Module()
        self._kind = kind = Signal(Kind)
        self._pointer = pointer = Signal(POINTER_BITS)
        self._length = length = Signal(range(MAX_FRAME_BYTES), reset_less=True)
        self._tight = tight = Signal()
        self._add = Signal(2)
        space = Signal(POINTER_BITS)
        # No room at all is never reached, so that 0 means an empty store.
        m.d.sync += [
            space.eq(self.freed - pointer),
            tight.eq(~space[_TIGHT_BITS:].any() & space[:_TIGHT_BITS].any()),
            self.write.eq(0),
            self._add.eq(0),
        ]
        m.d.comb += self.from_packets.eq(kind == Kind.UDP)
        sequences = self._sequences(m)
        steps = max(len(sequence) for sequence in sequences.values())
        # The step after the last one writes what the last one chose.
        select = Signal(steps + 1, init=1)
        with m.FSM():
            with m.State("IDLE"):
                m.d.sync += kind.eq(Kind.UDP)
                with m.If(self.questions.valid):
                    m.d.sync += kind.eq(Mux(self.questions.payload.arp, Kind.ARP, Kind.ECHO))
                with m.If(~tight & (self.questions.valid | self.tx.valid)):
                    m.next = "BEGIN"
            with m.State("BEGIN"):
                m.d.comb += self.begin.eq(1)
                m.d.sync += length.eq(Mux(kind == Kind.UDP, UDP_HEADER_BYTES, ECHO_HEADER_BYTES))
                with m.Switch(kind):
                    for of, words in HEADER_WORDS.items():
                        with m.Case(of):
                            m.d.sync += pointer.eq(self.committed + words)
                m.next = "BODY"
                with m.If(kind == Kind.ARP):
                    m.d.comb += self.questions.ready.eq(1)
                    m.next = "HEADER"
            with m.State("BODY"):
                self._take_body(m)
            with m.State("HEADER"):
                self._put_header(m, sequences, select)
                m.d.sync += select.eq(select.rotate_left(1))
                with m.If(select[-1]):
                    m.next = "COMMIT"
            with m.State("COMMIT"):
                m.d.sync += self.committed.eq(pointer)
                m.next = "IDLE"
        return m

    def _sequences(self, m: Module) -> dict[Kind, list[Word]]:
        """The header words, with the sums that go into them."""
        kind, station = self._kind, self.station
        sums = []
        for index, name in enumerate(("ip_sum", "transport_sum")):
            total = Signal(17, name=name, reset_less=True)
            of_udp, of_echo = (constant_sums(station, of)[index] for of in (Kind.UDP, Kind.ECHO))
            with m.If(self.begin):
                m.d.sync += total.eq(Mux(kind == Kind.UDP, of_udp, of_echo))
            with m.Else():
                # Ones' complement (RFC 1071), carries come round a cycle late.
                m.d.sync += total.eq(total[:16] + Mux(self._add[index], self.word.data, 0) + total[16])
            sums.append(total[:16])
        ip_checksum, transport_checksum = Signal(16, reset_less=True), Signal(16, reset_less=True)
        # A UDP checksum that comes out as 0 is sent as all ones: 0 says that there is none (RFC 768).
        no_zero = (kind == Kind.UDP) & (sums[1] == _ALL_ONES)
        m.d.sync += [ip_checksum.eq(~sums[0]), transport_checksum.eq(Mux(no_zero, _ALL_ONES, ~sums[1]))]
        total = Signal.like(self._length, reset_less=True)
        m.d.sync += total.eq(self._length + IPV4_HEADER_BYTES)
        return header_sequences(station, self.peer, self._length, total, ip_checksum, transport_checksum)

    def _take_body(self, m: Module) -> None:
        """A step of the body: two bytes are a word."""
        byte, last, valid = Signal(8), Signal(), Signal()
        high = Signal(8, reset_less=True)
        odd = Signal()
        ready = ~self._tight
        with m.If(self.from_packets):
            m.d.comb += [byte.eq(self.tx.payload.data), last.eq(self.tx.payload.last)]
            m.d.comb += [valid.eq(self.tx.valid), self.tx.ready.eq(ready)]
        with m.Else():
            m.d.comb += [byte.eq(self.questions.payload.data), last.eq(self.questions.payload.last)]
            m.d.comb += [valid.eq(self.questions.valid), self.questions.ready.eq(ready)]
        m.d.sync += [
            self.address.eq(self._pointer),
            self.word.data.eq(Mux(odd, Cat(byte, high), byte << 8)),
            self.word.last.eq(last),
            self.word.single.eq(~odd),
        ]
        with m.If(valid & ready):
            m.d.sync += [self._length.eq(self._length + 1), odd.eq(~odd & ~last), high.eq(byte)]
            with m.If(odd | last):
                m.d.sync += [self.write.eq(1), self._add.eq(0b10), self._pointer.eq(self._pointer + 1)]
            with m.If(last):
                m.next = "HEADER"

    def _put_header(self, m: Module, sequences: dict[Kind, list[Word]], select: Signal) -> None:
        """A step of the header; ``select`` has one bit a step. The word that it chooses is written in the next one."""
        chosen: list[tuple[ValueLike, Word]] = []
        for step in range(len(select) - 1):
            words = {kind: sequence[step] for kind, sequence in sequences.items() if step < len(sequence)}
            if all(word is words[Kind.UDP] for word in words.values()) and len(words) == len(sequences):
                chosen.append((select[step], words[Kind.UDP]))
            else:
                chosen += [(select[step] & (self._kind == kind), word) for kind, word in words.items()]
        written = Signal(len(chosen))
        place = Signal(range(max(HEADER_WORDS.values())), reset_less=True)
        m.d.sync += [
            written.eq(Cat(this for this, _ in chosen)),
            # A constant of the choice, ready for the sum.
            place.eq(reduce(or_, (Mux(this, word.place, 0) for this, word in chosen))),
        ]

        def gather(field: str) -> ValueLike:
            return reduce(or_, (Mux(written[index], getattr(word, field), 0) for index, (_, word) in enumerate(chosen)))

        m.d.sync += [
            self.address.eq(self.committed + place),
            self.word.data.eq(gather("value")),
            self.word.last.eq(gather("last")),
            self.word.single.eq(0),
            self.write.eq(written.any()),
            self._add.eq(Cat(gather("in_ip"), gather("in_transport"))),
        ]
