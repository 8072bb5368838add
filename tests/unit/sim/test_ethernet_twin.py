"""The network stack's twin against the text of docs/network.md, and the addresses a board can have."""

from dataclasses import replace

import pytest

from deep3.hdl.board.ethernet_top import EthernetTop
from deep3.hdl.contract.config import EngineConfig
from deep3.hdl.contract.station import Station
from deep3.hdl.link.ethernet.ethernet_link import EthernetLink as Gateware
from deep3.sim.bench.link.ethernet_traffic import changed, padded, summed
from deep3.sim.golden.link.ethernet import (
    EthernetLink,
    Peer,
    Received,
    echo_frame,
    internet_checksum,
    own_peer,
    udp_frame,
    with_fcs,
)

STATION = Station("02:d3:00:00:00:01", "192.168.1.50", 54321)
OWN = own_peer(STATION)
HOST = Peer(bytes.fromhex("020000000042"), bytes((192, 168, 1, 2)), 40000)
TWIN = EthernetLink(STATION)
PACKET = b"a packet of the link"


def receive(frame: bytes) -> Received:
    return TWIN.receive(with_fcs(padded(frame)))


def test_a_packet_and_its_sender_come_out() -> None:
    assert receive(udp_frame(HOST, OWN, PACKET)) == Received(packet=PACKET, peer=HOST)
    assert TWIN.send(b"answer", HOST) == udp_frame(OWN, HOST, b"answer")


def test_known_bytes() -> None:
    """RFC 1071, section 3: the sum of these words is ddf2."""
    assert internet_checksum(bytes.fromhex("0001f203f4f5f6f7")) == 0xDDF2 ^ 0xFFFF


@pytest.mark.parametrize("ip", [(255, 255, 255, 255), (192, 168, 1, 255), (10, 255, 255, 255)])
def test_broadcast_needs_both_addresses(ip: tuple[int, ...]) -> None:
    everyone = replace(OWN, mac=b"\xff" * 6, ip=bytes(ip))
    assert receive(udp_frame(HOST, everyone, PACKET)).packet == PACKET
    assert receive(udp_frame(HOST, replace(everyone, ip=OWN.ip), PACKET)) == Received()
    assert receive(udp_frame(HOST, replace(everyone, mac=OWN.mac), PACKET)) == Received()
    assert receive(echo_frame(HOST, everyone, b"1234")) == Received()


def test_ping_is_given_back() -> None:
    for size in (0, 1, 1472):
        content = bytes(4 + size)
        assert receive(echo_frame(HOST, OWN, content)).answer == echo_frame(OWN, HOST, content, request=False)


@pytest.mark.parametrize(
    ("place", "content"),
    [
        pytest.param(0, b"\x06", id="another station"),
        pytest.param(6, b"\x03", id="from a group"),
        pytest.param(14, b"\x46", id="options"),
        pytest.param(20, b"\x20", id="more fragments"),
        pytest.param(21, b"\x01", id="a fragment"),
        pytest.param(23, b"\x06", id="TCP"),
        pytest.param(33, b"\x33", id="another address"),
        pytest.param(36, b"\0\1", id="another port"),
        pytest.param(38, b"\0\0", id="no length"),
    ],
)
def test_what_is_not_for_the_board(place: int, content: bytes) -> None:
    assert receive(summed(changed(udp_frame(HOST, OWN, PACKET), place, content))) == Received()


def test_checksums() -> None:
    frame = udp_frame(HOST, OWN, PACKET)
    assert receive(changed(frame, 24, b"\x12\x34")) == Received()
    assert receive(changed(frame, 40, b"\x12\x34")) == Received()
    assert receive(changed(frame, 40, b"\0\0")).packet == PACKET


def test_faults_in_their_order() -> None:
    sound = with_fcs(udp_frame(HOST, OWN, bytes(100)))
    broken = sound[:-1] + bytes([sound[-1] ^ 1])
    assert TWIN.receive(bytes(1519), error=True).dropped == "error"
    assert TWIN.receive(bytes(1519)).dropped == "overlong"
    assert TWIN.receive(bytes(63)).dropped == "short"
    assert TWIN.receive(broken).dropped == "fcs"
    assert TWIN.receive(sound).packet == bytes(100)


def test_an_empty_datagram_is_nothing() -> None:
    assert receive(udp_frame(HOST, OWN, b"")) == Received()


@pytest.mark.parametrize(
    ("mac", "ip", "port", "message"),
    [
        ("02:d3:00:00:00", "10.0.0.1", 1, "mac must be six bytes like 02:d3:00:00:00:01, not '02:d3:00:00:00'"),
        (None, "10.0.0.1", 1, "mac must be six bytes like 02:d3:00:00:00:01, not None"),
        (
            "03:00:00:00:00:01", "10.0.0.1", 1,
            "mac must be that of one station (first byte even, not all zero), not '03:00:00:00:00:01'",
        ),
        (STATION.mac, "10.0.0", 1, "ip must be the IPv4 address of one station, like 192.168.1.50, not '10.0.0'"),
        (STATION.mac, 1, 1, "ip must be the IPv4 address of one station, like 192.168.1.50, not 1"),
        (STATION.mac, "224.0.0.1", 1, "ip must be the IPv4 address of one station, like 192.168.1.50, not '224.0.0.1'"),
        (STATION.mac, "10.0.0.1", 0, "port must be an integer between 1 and 65535, not 0"),
        (STATION.mac, "10.0.0.1", "80", "port must be an integer between 1 and 65535, not '80'"),
    ],
)  # fmt: skip
def test_addresses_no_board_has(mac: str, ip: str, port: int, message: str) -> None:
    for make in (Station, Gateware, lambda *address: EthernetTop(EngineConfig(), *address)):
        with pytest.raises(ValueError, match="must be") as refused:
            make(mac, ip, port)
        assert str(refused.value) == message
