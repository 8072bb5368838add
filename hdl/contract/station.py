"""Who a board is on its network, and the numbers of the protocols it speaks."""

import ipaddress
import re
from dataclasses import dataclass

__all__ = [
    "BROADCAST_MAC", "DEFAULT_IP", "ETHERNET_HEADER_BYTES", "ETHERTYPE_ARP", "ETHERTYPE_IPV4", "FCS_BYTES",
    "IPV4_HEADER_BYTES",
    "MAX_FRAME_BYTES", "MIN_FRAME_BYTES", "PREAMBLE", "PREAMBLE_BYTES", "PROTOCOL_ICMP", "PROTOCOL_UDP", "SFD",
    "UDP_HEADER_BYTES", "Station",
]  # fmt: skip

DEFAULT_IP = "192.168.1.50"
"""Address that a bitstream gets unless another is asked for."""

PREAMBLE = 0x55
SFD = 0xD5
PREAMBLE_BYTES = 7
"""Bytes of `PREAMBLE` before `SFD` (IEEE 802.3, 3.2)."""

FCS_BYTES = 4
MIN_FRAME_BYTES = 60
"""Shortest frame without FCS; shorter ones are padded."""

MAX_FRAME_BYTES = 1514
"""Longest frame without FCS."""

BROADCAST_MAC = b"\xff" * 6
ETHERNET_HEADER_BYTES = 14
IPV4_HEADER_BYTES = 20
UDP_HEADER_BYTES = 8
ETHERTYPE_IPV4 = 0x0800
ETHERTYPE_ARP = 0x0806
PROTOCOL_ICMP = 1
PROTOCOL_UDP = 17

_MAC = re.compile(r"[0-9a-fA-F]{2}(:[0-9a-fA-F]{2}){5}")


@dataclass(frozen=True)
class Station:
    """The addresses of a board.

    Attributes
    ----------
    mac
        Six bytes in hexadecimal, with colons.
    ip
        IPv4 address with dots.
    port
        UDP port.

    Raises
    ------
    ValueError
        When one is not the address of a single station.
    """

    mac: str
    ip: str
    port: int

    def __post_init__(self) -> None:
        if not isinstance(self.mac, str) or not _MAC.fullmatch(self.mac):
            raise ValueError(f"mac must be six bytes like 02:d3:00:00:00:01, not {self.mac!r}")
        if self.mac_bytes[0] & 1 or not any(self.mac_bytes):
            raise ValueError(f"mac must be that of one station (first byte even, not all zero), not {self.mac!r}")
        try:
            address = ipaddress.IPv4Address(self.ip) if isinstance(self.ip, str) else None
        except ValueError:
            address = None
        if address is None or address.is_multicast or address.is_reserved or address.is_unspecified:
            raise ValueError(f"ip must be the IPv4 address of one station, like 192.168.1.50, not {self.ip!r}")
        if type(self.port) is not int or not 1 <= self.port <= 65535:
            raise ValueError(f"port must be an integer between 1 and 65535, not {self.port!r}")

    @property
    def mac_bytes(self) -> bytes:
        """``mac`` as on the wire."""
        return bytes.fromhex(self.mac.replace(":", ""))

    @property
    def ip_bytes(self) -> bytes:
        """``ip`` as on the wire."""
        return ipaddress.IPv4Address(self.ip).packed
