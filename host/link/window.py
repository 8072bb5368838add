"""Selective repeat, without input or output: which packets are on the way, arrived, or were lost."""

import zlib
from collections import deque
from collections.abc import Iterator
from itertools import takewhile

from hdl.link.protocol import ACK_REQUEST, CRC, CRC_BYTES, HEADER, HEADER_BYTES, WINDOW

from .transport import Buffer

__all__ = ["SendWindow"]

REORDERING = 3
"""Packets that may overtake another before it is taken to be lost (RFC 9002 uses the same number)."""

_FLAGS_OFFSET = 1
_SEQUENCE_MASK = 0xFFFF_FFFF


_ARRIVED = -1
"""Order of a packet that is no longer on the way."""


class _Slot:
    """One packet on the way, with room for its header and checksum; ``order`` counts sendings."""

    __slots__ = ("crc", "header", "order", "parts", "repeated", "sent_s", "sequence")

    def __init__(self) -> None:
        self.header = bytearray(HEADER_BYTES)
        self.crc = bytearray(CRC_BYTES)
        self.parts: list[Buffer] = [self.header, b"", self.crc]
        self.sequence = 0
        self.order = _ARRIVED
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
        self._newest_order = -1
        # Every sending, oldest first. An entry whose slot has another order by now was repeated or has arrived; it
        # is dropped when it comes to the front, so that no look at the window walks all of it.
        self._sendings: deque[tuple[int, _Slot]] = deque()
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
    def room(self) -> int:
        """Further sequence numbers that the board's window takes."""
        return self._base + WINDOW - self._next

    def prepare(self, kind: int, flags: int, address: int, payload: Buffer, now_s: float) -> list[Buffer]:
        """Give the next sequence number to a packet and return it, ready to send; only while there is `room`."""
        slot = self._slots[self._next % WINDOW]
        header, parts = slot.header, slot.parts
        HEADER.pack_into(
            header, 0, kind, flags, len(payload), self._session, self._next & _SEQUENCE_MASK, address
        )
        CRC.pack_into(slot.crc, 0, zlib.crc32(payload, zlib.crc32(header)))
        parts[1] = payload
        slot.sequence = self._next
        slot.repeated = False
        self._next += 1
        self._sent(slot, now_s)
        return parts

    def repeat(self, sequence: int, ask: bool, now_s: float) -> list[Buffer]:
        """A packet that is sent again; with ``ask`` it requests an ACK."""
        slot = self._slots[sequence % WINDOW]
        if ask and not slot.header[_FLAGS_OFFSET] & ACK_REQUEST:
            slot.header[_FLAGS_OFFSET] |= ACK_REQUEST
            CRC.pack_into(slot.crc, 0, zlib.crc32(slot.parts[1], zlib.crc32(slot.header)))
        slot.repeated = True
        self._sent(slot, now_s)
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
            self._take(self._slots[sequence % WINDOW], now_s)
        self._received = (self._received | reported) >> advance
        self._base += advance
        return True

    def is_current(self, expected: int) -> bool:
        """Whether an ACK's next sequence number is the newest known."""
        return (expected - self._base) & _SEQUENCE_MASK == 0

    def lost(self) -> list[int]:
        """Packets on the way that at least `REORDERING` packets sent later have overtaken."""
        limit = self._newest_order - REORDERING
        return [slot.sequence for order, slot in takewhile(lambda sending: sending[0] <= limit, self._on_the_way())]

    def overdue(self, before_s: float) -> list[int]:
        """Packets on the way that were last sent before a moment."""
        entries = takewhile(lambda sending: sending[1].sent_s <= before_s, self._on_the_way())
        return [slot.sequence for _, slot in entries]

    def oldest_sent_s(self) -> float:
        """When the packet on the way that waits longest was last sent; infinity when none is."""
        for _, slot in self._on_the_way():
            return slot.sent_s
        return float("inf")

    def _sent(self, slot: _Slot, now_s: float) -> None:
        slot.order = self._order
        slot.sent_s = now_s
        self._sendings.append((self._order, slot))
        self._order += 1

    def _take(self, slot: _Slot, now_s: float) -> None:
        if slot.order > self._newest_order:
            self._newest_order = slot.order
            self.round_trip_s = None if slot.repeated else now_s - slot.sent_s
        slot.order = _ARRIVED
        slot.parts[1] = b""

    def _on_the_way(self) -> Iterator[tuple[int, _Slot]]:
        """Sendings that count, oldest first."""
        sendings = self._sendings
        while sendings and sendings[0][0] != sendings[0][1].order:
            sendings.popleft()
        return (sending for sending in sendings if sending[0] == sending[1].order)


def _bits(mask: int, base: int) -> Iterator[int]:
    while mask:
        low = mask & -mask
        yield base + low.bit_length() - 1
        mask ^= low
