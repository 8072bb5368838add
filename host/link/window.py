"""Selective repeat, without input or output: which packets are on the way, arrived, or were lost."""

import zlib
from collections.abc import Iterator

from hdl.link.protocol import ACK_REQUEST, CRC, CRC_BYTES, HEADER, HEADER_BYTES, WINDOW

from .transport import Buffer

__all__ = ["SendWindow"]

REORDERING = 3
"""Packets that may overtake another before it is taken to be lost (RFC 9002 uses the same number)."""

_FLAGS_OFFSET = 1
_SEQUENCE_MASK = 0xFFFF_FFFF


class _Slot:
    """One packet on the way, with room for its header and checksum."""

    __slots__ = ("crc", "header", "order", "parts", "payload", "repeated", "sent_s")

    def __init__(self) -> None:
        self.header = bytearray(HEADER_BYTES)
        self.crc = bytearray(CRC_BYTES)
        self.payload: Buffer = b""
        self.parts: list[Buffer] = [self.header, self.payload, self.crc]
        self.order = 0
        self.sent_s = 0.0
        self.repeated = False


class SendWindow:
    """The sender's half of a session's sequenced packets.

    Packets are lists [header, payload, checksum]; payloads are views of the caller's memory and must stay
    unchanged until they are acknowledged. Sequence numbers count without wrapping here and modulo 2^32 in packets.

    Parameters
    ----------
    session
        The number of the session, part of every header.
    """

    def __init__(self, session: int) -> None:
        self._session = session
        self._slots = [_Slot() for _ in range(WINDOW)]
        self._base = 0
        self._next = 0
        self._received = 0
        self._order = 0
        self._repeats = 0
        self._newest_order = -1
        self.round_trip_s: float | None = None
        """Of the newest packet that the last `acknowledge` took; None where it was sent more than once."""

    @property
    def in_flight(self) -> int:
        """Packets sent that the board has not reported as received."""
        return self._next - self._base - self._received.bit_count()

    @property
    def unacknowledged(self) -> int:
        """Distance from the oldest packet the board lacks to the next new one: 0 when all arrived."""
        return self._next - self._base

    @property
    def full(self) -> bool:
        """Whether the board's window takes no further sequence number."""
        return self._next - self._base >= WINDOW

    def prepare(self, kind: int, flags: int, address: int, payload: Buffer, now_s: float) -> list[Buffer]:
        """Give the next sequence number to a packet and return it, ready to send; only while not `full`."""
        slot = self._slots[self._next % WINDOW]
        header = slot.header
        HEADER.pack_into(
            header, 0, kind, flags, len(payload), self._session, self._next & _SEQUENCE_MASK, address
        )
        CRC.pack_into(slot.crc, 0, zlib.crc32(payload, zlib.crc32(header)))
        parts = slot.parts
        parts[1] = slot.payload = payload
        slot.order = self._order
        slot.sent_s = now_s
        slot.repeated = False
        self._order += 1
        self._next += 1
        return parts

    def repeat(self, sequence: int, ask: bool, now_s: float) -> list[Buffer]:
        """A packet that is sent again; with ``ask`` it requests an ACK."""
        slot = self._slots[sequence % WINDOW]
        if ask and not slot.header[_FLAGS_OFFSET] & ACK_REQUEST:
            slot.header[_FLAGS_OFFSET] |= ACK_REQUEST
            CRC.pack_into(slot.crc, 0, zlib.crc32(slot.payload, zlib.crc32(slot.header)))
        if not slot.repeated:
            self._repeats += 1
        slot.repeated = True
        slot.order = self._order
        slot.sent_s = now_s
        self._order += 1
        return slot.parts

    def acknowledge(self, expected: int, bitmap: int, now_s: float) -> bool:
        """Take an ACK and return whether it brought anything new.

        ``expected`` is the board's next sequence number modulo 2^32; bit i of ``bitmap`` says that
        ``expected + 1 + i`` was received.
        """
        self.round_trip_s = None
        advance = (expected - self._base) & _SEQUENCE_MASK
        span = self._next - self._base
        if advance > span:
            # Older than what is known (the distance wraps), or of no packet ever sent.
            return False
        reported = (bitmap << 1 << advance | (1 << advance) - 1) & ((1 << span) - 1)
        fresh = reported & ~self._received
        if not fresh:
            return False
        for sequence in _bits(fresh, self._base):
            self._take(sequence, now_s)
        self._received = (self._received | reported) >> advance
        self._base += advance
        return True

    def is_current(self, expected: int) -> bool:
        """Whether an ACK's next sequence number is the newest known."""
        return (expected - self._base) & _SEQUENCE_MASK == 0

    def lost(self) -> list[int]:
        """Packets on the way that at least `REORDERING` packets sent later have overtaken."""
        if not self._received and not self._repeats:
            return []
        limit = self._newest_order - REORDERING
        return [sequence for sequence in self._missing() if self._slots[sequence % WINDOW].order <= limit]

    def overdue(self, before_s: float) -> list[int]:
        """Packets on the way that were last sent before a moment."""
        return [sequence for sequence in self._missing() if self._slots[sequence % WINDOW].sent_s <= before_s]

    def oldest_sent_s(self) -> float:
        """When the packet on the way that waits longest was last sent; infinity when none is."""
        if self._base < self._next and not self._received and not self._repeats:
            # The common case, worth a shortcut on the way of every ACK: all went out once, in order.
            return self._slots[self._base % WINDOW].sent_s
        sent_s = (self._slots[sequence % WINDOW].sent_s for sequence in self._missing())
        return min(sent_s, default=float("inf"))

    def _take(self, sequence: int, now_s: float) -> None:
        slot = self._slots[sequence % WINDOW]
        slot.payload = slot.parts[1] = b""
        if slot.repeated:
            self._repeats -= 1
        if slot.order > self._newest_order:
            self._newest_order = slot.order
            self.round_trip_s = None if slot.repeated else now_s - slot.sent_s

    def _missing(self) -> Iterator[int]:
        span = self._next - self._base
        return _bits(~self._received & ((1 << span) - 1), self._base)


def _bits(mask: int, base: int) -> Iterator[int]:
    while mask:
        low = mask & -mask
        yield base + low.bit_length() - 1
        mask ^= low
