"""Frames to a board with any field changed, made by scapy, and the board beside its twins."""

import logging
from collections.abc import Sequence
from typing import Any

from hypothesis import strategies as st

# Its complaints about missing routes and addresses are about this machine, which sends nothing.
logging.getLogger("scapy").setLevel(logging.CRITICAL)

from scapy.layers.inet import ICMP, IP, UDP, IPOption_NOP  # noqa: E402
from scapy.layers.l2 import ARP, Ether  # noqa: E402
from scapy.packet import Raw  # noqa: E402

from deep3.hdl.contract.protocol import Packet, Type  # noqa: E402
from deep3.sim.bench.link.endpoint_traffic import RecordingEngine  # noqa: E402
from deep3.sim.board.ethernet import DEFAULT_STATION, EthernetBoard  # noqa: E402
from deep3.sim.golden.link.endpoint import Endpoint  # noqa: E402
from deep3.sim.golden.link.ethernet import EthernetLink, with_fcs  # noqa: E402

__all__ = ["BASES", "BoardBesideTwin", "frames", "rebuilt"]

HOST_MAC, HOST_IP = "02:00:00:00:00:42", "192.168.1.2"
BROADCAST = "ff:ff:ff:ff:ff:ff"
STATION = DEFAULT_STATION
GAP_BYTES = 40
"""Room for the board to answer each question before the next one comes."""

_HELLO = Raw(Packet(Type.HELLO, sequence=7).pack())
_TO_ALL = Ether(src=HOST_MAC, dst=BROADCAST)
_TO_BOARD = Ether(src=HOST_MAC, dst=STATION.mac)
_IP = IP(src=HOST_IP, dst=STATION.ip)

BASES = {
    "arp": _TO_ALL / ARP(hwsrc=HOST_MAC, psrc=HOST_IP, pdst=STATION.ip),
    "arp again": _TO_BOARD / ARP(hwsrc=HOST_MAC, psrc=HOST_IP, pdst=STATION.ip),
    "ping": _TO_BOARD / _IP / ICMP(id=1, seq=2) / Raw(b"odd number of bytes"),
    "hello": _TO_BOARD / _IP / UDP(sport=40000, dport=STATION.port) / _HELLO,
    "broadcast hello": _TO_ALL / IP(src=HOST_IP, dst="192.168.1.255") / UDP(sport=4, dport=STATION.port) / _HELLO,
    "unsummed hello": _TO_BOARD / _IP / UDP(sport=40000, dport=STATION.port, chksum=0) / _HELLO,
}
"""Frames that are answered."""


def _number(bits: int, *likely: int) -> st.SearchStrategy[int]:
    return st.one_of(st.sampled_from((0, *likely, (1 << bits) - 1)), st.integers(0, (1 << bits) - 1))


_MACS = st.one_of(
    st.sampled_from((BROADCAST, STATION.mac, HOST_MAC, "02:d3:00:00:00:02")),
    st.binary(min_size=6, max_size=6).map(lambda raw: raw.hex(":")),
)
_IPS = st.one_of(
    st.sampled_from((STATION.ip, HOST_IP, "255.255.255.255", "192.168.1.255", "10.255.255.255", "224.0.0.1")),
    st.binary(min_size=4, max_size=4).map(lambda raw: ".".join(map(str, raw))),
)
_FIELDS: dict[type[Any], dict[str, st.SearchStrategy[Any]]] = {
    Ether: {"dst": _MACS, "src": _MACS, "type": _number(16, 0x0800, 0x0806, 0x86DD, 0x8100)},
    ARP: {
        "hwtype": _number(16, 1, 6), "ptype": _number(16, 0x0800), "hwlen": _number(8, 6), "plen": _number(8, 4),
        "op": _number(16, 1, 2), "hwsrc": _MACS, "psrc": _IPS, "hwdst": _MACS, "pdst": _IPS,
    },
    IP: {
        "version": _number(4, 4, 6), "ihl": _number(4, 5, 6), "tos": _number(8), "len": _number(16, 27, 28, 29, 60),
        "id": _number(16), "flags": _number(3, 1, 2, 4), "frag": _number(13, 1), "ttl": _number(8, 1),
        "proto": _number(8, 1, 6, 17), "chksum": _number(16), "src": _IPS, "dst": _IPS,
        "options": st.sampled_from(([], [IPOption_NOP()] * 4)),
    },
    ICMP: {
        "type": _number(8, 8), "code": _number(8), "chksum": _number(16), "id": _number(16), "seq": _number(16),
    },
    UDP: {
        "sport": _number(16), "dport": _number(16, STATION.port, STATION.port + 1), "len": _number(16, 7, 8, 28, 29),
        "chksum": _number(16),
    },
}  # fmt: skip


@st.composite
def frames(draw: st.DrawFn) -> bytes:
    """A frame with up to three fields changed; what scapy computes (lengths, checksums) follows unless it is one."""
    packet = BASES[draw(st.sampled_from(sorted(BASES)))].copy()
    for _ in range(draw(st.integers(0, 3))):
        layers = [layer for layer in packet.layers() if layer in _FIELDS]
        layer = draw(st.sampled_from(layers))
        name = draw(st.sampled_from(sorted(_FIELDS[layer])))
        setattr(packet[layer], name, draw(_FIELDS[layer][name]))
    return bytes(packet) + b"\0" * draw(st.sampled_from((0, 0, 1, 30)))


def rebuilt(frame: bytes) -> bytes:
    """The same frame with lengths and checksums as scapy computes them."""
    packet = Ether(frame)
    for layer, names in ((IP, ("len", "chksum")), (UDP, ("len", "chksum")), (ICMP, ("chksum",))):
        if layer in packet:
            for name in names:
                delattr(packet[layer], name)
    return bytes(packet)


class BoardBesideTwin:
    """A board whose every answer is held against the twins of stack and endpoint."""

    def __init__(self, board: EthernetBoard) -> None:
        self.board = board
        self._stack = EthernetLink(board.station)
        self._endpoint = Endpoint(board.config, RecordingEngine())

    def compare(self, arriving: Sequence[bytes]) -> list[bytes]:
        """Send frames to both; the board's answers, which must be the twins'."""
        expected: list[bytes] = []
        for frame in arriving:
            received = self._stack.receive(with_fcs(frame.ljust(60, b"\0")))
            if received.answer is not None:
                expected.append(received.answer)
            if received.packet is not None and received.peer is not None:
                replies = self._endpoint.receive(received.packet)
                expected += [self._stack.send(reply, received.peer) for reply in replies]
            self.board.send(frame, GAP_BYTES)
        answers: list[bytes] = []
        while not self.board.idle:
            self.board.run(1_000_000)
            answers += [frame for frame, _, _ in self.board.receive()]
        # A ping may overtake a packet in the endpoint.
        assert sorted(answers) == sorted(expected)
        return answers
