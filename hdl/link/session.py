"""What the board does with a packet: judge it, act on it at most once, say what to reply (docs/link.md)."""

from amaranth import Cat, Module, Mux, Signal, unsigned
from amaranth.hdl import ValueLike
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from deep3.hdl.cells.bus import write_layout
from deep3.hdl.cells.layouts import start_layout
from deep3.hdl.contract.config import EngineConfig
from deep3.hdl.contract.protocol import ACK_INTERVAL, HEADER_BYTES, MAX_PAYLOAD_WORDS, PACKET_BUFFERS

from .judge import HeaderJudge, header_layout
from .receive import SLOTS
from .transmit import Reply, reply_layout
from .window import ReceiveWindow

__all__ = ["Session"]

_HEADER_WORDS = HEADER_BYTES // 2
_ANSWER_FIELDS = (
    "kind", "refused", "sequence", "address", "data_words", "batches_done", "runs_started", "busy",
)
"""Fields of a reply that hold still from its request on."""

_PARAMETER_WORDS = -(-start_layout().size // 16)


class Session(wiring.Component):
    """Takes packets one at a time, in the order of their arrival, and finishes each before the next.

    12 cycles from the first word of a packet to the decision, then one cycle a word of WRITE, then the reply if there
    is one. It waits for the host bus, for the transmitter and, after a HELLO that opens a session, for the engine to
    become idle. A START that it would act upon is malformed where `StartParameters.check` refuses it.

    Parameters
    ----------
    config : EngineConfig
        Tells what exists: words of each space, slots of instructions.

    Members
    -------
    words : In(stream.Signature(16)), release : Out(1), free : In(range(PACKET_BUFFERS + 1))
        The packet buffer.
    words_slot : In(range(SLOTS)), slot : Out(range(SLOTS))
        Number of the packet at ``words``; of the one being answered, while ``request`` is high.
    dropped_crc, dropped_malformed : In(1)
        High for one cycle for each packet the buffer dropped.
    request : Out(1), reply : Out(reply_layout()), done : In(1)
        The transmitter.
    write, start, parameters, commit, commit_batches, abort, busy, batches_done
        As in `hdl.cells.bus.HostBus`.
    """

    def __init__(self, config: EngineConfig) -> None:
        self.config = config
        super().__init__({
            "words": In(stream.Signature(unsigned(16))),
            "release": Out(1),
            "free": In(range(PACKET_BUFFERS + 1)),
            "words_slot": In(range(SLOTS)),
            "slot": Out(range(SLOTS)),
            "dropped_crc": In(1),
            "dropped_malformed": In(1),
            "request": Out(1),
            "reply": Out(reply_layout()),
            "done": In(1),
            "write": Out(stream.Signature(write_layout(config.encoding.address_bits))),
            "start": Out(1),
            "parameters": Out(start_layout()),
            "commit": Out(1),
            "commit_batches": Out(16),
            "abort": Out(1),
            "busy": In(1),
            "batches_done": In(32),
        })

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.submodules.window = self._window = window = ReceiveWindow()
        m.submodules.judge = self._judge = judge = HeaderJudge(self.config)
        self._header = header = Signal(header_layout(self.config.encoding.address_bits), reset_less=True)
        self._current = current = Signal(32)
        self._unacknowledged = Signal(range(ACK_INTERVAL + 1))
        self._words_left = Signal(range(MAX_PAYLOAD_WORDS + 1), reset_less=True)
        self._answer = answer = Signal(_answer_layout())
        self._drop_malformed, self._drop_session = Signal(), Signal()
        m.d.comb += [getattr(self.reply, name).eq(getattr(answer, name)) for name in _ANSWER_FIELDS]
        m.d.comb += [
            judge.header.eq(header),
            judge.first_word.eq(self.words.payload),
            judge.current_session.eq(current),
            window.sequence.eq(header.sequence),
            self.reply.current_session.eq(current),
            self.reply.session.eq(header.session),
            self.reply.bitmap.eq(window.bitmap),
            self.reply.credit.eq(self.free),
            self.reply.dropped_crc.eq(_counter(m, self.dropped_crc)),
            self.reply.dropped_malformed.eq(_counter(m, self.dropped_malformed + self._drop_malformed)),
            self.reply.dropped_session.eq(_counter(m, self._drop_session)),
        ]
        with m.FSM():
            self._take_header(m)
            self._decide(m)
            self._open_session(m)
            self._write(m)
            self._command(m)
            self._accept(m)
            self._send_reply(m)
        return m

    def _take_header(self, m: Module) -> None:
        header = self._header
        index = Signal(range(_HEADER_WORDS))
        with m.State("HEADER"):
            m.d.comb += self.words.ready.eq(1)
            with m.If(self.words.valid):
                m.d.sync += [
                    header.eq(Cat(header.as_value()[16:], self.words.payload)),
                    index.eq(index + 1),
                ]
                with m.If(index == _HEADER_WORDS - 1):
                    m.next = "PAYLOAD"
        # Every packet has a ninth word, payload or checksum; it stands at `words` while the judge looks at it.
        with m.State("PAYLOAD"), m.If(self.words.valid):
            m.next = "JUDGE"
        with m.State("JUDGE"):
            m.d.sync += self.slot.eq(self.words_slot)
            m.next = "VERDICT"
        with m.State("VERDICT"):
            m.next = "DECIDE"

    def _decide(self, m: Module) -> None:
        verdict, window, answer = self._judge.verdict, self._window, self._answer
        refused = Signal()
        idle = Signal()
        m.d.sync += idle.eq(~self.busy)
        m.d.comb += refused.eq(~idle & ~verdict.counters)
        takes_write = window.fresh & verdict.write
        takes_start = window.in_order & verdict.start & idle
        takes_commit = window.in_order & verdict.commit
        with m.State("DECIDE"):
            m.d.comb += self.release.eq(1)
            m.d.sync += [
                self._words_left.eq(verdict.word_count),
                answer.kind.eq(Reply.ACK),
                answer.refused.eq(0),
                answer.data_words.eq(0),
            ]
            with m.If(verdict.malformed):
                m.d.comb += self._drop_malformed.eq(1)
                m.next = "HEADER"
            with m.Elif(verdict.hello):
                m.d.sync += answer.kind.eq(Reply.WELCOME)
                m.next = "SNAPSHOT"
                with m.If(verdict.opens_session):
                    m.next = "OPEN"
            with m.Elif(~verdict.is_current):
                m.d.comb += self._drop_session.eq(1)
                m.next = "HEADER"
            with m.Elif(verdict.read):
                m.d.sync += [
                    answer.kind.eq(Reply.DATA),
                    answer.refused.eq(refused),
                    answer.data_words.eq(Mux(refused, 0, verdict.word_count)),
                ]
                m.next = "SNAPSHOT"
            with m.Elif(takes_write | takes_start | takes_commit):
                m.d.comb += self.release.eq(0)
                with m.If(verdict.start):
                    m.next = "PARAMETERS"
                with m.Elif(verdict.commit):
                    m.next = "COMMIT"
                with m.Else():
                    m.next = "WRITE"
            with m.Else():
                m.next = "SNAPSHOT"

    def _open_session(self, m: Module) -> None:
        with m.State("OPEN"):
            m.d.comb += [self.abort.eq(1), self._window.clear.eq(1)]
            m.d.sync += [
                self._current.eq(self._header.session),
                self._unacknowledged.eq(0),
                self._answer.runs_started.eq(0),
            ]
            m.next = "ABORT"
        with m.State("ABORT"), m.If(~self.busy):
            m.next = "SNAPSHOT"

    def _write(self, m: Module) -> None:
        header = self._header
        left = self._words_left
        m.d.comb += [
            self.write.payload.space.eq(header.space),
            self.write.payload.address.eq(header.address),
            self.write.payload.data.eq(self.words.payload),
        ]
        with m.State("WRITE"):
            m.d.comb += [self.write.valid.eq(self.words.valid), self.words.ready.eq(self.write.ready)]
            with m.If(self.write.valid & self.write.ready):
                m.d.sync += [header.address.eq(header.address + 1), left.eq(left - 1)]
                with m.If(left == 1):
                    m.next = "ACCEPT"

    def _command(self, m: Module) -> None:
        index = Signal(range(_PARAMETER_WORDS))
        parameters = Signal(16 * _PARAMETER_WORDS, reset_less=True)
        arriving = Signal(start_layout())
        possible = Signal(reset_less=True)
        m.d.comb += [self.parameters.eq(parameters), arriving.eq(Cat(parameters[16:], self.words.payload))]
        # As `StartParameters.check`, beside the last word.
        m.d.sync += possible.eq(
            arriving.instruction_count.any()
            & (arriving.first_instruction + arriving.instruction_count <= self.config.max_instructions)
            & arriving.buffers.any()
        )
        with m.State("PARAMETERS"):
            m.d.comb += self.words.ready.eq(1)
            with m.If(self.words.valid):
                m.d.sync += [parameters.eq(arriving), index.eq(index + 1)]
                with m.If(index == _PARAMETER_WORDS - 1):
                    m.d.sync += index.eq(0)
                    m.next = "START"
        # From registers: they set the whole engine in motion, on the other side of the device.
        m.d.sync += [self.start.eq(0), self.commit.eq(0), self.commit_batches.eq(self.words.payload)]
        with m.State("START"):
            with m.If(possible):
                m.d.sync += [self.start.eq(1), self._answer.runs_started.eq(self._answer.runs_started + 1)]
                m.next = "ACCEPT"
            with m.Else():
                m.d.comb += [self.release.eq(1), self._drop_malformed.eq(1)]
                m.next = "HEADER"
        with m.State("COMMIT"):
            m.d.sync += self.commit.eq(1)
            m.next = "ACCEPT"

    def _accept(self, m: Module) -> None:
        verdict, window, header = self._judge.verdict, self._window, self._header
        urgent = Signal(reset_less=True)
        with m.State("ACCEPT"):
            m.d.comb += [self.release.eq(1), window.accept.eq(1)]
            m.d.sync += [
                self._unacknowledged.eq(self._unacknowledged + 1),
                urgent.eq(
                    header.ack_request | verdict.start | verdict.commit | ~window.in_order | window.bitmap.any()
                ),
            ]
            m.next = "SETTLE"
        with m.State("SETTLE"), m.If(window.settled):
            m.next = "HEADER"
            with m.If(urgent | (self._unacknowledged == ACK_INTERVAL)):
                m.next = "SNAPSHOT"

    def _send_reply(self, m: Module) -> None:
        answer, header = self._answer, self._header
        with m.State("SNAPSHOT"):
            acknowledges = answer.kind == Reply.ACK
            m.d.sync += [
                answer.sequence.eq(Mux(acknowledges, self._window.next, header.sequence)),
                answer.address.eq(
                    Mux(answer.kind == Reply.DATA, Cat(header.address, header.address_excess, header.space), 0)
                ),
                answer.batches_done.eq(self.batches_done),
                answer.busy.eq(self.busy),
            ]
            with m.If(acknowledges):
                m.d.sync += self._unacknowledged.eq(0)
            m.next = "REPLY"
        with m.State("REPLY"):
            m.d.comb += self.request.eq(1)
            with m.If(self.done):
                m.next = "HEADER"


def _answer_layout() -> data.StructLayout:
    layout = reply_layout()
    return data.StructLayout({name: layout[name].shape for name in _ANSWER_FIELDS})


def _counter(m: Module, step: ValueLike) -> Signal:
    """A 16-bit counter that wraps."""
    count = Signal(16)
    m.d.sync += count.eq(count + step)
    return count
