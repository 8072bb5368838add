"""What the headers of the frames look like that a board acts upon: byte by byte, with masks."""

from dataclasses import dataclass

from deep3.hdl.contract.station import (
    BROADCAST_MAC,
    ETHERNET_HEADER_BYTES,
    ETHERTYPE_ARP,
    ETHERTYPE_IPV4,
    IPV4_HEADER_BYTES,
    PROTOCOL_ICMP,
    PROTOCOL_UDP,
    Station,
)

__all__ = ["HEADER_BYTES", "Pattern", "header_patterns"]

HEADER_BYTES = 42
"""From the destination address to the end of the ARP packet, of the ICMP or of the UDP header: all three alike."""

_IP = ETHERNET_HEADER_BYTES
_TRANSPORT = _IP + IPV4_HEADER_BYTES


@dataclass(frozen=True)
class Pattern:
    """For some positions in a header, the bits that matter (``mask``) and what they must be (``value``)."""

    bytes: dict[int, tuple[int, int]]

    @classmethod
    def of(cls, *fields: tuple[int, bytes]) -> "Pattern":
        """Whole bytes, given as pairs of position and contents."""
        return cls({start + index: (byte, 0xFF) for start, content in fields for index, byte in enumerate(content)})


def header_patterns(station: Station) -> dict[str, Pattern]:
    """The patterns of one station.

    ``to_own_mac``, ``to_all_macs``, ``to_own_ip``, ``to_all_ips``: destinations. Every broadcast address of a network
    with 24 bits of prefix or fewer ends in 255, as does 255.255.255.255; the netmask need not be known.
    ``arp``: a request for the own address. ``icmp``: an echo request. ``udp``: a datagram to the own port; both in IPv4
    without options, not fragmented. All three from a single station, for an answer must not go to a group.
    """
    single, single_in_arp = {6: (0x00, 0x01)}, {_IP + 8: (0x00, 0x01)}
    # Of flags and fragment offset all must be 0 but "don't fragment" and the reserved bit.
    whole = {_IP + 6: (0x00, 0x3F), _IP + 7: (0x00, 0xFF)}
    ip = Pattern.of((_IP - 2, ETHERTYPE_IPV4.to_bytes(2, "big")), (_IP, b"\x45")).bytes | whole | single
    return {
        "to_own_mac": Pattern.of((0, station.mac_bytes)),
        "to_all_macs": Pattern.of((0, BROADCAST_MAC)),
        "to_own_ip": Pattern.of((_IP + 16, station.ip_bytes)),
        "to_all_ips": Pattern.of((_IP + 19, b"\xff")),
        "arp": Pattern(
            Pattern.of(
                (_IP - 2, ETHERTYPE_ARP.to_bytes(2, "big")),
                # Ethernet, IPv4, sizes of their addresses, request (RFC 826).
                (_IP, b"\x00\x01\x08\x00\x06\x04\x00\x01"),
                (_IP + 24, station.ip_bytes),
            ).bytes
            | single_in_arp
        ),
        "icmp": Pattern(ip | Pattern.of((_IP + 9, bytes([PROTOCOL_ICMP])), (_TRANSPORT, b"\x08\x00")).bytes),
        "udp": Pattern(
            ip
            | Pattern.of(
                (_IP + 9, bytes([PROTOCOL_UDP])), (_TRANSPORT + 2, station.port.to_bytes(2, "big"))
            ).bytes
        ),
    }
