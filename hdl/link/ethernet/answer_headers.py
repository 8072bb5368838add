"""Headers of the frames a board sends, word by word, with their places and the checksums they go into."""

from dataclasses import dataclass

from amaranth import Value
from amaranth.hdl import ValueLike
from amaranth.lib import data, enum

from deep3.hdl.contract.station import (
    ETHERNET_HEADER_BYTES,
    ETHERTYPE_ARP,
    ETHERTYPE_IPV4,
    IPV4_HEADER_BYTES,
    PROTOCOL_ICMP,
    PROTOCOL_UDP,
    UDP_HEADER_BYTES,
    Station,
)

__all__ = ["ECHO_HEADER_BYTES", "HEADER_WORDS", "Kind", "Word", "constant_sums", "header_sequences"]

_IP = ETHERNET_HEADER_BYTES // 2
_TRANSPORT = _IP + IPV4_HEADER_BYTES // 2
_ARP_WORDS = 14

ECHO_HEADER_BYTES = 4
"""Type, code and checksum; identifier and sequence number are given back with the data."""

_VERSION_AND_LENGTH = 0x4500
_DONT_FRAGMENT = 0x4000
_TIME_TO_LIVE = 64


class Kind(enum.Enum, shape=2):
    """Kinds of frame."""

    UDP = 0
    ECHO = 1
    ARP = 2


HEADER_WORDS = {
    Kind.UDP: _TRANSPORT + UDP_HEADER_BYTES // 2,
    Kind.ECHO: _TRANSPORT + ECHO_HEADER_BYTES // 2,
    Kind.ARP: _IP + _ARP_WORDS,
}
"""Words before the body; of the whole frame where there is none."""


@dataclass(frozen=True)
class Word:
    """One word of a header: contents, place in 16-bit words, whether it is added to the sums of IPv4 and of ICMP or
    UDP, and whether it ends the frame."""

    value: ValueLike
    place: int
    in_ip: bool = False
    in_transport: bool = False
    last: bool = False


def header_sequences(
    station: Station, peer: data.View, length: Value, total: Value, ip_checksum: Value, transport_checksum: Value
) -> dict[Kind, list[Word]]:
    """The words of each kind in the order in which they are written: first what is summed, the checksums at the end.

    Parameters
    ----------
    station
        The board.
    peer
        View of `peer_layout`: where the frame goes.
    length, total
        Bytes of an IPv4 packet without and with its header.
    ip_checksum, transport_checksum
        Fields that complete the sums; they count what was written 4 words before them.
    """
    own_mac, own_ip = _words(station.mac_bytes), _words(station.ip_bytes)
    macs = [Word(word, place) for place, word in enumerate((*(peer.mac[index] for index in range(3)), *own_mac))]

    def sequence(front: list[Word], rest: list[Word]) -> list[Word]:
        # The words that all kinds share have one place in the sequence, which saves multiplexers. What is written
        # twice for that is in no sum.
        padding = [front[0]] * (6 - len(front))
        return [*padding, *front, *macs, *rest]

    def ipv4(protocol: int) -> list[Word]:
        contents = {
            _IP - 1: ETHERTYPE_IPV4,
            _IP: _VERSION_AND_LENGTH,
            _IP + 2: 0,
            _IP + 3: _DONT_FRAGMENT,
            _IP + 4: _TIME_TO_LIVE << 8 | protocol,
            _IP + 6: own_ip[0],
            _IP + 7: own_ip[1],
        }
        return [Word(word, place) for place, word in contents.items()]

    # Once for its place, once for the pseudo header.
    udp_length = [Word(length, _TRANSPORT + 2, in_transport=True)] * 2
    udp_front = [
        Word(total, _IP + 1, in_ip=True),
        Word(peer.ip[0], _IP + 8, in_ip=True, in_transport=True),
        Word(peer.ip[1], _IP + 9, in_ip=True, in_transport=True),
        Word(peer.port, _TRANSPORT + 1, in_transport=True),
        *udp_length,
    ]
    udp_rest = [
        *ipv4(PROTOCOL_UDP),
        Word(station.port, _TRANSPORT),
        Word(ip_checksum, _IP + 5),
        Word(transport_checksum, _TRANSPORT + 3),
    ]
    echo_front = [
        Word(0, _TRANSPORT),
        Word(total, _IP + 1, in_ip=True),
        Word(peer.ip[0], _IP + 8, in_ip=True),
        Word(peer.ip[1], _IP + 9, in_ip=True),
    ]
    echo_rest = [
        *ipv4(PROTOCOL_ICMP),
        Word(0, _TRANSPORT),
        Word(ip_checksum, _IP + 5),
        Word(transport_checksum, _TRANSPORT + 1),
    ]
    asked_mac = [Word(peer.mac[index], _IP + 9 + index) for index in range(3)]
    arp_front = [Word(peer.ip[0], _IP + 12), Word(peer.ip[1], _IP + 13, last=True), *asked_mac]
    arp_rest = [
        Word(word, _IP - 1 + index)
        for index, word in enumerate((ETHERTYPE_ARP, 1, ETHERTYPE_IPV4, 0x0604, 2, *own_mac, *own_ip))
    ]
    return {
        Kind.UDP: sequence(udp_front, udp_rest),
        Kind.ECHO: sequence(echo_front, echo_rest),
        Kind.ARP: sequence(arp_front, arp_rest),
    }


def constant_sums(station: Station, kind: Kind) -> tuple[int, int]:
    """What the words that are in neither sum add to them, IPv4 first, as ones' complement words."""
    own_ip = sum(_words(station.ip_bytes))
    protocol = PROTOCOL_UDP if kind == Kind.UDP else PROTOCOL_ICMP
    ip = _VERSION_AND_LENGTH + _DONT_FRAGMENT + (_TIME_TO_LIVE << 8 | protocol) + own_ip
    transport = own_ip + PROTOCOL_UDP + station.port if kind == Kind.UDP else 0
    return _folded(ip), _folded(transport)


def _folded(total: int) -> int:
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return total


def _words(content: bytes) -> list[int]:
    return [int.from_bytes(content[index : index + 2], "big") for index in range(0, len(content), 2)]
