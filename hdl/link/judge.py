"""Verdicts on a packet header, in three registered stages."""

from amaranth import Cat, Module, Mux, Signal, signed, unsigned
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from deep3.hdl.contract.config import EngineConfig
from deep3.hdl.contract.program import START_BYTES, Space
from deep3.hdl.contract.protocol import MAX_PAYLOAD_WORDS, SPACE_SHIFT, Type

__all__ = ["HeaderJudge", "header_layout", "verdict_layout"]

_LENGTHS_BYTES = {Type.HELLO: 0, Type.START: START_BYTES, Type.COMMIT: 2, Type.READ: 2, Type.STATUS: 0}
"""Types with one size of payload."""

_COUNT_BITS = MAX_PAYLOAD_WORDS.bit_length()


def header_layout(address_bits: int) -> data.StructLayout:
    """The 16 bytes of a packet header, flags and address cut into their parts."""
    return data.StructLayout({
        "type": 8,
        "ack_request": 1,
        "other_flags": 7,
        "length": 16,
        "session": 32,
        "sequence": 32,
        "address": address_bits,
        "address_excess": SPACE_SHIFT - address_bits,
        "space": 32 - SPACE_SHIFT,
    })


def verdict_layout() -> data.StructLayout:
    """What `HeaderJudge` finds: one flag a type of the host, faults, and how the session fields compare."""
    return data.StructLayout({
        **{kind.name.lower(): 1 for kind in (*_LENGTHS_BYTES, Type.WRITE)},
        "malformed": 1,
        "is_current": 1,
        "opens_session": 1,
        "counters": 1,
        "word_count": _COUNT_BITS,
    })


class HeaderJudge(wiring.Component):
    """Compares a header with what may be asked of the board.

    Malformed: a type that is not the host's, a payload of the wrong size for its type, WRITE and READ of no or of too
    many words, of an unknown space or past the end of one, WRITE to the counters. Latency 3 cycles, in which the header
    stands still.

    Parameters
    ----------
    config : EngineConfig
        Tells the size of each space.

    Members
    -------
    header : In(header_layout(address_bits))
    first_word : In(16)
        First word of the payload; of no meaning without payload.
    current_session : In(32)
        0 without one.
    verdict : Out(verdict_layout())
        ``word_count``: words of WRITE, or asked for by READ.
    """

    def __init__(self, config: EngineConfig) -> None:
        self.config = config
        super().__init__({
            "header": In(header_layout(config.encoding.address_bits)),
            "first_word": In(unsigned(16)),
            "current_session": In(32),
            "verdict": Out(verdict_layout()),
        })

    def elaborate(self, platform: object) -> Module:
        m = Module()
        header, verdict = self.header, self.verdict
        kinds = {
            kind: Signal(name=f"is_{kind.name.lower()}", reset_less=True) for kind in (*_LENGTHS_BYTES, Type.WRITE)
        }
        sized = Signal(reset_less=True)
        count = Signal(16, reset_less=True)
        room = Signal(signed(self.config.encoding.address_bits + 2), reset_less=True)
        excess = Signal(reset_less=True)
        counters = Signal(reset_less=True)
        names_session = Signal(reset_less=True)
        names_current = Signal(reset_less=True)
        expects_current = Signal(reset_less=True)
        m.d.sync += [flag.eq(header.type == kind) for kind, flag in kinds.items()]
        m.d.sync += [
            sized.eq(1),
            count.eq(Mux(header.type == Type.READ, self.first_word, header.length >> 1)),
            room.eq(self._space_words(m) - header.address),
            excess.eq(header.address_excess.any()),
            counters.eq(header.space == Space.COUNTER),
            names_session.eq(header.session.any()),
            names_current.eq(header.session == self.current_session),
            expects_current.eq(
                Cat(header.address, header.address_excess, header.space) == self.current_session
            ),
        ]
        with m.Switch(header.type):
            for kind, length_bytes in _LENGTHS_BYTES.items():
                with m.Case(kind):
                    m.d.sync += sized.eq(header.length == length_bytes)

        writes, reads = kinds[Type.WRITE], kinds[Type.READ]
        # A stage of its own: behind its carry chain nothing else is decided in a cycle.
        past_the_end = Signal(reset_less=True)
        bad_count = Signal(reset_less=True)
        m.d.sync += [getattr(verdict, kind.name.lower()).eq(flag) for kind, flag in kinds.items()]
        m.d.sync += [
            # `bad_count` is for counts of more bits.
            past_the_end.eq(room < count[:_COUNT_BITS]),
            bad_count.eq(~count.any() | (count > MAX_PAYLOAD_WORDS)),
            verdict.malformed.eq(
                ~Cat(*kinds.values()).any()
                | ~sized
                | ((writes | reads) & (excess | past_the_end | bad_count))
                | (writes & counters)
            ),
            verdict.is_current.eq(names_session & names_current),
            verdict.opens_session.eq(names_session & ~names_current & expects_current),
            verdict.counters.eq(counters),
            verdict.word_count.eq(count),
        ]
        return m

    def _space_words(self, m: Module) -> Signal:
        """Of the space in the header; an unknown one has none."""
        words = Signal(self.config.encoding.address_bits + 1)
        with m.Switch(self.header.space):
            for space in Space:
                with m.Case(space):
                    m.d.comb += words.eq(self.config.space_words(space))
        return words
