"""The network stack of a board, frame by frame (docs/network.md): twin of `hdl.link.ethernet`."""

import struct
import zlib
from dataclasses import dataclass

from deep3.hdl.contract.station import Station

__all__ = [
    "EthernetLink", "Peer", "Received", "arp_reply", "echo_frame", "internet_checksum", "own_peer", "udp_frame",
    "with_fcs",
]  # fmt: skip

_ETHERNET = struct.Struct(">6s6sH")
_ARP = struct.Struct(">HHBBH6s4s6s4s")
_IPV4 = struct.Struct(">BBHHHBBH4s4s")
_UDP = struct.Struct(">HHHH")
_IPV4_TYPE, _ARP_TYPE = 0x0800, 0x0806
_ICMP, _UDP_PROTOCOL = 1, 17
_BROADCAST = b"\xff" * 6
_LONGEST, _SHORTEST = 1518, 64


@dataclass(frozen=True)
class Peer:
    """An end of a conversation: MAC and IPv4 address as on the wire, and UDP port."""

    mac: bytes
    ip: bytes
    port: int = 0


@dataclass(frozen=True)
class Received:
    """What became of a frame.

    Attributes
    ----------
    dropped
        Why the MAC dropped it: "error", "overlong", "short", "fcs"; None where it did not.
    packet, peer
        Payload for the endpoint, and where it came from.
    answer
        The frame the stack answers with by itself, without FCS.
    """

    dropped: str | None = None
    packet: bytes | None = None
    peer: Peer | None = None
    answer: bytes | None = None


class EthernetLink:
    """The stack without its buffers: nothing is ever dropped for want of room.

    Parameters
    ----------
    station
        The board's addresses.
    """

    def __init__(self, station: Station) -> None:
        self.own = own_peer(station)

    def receive(self, frame: bytes, error: bool = False) -> Received:
        """Take one frame from its destination address to its FCS; ``error``: the PHY marked a byte of it as broken."""
        for fault, holds in (
            ("error", error),
            ("overlong", len(frame) > _LONGEST),
            ("short", len(frame) < _SHORTEST),
            ("fcs", with_fcs(frame[:-4]) != frame),
        ):
            if holds:
                return Received(dropped=fault)
        destination, source, kind = _ETHERNET.unpack_from(frame)
        body = frame[_ETHERNET.size : -4]
        if destination not in (self.own.mac, _BROADCAST):
            return Received()
        if kind == _ARP_TYPE:
            return self._arp(body)
        if kind == _IPV4_TYPE:
            return self._ipv4(body, source, destination == _BROADCAST)
        return Received()

    def send(self, packet: bytes, peer: Peer) -> bytes:
        """The frame without FCS that carries a packet of the endpoint."""
        return udp_frame(self.own, peer, packet)

    def _arp(self, body: bytes) -> Received:
        *kinds, operation, mac, ip, _, wanted = _ARP.unpack_from(body)
        if kinds != [1, _IPV4_TYPE, 6, 4] or operation != 1 or wanted != self.own.ip or mac[0] & 1:
            return Received()
        return Received(answer=arp_reply(self.own, Peer(mac, ip)))

    def _ipv4(self, body: bytes, source: bytes, broadcast: bool) -> Received:
        version, _, length, _, fragment, _, protocol, _, from_ip, to_ip = _IPV4.unpack_from(body)
        header, content = body[: _IPV4.size], body[_IPV4.size : length]
        if version != 0x45 or fragment & 0x3FFF or internet_checksum(header) or source[0] & 1:
            return Received()
        if not _IPV4.size + 8 <= length <= len(body):
            return Received()
        if protocol == _ICMP and not broadcast and to_ip == self.own.ip:
            return self._icmp(content, Peer(source, from_ip))
        if protocol == _UDP_PROTOCOL and (to_ip[3] == 255 if broadcast else to_ip == self.own.ip):
            return self._udp(content, source, from_ip, to_ip)
        return Received()

    def _icmp(self, content: bytes, peer: Peer) -> Received:
        if content[:2] != b"\x08\x00" or internet_checksum(content):
            return Received()
        return Received(answer=echo_frame(self.own, peer, content[4:], request=False))

    def _udp(self, content: bytes, source: bytes, from_ip: bytes, to_ip: bytes) -> Received:
        from_port, to_port, length, checksum = _UDP.unpack_from(content)
        if to_port != self.own.port or length != len(content):
            return Received()
        if checksum and internet_checksum(_pseudo_header(from_ip, to_ip, length) + content):
            return Received()
        payload = content[_UDP.size :]
        return Received(packet=payload, peer=Peer(source, from_ip, from_port)) if payload else Received()


def own_peer(station: Station) -> Peer:
    """A station as an end of a conversation."""
    return Peer(station.mac_bytes, station.ip_bytes, station.port)


def with_fcs(frame: bytes) -> bytes:
    """The frame with its FCS behind it."""
    return frame + zlib.crc32(frame).to_bytes(4, "little")


def internet_checksum(data: bytes) -> int:
    """Complement of the ones' complement sum of big-endian words (RFC 1071); 0 over data whose checksum is right."""
    padded = data + b"\0" * (len(data) % 2)
    total: int = sum(struct.unpack(f">{len(padded) // 2}H", padded))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return total ^ 0xFFFF


def udp_frame(source: Peer, destination: Peer, payload: bytes) -> bytes:
    """A datagram as a frame without FCS, padded to 60 bytes."""
    length = _UDP.size + len(payload)
    pseudo = _pseudo_header(source.ip, destination.ip, length)
    header = _UDP.pack(source.port, destination.port, length, 0)
    checksum = internet_checksum(pseudo + header + payload) or 0xFFFF
    content = _UDP.pack(source.port, destination.port, length, checksum) + payload
    return _ipv4_frame(source, destination, _UDP_PROTOCOL, content)


def echo_frame(source: Peer, destination: Peer, content: bytes, request: bool = True) -> bytes:
    """An ICMP echo request or reply as a frame without FCS; ``content``: identifier, sequence number, data."""
    kind = b"\x08\x00" if request else b"\x00\x00"
    checksum = internet_checksum(kind + b"\0\0" + content)
    return _ipv4_frame(source, destination, _ICMP, kind + checksum.to_bytes(2, "big") + content)


def arp_reply(source: Peer, destination: Peer) -> bytes:
    """The answer to an ARP request as a frame without FCS, padded to 60 bytes."""
    content = _ARP.pack(1, _IPV4_TYPE, 6, 4, 2, source.mac, source.ip, destination.mac, destination.ip)
    return (_ETHERNET.pack(destination.mac, source.mac, _ARP_TYPE) + content).ljust(_SHORTEST - 4, b"\0")


def _ipv4_frame(source: Peer, destination: Peer, protocol: int, content: bytes) -> bytes:
    length = _IPV4.size + len(content)
    fields = (0x45, 0, length, 0, 0x4000, 64, protocol)
    checksum = internet_checksum(_IPV4.pack(*fields, 0, source.ip, destination.ip))
    header = _IPV4.pack(*fields, checksum, source.ip, destination.ip)
    frame = _ETHERNET.pack(destination.mac, source.mac, _IPV4_TYPE) + header + content
    return frame.ljust(_SHORTEST - 4, b"\0")


def _pseudo_header(from_ip: bytes, to_ip: bytes, length: int) -> bytes:
    return from_ip + to_ip + struct.pack(">HH", _UDP_PROTOCOL, length)
