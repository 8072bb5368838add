"""What a received frame asks for: packets to the endpoint, echoes and ARP requests to be answered."""

from amaranth import Cat, Module, Signal
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from deep3.hdl.contract.station import ETHERNET_HEADER_BYTES, ETHERTYPE_ARP, IPV4_HEADER_BYTES, PROTOCOL_ICMP
from deep3.hdl.link.packet_bytes import packet_bytes

from .crossing import frame_byte_layout
from .patterns import HEADER_BYTES
from .peer import peer_layout

__all__ = ["Dispatch", "question_layout"]

_IP = ETHERNET_HEADER_BYTES
_TRANSPORT = _IP + IPV4_HEADER_BYTES
_MAC_PLACES = range(6, 12)
_IP_PLACES = range(_IP + 12, _IP + 16)
_PORT_PLACES = range(_TRANSPORT, _TRANSPORT + 2)
_ARP_PLACES = range(_IP + 8, _IP + 20)
"""MAC and IP address of who asks; two bytes more stand in for the port that ARP does not have."""

_ECHO_PLACE = _TRANSPORT + 4
"""Where type, code and checksum of an ICMP packet end."""


def question_layout() -> data.StructLayout:
    """A byte of what an echo request wants to have back; with ``arp`` nothing but the request of an ARP reply."""
    return data.StructLayout({"data": 8, "last": 1, "arp": 1})


class Dispatch(wiring.Component):
    """Takes frames that `FrameJudge` accepted apart. 43 cycles for headers, then one byte a cycle.

    Members
    -------
    frames : In(stream.Signature(frame_byte_layout()))
    rx : Out(packet_bytes())
        Payload of UDP; an empty one is left out.
    questions : Out(stream.Signature(question_layout()))
        Identifier, sequence number and data of ICMP echo requests, and ARP requests.
    peer : Out(peer_layout())
        Where the frame came from.
    note : Out(1)
        High for one cycle before each packet or question: ``peer`` is its own.
    is_packet : Out(1)
        With ``note``: a packet comes, not a question.
    """

    def __init__(self) -> None:
        super().__init__({
            "frames": In(stream.Signature(frame_byte_layout())),
            "rx": Out(packet_bytes()),
            "questions": Out(stream.Signature(question_layout())),
            "peer": Out(peer_layout()),
            "note": Out(1),
            "is_packet": Out(1),
        })

    def elaborate(self, platform: object) -> Module:
        m = Module()
        frames, rx, questions = self.frames, self.rx, self.questions
        place = Signal(range(HEADER_BYTES))
        arp, icmp, empty = Signal(), Signal(), Signal()
        first = Signal()
        peer = Signal(peer_layout(), reset_less=True)
        belongs = Signal()
        with m.Switch(place):
            with m.Case(*_MAC_PLACES):
                m.d.comb += belongs.eq(1)
            with m.Case(*_ARP_PLACES):
                m.d.comb += belongs.eq(arp)
            with m.Case(*_PORT_PLACES):
                m.d.comb += belongs.eq(~arp)
        with m.Switch(place), m.Case(*_IP_PLACES):
            m.d.comb += belongs.eq(1)
        m.d.comb += [
            self.peer.eq(peer),
            rx.payload.data.eq(frames.payload.data),
            rx.payload.first.eq(first),
            rx.payload.last.eq(frames.payload.last),
            questions.payload.data.eq(frames.payload.data),
            questions.payload.last.eq(frames.payload.last | arp),
            questions.payload.arp.eq(arp),
        ]
        with m.FSM():
            with m.State("HEADER"):
                m.d.comb += frames.ready.eq(1)
                m.d.sync += first.eq(1)
                with m.If(frames.valid):
                    m.d.sync += place.eq(place + 1)
                    with m.If(belongs):
                        m.d.sync += peer.eq(_shifted(peer, frames.payload.data))
                    with m.If(place == _IP - 1):
                        m.d.sync += [arp.eq(frames.payload.data == ETHERTYPE_ARP & 0xFF), icmp.eq(0)]
                    with m.If(place == _IP + 9):
                        m.d.sync += icmp.eq(~arp & (frames.payload.data == PROTOCOL_ICMP))
                    m.d.sync += empty.eq(frames.payload.last & ~arp)
                    with m.If((place == HEADER_BYTES - 1) | (icmp & (place == _ECHO_PLACE - 1))):
                        m.next = "NOTE"
            with m.State("NOTE"):
                m.d.comb += [self.note.eq(1), self.is_packet.eq(~arp & ~icmp)]
                m.d.sync += place.eq(0)
                m.next = "PACKET"
                with m.If(empty):
                    m.next = "HEADER"
                with m.Elif(arp):
                    m.next = "ARP"
                with m.Elif(icmp):
                    m.next = "ECHO"
            with m.State("PACKET"):
                m.d.comb += [rx.valid.eq(frames.valid), frames.ready.eq(rx.ready)]
                with m.If(rx.valid & rx.ready):
                    m.d.sync += first.eq(0)
                    with m.If(rx.payload.last):
                        m.next = "HEADER"
            with m.State("ECHO"):
                m.d.comb += [questions.valid.eq(frames.valid), frames.ready.eq(questions.ready)]
                with m.If(questions.valid & questions.ready & questions.payload.last):
                    m.next = "HEADER"
            with m.State("ARP"):
                m.d.comb += questions.valid.eq(1)
                with m.If(questions.ready):
                    m.next = "HEADER"
        return m


def _shifted(peer: data.View, byte: Signal) -> Cat:
    """The words of ``peer`` moved up by a byte, the new one behind the others."""
    words = [*(peer.mac[index] for index in range(3)), *(peer.ip[index] for index in range(2)), peer.port]
    following = [*(word[8:] for word in words[1:]), byte]
    return Cat(*(Cat(new, word[:8]) for word, new in zip(words, following, strict=True)))
