"""What the board does with a packet, for every packet: only its session is obeyed, nothing is touched that does not
exist, and every packet comes to an end."""

from typing import Any

import pytest
from amaranth.asserts import AnySeq
from amaranth.hdl import Array, Cat, Const, Module, Signal
from prover import Describe, Refuted, Specification, bounded, reachable, variant

from deep3.hdl.cells.layouts import start_layout
from deep3.hdl.contract.config import EngineConfig
from deep3.hdl.contract.program import Space
from deep3.hdl.contract.protocol import SPACE_SHIFT, Type
from deep3.hdl.link.judge import HeaderJudge
from deep3.hdl.link.session import Session
from deep3.hdl.link.transmit import Reply
from deep3.hdl.link.window import ReceiveWindow

CONFIG = EngineConfig()
HEADER_WORDS = 8
PARAMETER_WORDS = 9
OPENED_CYCLES = 19
"""From reset to the end of a HELLO, its answer included."""

ACTED_CYCLES = 25
"""From there to the end of another packet, the longest a START."""


class AnyWindow(ReceiveWindow):
    """In the place of the window: any verdict at any time. The window has its own proof."""

    def elaborate(self, platform: object) -> Module:
        m = Module()
        for port in (self.fresh, self.in_order, self.settled, self.next, self.bitmap):
            m.d.comb += port.eq(AnySeq(port.shape()))
        return m


class Looked:
    """The header of the packet at hand, and what a START runs, as they passed at ``words``."""

    def __init__(self, m: Module, dut: Any) -> None:
        self.count = Signal(12)
        words = [Signal(16, name=f"word_{index}") for index in range(HEADER_WORDS)]
        with m.If(dut.release):
            m.d.sync += self.count.eq(0)
        with m.Elif(dut.words.valid & dut.words.ready):
            m.d.sync += self.count.eq(self.count + 1)
            with m.If(self.count < HEADER_WORDS):
                m.d.sync += Cat(*words).eq(Cat(*words[1:], dut.words.payload))
        run = Signal(16 * PARAMETER_WORDS)
        with m.If(dut.words.valid & dut.words.ready & (self.count >= HEADER_WORDS)):
            m.d.sync += run.eq(Cat(run[16:], dut.words.payload))
        self.run = start_layout()(run)
        self.type = words[0][:8]
        self.length_bytes = words[1]
        self.session, self.sequence, self.address = (Cat(*words[start : start + 2]) for start in (2, 4, 6))


def session(was: str = "", becomes: str = "", judge: Any = HeaderJudge, opened: bool = True) -> Describe:
    """The session beside the headers it saw, and the number of the session that these headers opened.

    With ``opened`` the first packet opens any session; what follows it is any packet. Words come without pauses and
    what the session asks for is granted at once.
    """

    def describe(m: Module, spec: Specification) -> None:
        window = AnyWindow()
        unit = variant(Session, was, becomes, Const=Const, HeaderJudge=judge, ReceiveWindow=lambda: window)
        m.submodules.dut = dut = unit(CONFIG)
        spec.drive(dut.words, "payload")
        spec.drive(dut, "free", "words_slot", "dropped_crc", "dropped_malformed", "batches_done")
        looked = Looked(m, dut)

        current = Signal(32)
        with m.If(dut.abort):
            m.d.sync += current.eq(looked.session)
        obeys = (looked.session == current) & current.any()

        def only(event: Any, condition: Any) -> None:
            spec.expect(~event | condition)

        only(dut.write.valid, obeys & (looked.type == Type.WRITE))
        only(dut.start, obeys & (looked.type == Type.START))
        only(dut.commit, obeys & (looked.type == Type.COMMIT))
        opens = looked.session.any() & (looked.session != current) & (looked.address == current)
        only(dut.abort, opens & (looked.type == Type.HELLO))
        only(dut.request & (dut.reply.kind == Reply.DATA), obeys & (looked.type == Type.READ))
        only(dut.request & (dut.reply.kind == Reply.ACK), obeys)
        only(dut.request & (dut.reply.kind == Reply.WELCOME), looked.type == Type.HELLO)

        # Every word of a WRITE is one of its memory, and a START runs instructions that there are.
        address, words = looked.address[:SPACE_SHIFT], looked.length_bytes >> 1
        exists = Const(0)
        for space in Space:
            size = CONFIG.space_words(space)
            exists |= (looked.address[SPACE_SHIFT:] == space) & (address + words <= size)
            only(dut.write.valid & (dut.write.payload.space == space), dut.write.payload.address < size)
        only(dut.write.valid, exists & (dut.write.payload.space != Space.COUNTER))
        past = looked.run.first_instruction + looked.run.instruction_count
        only(dut.start, (past <= CONFIG.max_instructions) & looked.run.instruction_count.any())
        only(dut.start, looked.run.buffers.any())

        # What is marked as accepted is what was judged.
        only(window.accept, obeys & (window.sequence == looked.sequence))

        m.d.comb += [dut.words.valid.eq(1), dut.write.ready.eq(1), dut.busy.eq(0), dut.done.eq(dut.request)]
        spec.assume(window.settled)
        if opened:
            hello = Signal()
            with m.If(dut.release):
                m.d.sync += hello.eq(1)
            mine = spec.arbitrary(32, "mine")
            spec.assume(mine.any())
            words = Array([Type.HELLO, 0, mine[:16], mine[16:], *[0] * 13])
            spec.assume(hello | (dut.words.payload == words[looked.count[:4]]))

        # Every packet comes to an end: 4 cycles for the reply to the one before, 11 to the decision, the words, 1 more.
        waited = Signal(range(64))
        with m.If(dut.release):
            m.d.sync += waited.eq(0)
        with m.Else():
            m.d.sync += waited.eq(waited + 1)
        spec.assume((looked.type != Type.WRITE) | (looked.length_bytes <= 4) | (looked.count < HEADER_WORDS))
        spec.expect(waited < 4 + 11 + 12 + 1)

        spec.show(dut.abort)
        spec.show(dut.write.valid & current.any())
        spec.show(dut.start)

    return describe


def test_without_a_session_nothing_is_obeyed() -> None:
    bounded(session(opened=False), OPENED_CYCLES)


def test_only_the_session_of_the_board_is_obeyed() -> None:
    bounded(session(), OPENED_CYCLES + ACTED_CYCLES)


def test_a_session_is_opened_and_obeyed() -> None:
    reachable(session(), OPENED_CYCLES + 2 * ACTED_CYCLES)


@pytest.mark.parametrize(
    ("was", "becomes", "opened"),
    [
        ("verdict.is_current.eq(names_session & names_current)", "verdict.is_current.eq(names_current)", False),
        ("names_session & ~names_current & expects_current", "names_session & ~names_current", True),
        ("room < count[:_COUNT_BITS]", "room < 0", True),
        ("excess | past_the_end", "past_the_end", True),
        (" | (writes & counters)", "", True),
    ],
    ids=["session 0", "any HELLO", "past the end", "high address", "counters"],
)
def test_a_fault_of_the_judge_is_found(was: str, becomes: str, opened: bool) -> None:
    faulty = session(judge=variant(HeaderJudge, was, becomes), opened=opened)
    with pytest.raises(Refuted):
        bounded(faulty, OPENED_CYCLES + ACTED_CYCLES * opened)


@pytest.mark.parametrize(
    ("was", "becomes"),
    [
        ("<= self.config.max_instructions", "<= 2 * self.config.max_instructions"),
        ("arriving.instruction_count.any()", "Const(1)"),
        ("arriving.buffers.any()", "Const(1)"),
        ("with m.If(possible):", "with m.If(Const(1)):"),
    ],
)
def test_a_start_of_what_is_not_there_is_found(was: str, becomes: str) -> None:
    faulty = session(was, becomes)
    with pytest.raises(Refuted):
        bounded(faulty, OPENED_CYCLES + ACTED_CYCLES)


def test_a_packet_that_is_never_released_is_found() -> None:
    faulty = session("m.d.comb += self._drop_session.eq(1)", "m.d.comb += self.release.eq(0)", opened=False)
    with pytest.raises(Refuted):
        bounded(faulty, 30)
