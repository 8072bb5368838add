"""Packets: every one survives a round trip, everything else is refused with one clear line."""

import struct
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deep3.hdl.contract import protocol
from deep3.hdl.contract.protocol import Ack, CrcError, Packet, PacketError, Type, Welcome

U8, U16, U32, U64 = (st.integers(0, (1 << bits) - 1) for bits in (8, 16, 32, 64))
PAYLOADS = st.binary(max_size=protocol.MAX_PAYLOAD_BYTES // 2).map(lambda half: half + half)
PACKETS = st.builds(
    Packet, type=st.sampled_from(Type), session=U32, sequence=U32, address=U32, payload=PAYLOADS, flags=U8
)
WELCOMES = st.builds(
    Welcome, digest=U64, session=U32, rows=U8, columns=U8, version=U16, window=U16, max_payload_bytes=U16
)
ACKS = st.builds(
    Ack, bitmap=U64, batches_done=U32, runs_started=U32, busy=st.booleans(), credit=U16,
    dropped_crc=U16, dropped_malformed=U16, dropped_session=U16,
)


@given(PACKETS)
def test_packet_round_trip(packet: Packet) -> None:
    datagram = packet.pack()
    assert len(datagram) == protocol.OVERHEAD_BYTES + len(packet.payload)
    assert protocol.parse_packet(datagram) == packet
    assert protocol.parse_packet(memoryview(bytearray(datagram))) == packet


def test_layout_is_the_documented_one() -> None:
    packet = Packet(Type.WRITE, 0x04030201, 0x08070605, 0x0C0B0A09, b"\x11\x22", protocol.ACK_REQUEST)
    body = bytes.fromhex("02010200 01020304 05060708 090a0b0c 1122")
    assert packet.pack() == body + struct.pack("<I", zlib.crc32(body))


@given(PACKETS, st.data())
def test_any_flipped_bit_is_refused(packet: Packet, data: st.DataObject) -> None:
    datagram = bytearray(packet.pack())
    bit = data.draw(st.integers(0, 8 * len(datagram) - 1))
    datagram[bit // 8] ^= 1 << bit % 8
    with pytest.raises(PacketError):
        protocol.parse_packet(datagram)


@given(st.binary(max_size=2 * protocol.MAX_PACKET_BYTES))
def test_garbage_is_refused(garbage: bytes) -> None:
    with pytest.raises(PacketError):
        protocol.parse_packet(garbage)


@given(PACKETS, st.data())
def test_a_truncated_packet_is_refused(packet: Packet, data: st.DataObject) -> None:
    datagram = packet.pack()
    with pytest.raises(PacketError):
        protocol.parse_packet(datagram[: data.draw(st.integers(0, len(datagram) - 1))])


@given(WELCOMES)
def test_welcome_round_trip(welcome: Welcome) -> None:
    payload = welcome.pack()
    assert len(payload) == protocol.WELCOME_BYTES == 20
    assert Welcome.parse(payload) == welcome


@given(ACKS)
def test_ack_round_trip(ack: Ack) -> None:
    payload = ack.pack()
    assert len(payload) == protocol.ACK_BYTES == 28
    assert Ack.parse(payload) == ack


@given(st.integers(0, 15), st.integers(0, (1 << 28) - 1))
def test_address_round_trip(space: int, word: int) -> None:
    assert protocol.unpack_address(protocol.pack_address(space, word)) == (space, word)


def sealed(body: bytes) -> bytes:
    return body + struct.pack("<I", zlib.crc32(body))


@pytest.mark.parametrize(
    ("datagram", "message"),
    [
        (b"", "packet size must be between 20 and 1472 bytes, not 0"),
        (bytes(1473), "packet size must be between 20 and 1472 bytes, not 1473"),
        (sealed(bytes([1, 0, 3, 0]) + bytes(15)), "length must be even and size - 20 = 3, not 3"),
        (sealed(bytes([1, 0, 4, 0]) + bytes(14)), "length must be even and size - 20 = 2, not 4"),
        (
            sealed(bytes([7]) + bytes(15)),
            "type must be one of 0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x81, 0x82, 0x85, not 0x07",
        ),
    ],
)
def test_refused_datagrams(datagram: bytes, message: str) -> None:
    with pytest.raises(PacketError) as refusal:
        protocol.parse_packet(datagram)
    assert str(refusal.value) == message


def test_wrong_checksum_has_its_own_error() -> None:
    datagram = Packet(Type.STATUS).pack()
    with pytest.raises(CrcError, match=r"^checksum must be 0x[0-9a-f]{8}, not 0x00000000$"):
        protocol.parse_packet(datagram[:-4] + bytes(4))


@pytest.mark.parametrize(
    ("packet", "message"),
    [
        (Packet(Type.ACK, payload=b"odd"), "payload must be an even number of bytes up to 1452, not 3"),
        (
            Packet(Type.ACK, payload=bytes(1454)),
            "payload must be an even number of bytes up to 1452, not 1454",
        ),
        (Packet(Type.WRITE, session=-1), "session must be between 0 and 4294967295, not -1"),
        (Packet(Type.WRITE, sequence=1 << 32), "sequence must be between 0 and 4294967295, not 4294967296"),
        (Packet(Type.WRITE, flags=256), "flags must be between 0 and 255, not 256"),
    ],
)
def test_refused_packets(packet: Packet, message: str) -> None:
    with pytest.raises(PacketError) as refusal:
        packet.pack()
    assert str(refusal.value) == message


def test_refused_values() -> None:
    with pytest.raises(PacketError, match=r"^space must be between 0 and 15, not 16$"):
        protocol.pack_address(16, 0)
    with pytest.raises(PacketError, match=r"^word address must be between 0 and 268435455, not -1$"):
        protocol.pack_address(0, -1)
    with pytest.raises(PacketError, match=r"^WELCOME payload must be 20 bytes, not 19$"):
        Welcome.parse(bytes(19))
    with pytest.raises(PacketError, match=r"^ACK payload must be 28 bytes, not 30$"):
        Ack.parse(bytes(30))
    with pytest.raises(PacketError, match=r"^rows must be between 0 and 255, not 256$"):
        Welcome(digest=0, session=0, rows=256, columns=8).pack()
