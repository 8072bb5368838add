"""Packets between host and board (docs/link.md): constants, layouts, pack and parse.

Gateware, twin and host share them. A packet is `HEADER` (16 bytes), payload and `CRC` (4 bytes, zlib.crc32 of
all before it); every field is little-endian.
"""

import enum
import struct
import zlib
from dataclasses import dataclass
from typing import NamedTuple

__all__ = [
    "ACK_BYTES", "ACK_INTERVAL", "ACK_REQUEST", "BUSY", "CRC", "CRC_BYTES", "HEADER", "HEADER_BYTES",
    "MAX_PACKET_BYTES", "MAX_PAYLOAD_BYTES", "MAX_PAYLOAD_WORDS", "OVERHEAD_BYTES", "PACKET_BUFFERS",
    "PROTOCOL_VERSION", "SPACE_SHIFT", "UART_BAUD", "UDP_PORT", "WELCOME_BYTES", "WINDOW", "Ack", "CrcError", "Packet",
    "PacketError", "Type", "Welcome", "pack_address", "parse_packet", "unpack_address",
]

PROTOCOL_VERSION = 1
UDP_PORT = 54321
"""Where a board listens unless its bitstream says otherwise."""

UART_BAUD = 1_000_000
"""Bits a second on the serial port of a board, unless its bitstream says otherwise."""

MAX_PAYLOAD_BYTES = 1452
MAX_PAYLOAD_WORDS = MAX_PAYLOAD_BYTES // 2
WINDOW = 64
"""Sequence numbers the board takes, starting from the next expected one."""

ACK_INTERVAL = 8
"""Accepted packets after which an ACK goes out unasked."""

PACKET_BUFFERS = 4
"""Packet buffers of the board: the largest credit."""

ACK_REQUEST = 0x01
"""Flag from the host: acknowledge this packet at once."""

BUSY = 0x01
"""Flag of DATA from the board: a run is on, nothing was read."""

HEADER = struct.Struct("<BBHIII")
"""type, flags, length in bytes, session, sequence, address."""

CRC = struct.Struct("<I")
HEADER_BYTES = HEADER.size
CRC_BYTES = CRC.size
OVERHEAD_BYTES = HEADER_BYTES + CRC_BYTES
MAX_PACKET_BYTES = MAX_PAYLOAD_BYTES + OVERHEAD_BYTES

SPACE_SHIFT = 28
"""Bit of the address field at which the space starts."""


class PacketError(ValueError):
    """Bytes that are no packet, or a value that fits into none; one line names what is wrong."""


class CrcError(PacketError):
    """A packet of the right size whose checksum is wrong."""


class Type(enum.IntEnum):
    """Packet types; those of the board have bit 7 set."""

    HELLO = 0x01
    WRITE = 0x02
    START = 0x03
    COMMIT = 0x04
    READ = 0x05
    STATUS = 0x06
    WELCOME = 0x81
    ACK = 0x82
    DATA = 0x85


_TYPES = {int(kind): kind for kind in Type}


@dataclass(frozen=True)
class Packet:
    """One packet without its checksum; ``payload`` is an even number of bytes up to `MAX_PAYLOAD_BYTES`."""

    type: Type
    session: int = 0
    sequence: int = 0
    address: int = 0
    payload: bytes = b""
    flags: int = 0

    def pack(self) -> bytes:
        """The datagram.

        Raises
        ------
        PacketError
            When a field does not fit its bits or the payload is too long or odd.
        """
        length = len(self.payload)
        if length > MAX_PAYLOAD_BYTES or length % 2:
            limit = f"an even number of bytes up to {MAX_PAYLOAD_BYTES}"
            raise PacketError(f"payload must be {limit}, not {length!r}")
        _check_unsigned("flags", self.flags, 8)
        for name in ("session", "sequence", "address"):
            _check_unsigned(name, getattr(self, name), 32)
        header = HEADER.pack(self.type, self.flags, length, self.session, self.sequence, self.address)
        body = header + self.payload
        return body + CRC.pack(zlib.crc32(body))


def parse_packet(datagram: bytes | bytearray | memoryview) -> Packet:
    """Read one datagram.

    Raises
    ------
    CrcError
        When the size is right and the checksum wrong.
    PacketError
        When the size does not belong to a packet, or the type is unknown.
    """
    size = len(datagram)
    if not OVERHEAD_BYTES <= size <= MAX_PACKET_BYTES:
        limits = f"between {OVERHEAD_BYTES} and {MAX_PACKET_BYTES} bytes"
        raise PacketError(f"packet size must be {limits}, not {size!r}")
    kind, flags, length, session, sequence, address = HEADER.unpack_from(datagram)
    if length % 2 or size != OVERHEAD_BYTES + length:
        limits = f"even and size - {OVERHEAD_BYTES} = {size - OVERHEAD_BYTES}"
        raise PacketError(f"length must be {limits}, not {length!r}")
    view = memoryview(datagram)
    expected = zlib.crc32(view[:-CRC_BYTES])
    (found,) = CRC.unpack_from(datagram, size - CRC_BYTES)
    if found != expected:
        raise CrcError(f"checksum must be {expected:#010x}, not {found:#010x}")
    if kind not in _TYPES:
        known = ", ".join(f"{value:#04x}" for value in _TYPES)
        raise PacketError(f"type must be one of {known}, not {kind:#04x}")
    return Packet(_TYPES[kind], session, sequence, address, bytes(view[HEADER_BYTES:-CRC_BYTES]), flags)


def pack_address(space: int, word: int) -> int:
    """The address field: space (`hdl.contract.program.Space`, 4 bits) and word address (28 bits) inside it.

    Raises
    ------
    PacketError
        When one does not fit.
    """
    _check_unsigned("space", space, 32 - SPACE_SHIFT)
    _check_unsigned("word address", word, SPACE_SHIFT)
    return space << SPACE_SHIFT | word


def unpack_address(address: int) -> tuple[int, int]:
    """The inverse of `pack_address`: space and word address."""
    return address >> SPACE_SHIFT, address & ((1 << SPACE_SHIFT) - 1)


@dataclass(frozen=True)
class Welcome:
    """Payload of WELCOME: limits, the engine's digest as an integer, the current session (0: none)."""

    digest: int
    session: int
    rows: int
    columns: int
    version: int = PROTOCOL_VERSION
    window: int = WINDOW
    max_payload_bytes: int = MAX_PAYLOAD_BYTES

    def pack(self) -> bytes:
        """The 20 bytes of the payload.

        Raises
        ------
        PacketError
            When a field does not fit its bits.
        """
        return _pack_fields(_WELCOME, _WELCOME_FIELDS, self)

    @classmethod
    def parse(cls, payload: bytes) -> "Welcome":
        """The inverse of `pack`.

        Raises
        ------
        PacketError
            When the payload has another size.
        """
        return cls(**_parse_fields("WELCOME", _WELCOME, _WELCOME_FIELDS, payload))


class Ack(NamedTuple):
    """Payload of ACK.

    Bit i of ``bitmap``: the packet with the next expected sequence number + 1 + i was accepted.
    ``batches_done`` counts in the current or last run, ``runs_started`` in the session. ``credit`` is the
    number of free packet buffers. The ``dropped_*`` counters run from reset, modulo 2^16.
    """

    bitmap: int
    batches_done: int
    runs_started: int
    busy: bool
    credit: int
    dropped_crc: int
    dropped_malformed: int
    dropped_session: int

    def pack(self) -> bytes:
        """The 28 bytes of the payload.

        Raises
        ------
        PacketError
            When a field does not fit its bits.
        """
        try:
            return _ACK.pack(*self)
        except struct.error:
            return _pack_fields(_ACK, _ACK_FIELDS, self)

    @classmethod
    def parse(cls, payload: bytes | memoryview) -> "Ack":
        """The inverse of `pack`.

        Raises
        ------
        PacketError
            When the payload has another size.
        """
        if len(payload) != ACK_BYTES:
            raise _wrong_size("ACK", ACK_BYTES, len(payload))
        bitmap, batches_done, runs_started, busy, credit, crc, malformed, session = _ACK.unpack(payload)
        return cls(bitmap, batches_done, runs_started, bool(busy), credit, crc, malformed, session)


_Fields = tuple[tuple[str, int], ...]
_WELCOME = struct.Struct("<HHQIHBB")
_WELCOME_FIELDS: _Fields = (
    ("version", 16), ("window", 16), ("digest", 64), ("session", 32), ("max_payload_bytes", 16),
    ("rows", 8), ("columns", 8),
)
_ACK = struct.Struct("<QIIHHHHHxx")
_ACK_FIELDS: _Fields = (
    ("bitmap", 64), ("batches_done", 32), ("runs_started", 32), ("busy", 16), ("credit", 16),
    ("dropped_crc", 16), ("dropped_malformed", 16), ("dropped_session", 16),
)
WELCOME_BYTES = _WELCOME.size
ACK_BYTES = _ACK.size


def _check_unsigned(name: str, value: int, bits: int) -> None:
    if not 0 <= value < 1 << bits:
        raise PacketError(f"{name} must be between 0 and {(1 << bits) - 1}, not {value!r}")


def _pack_fields(layout: struct.Struct, fields: _Fields, source: object) -> bytes:
    values = [int(getattr(source, name)) for name, _ in fields]
    for (name, bits), value in zip(fields, values, strict=True):
        _check_unsigned(name, value, bits)
    return layout.pack(*values)


def _wrong_size(what: str, wanted: int, found: int) -> PacketError:
    return PacketError(f"{what} payload must be {wanted} bytes, not {found!r}")


def _parse_fields(what: str, layout: struct.Struct, fields: _Fields, payload: bytes) -> dict[str, int]:
    if len(payload) != layout.size:
        raise _wrong_size(what, layout.size, len(payload))
    return dict(zip((name for name, _ in fields), layout.unpack(payload), strict=True))
