"""Selective repeat, without input or output: which packets are on the way, arrived, or were lost."""

import zlib
from collections import deque
from itertools import takewhile

from deep3.hdl.contract.protocol import ACK_REQUEST, CRC, CRC_BYTES, HEADER, HEADER_BYTES, WINDOW

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
        self._progress_s = float("-inf")
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
        """A packet that is sent again because it was lost; with ``ask`` it requests an ACK."""
        slot = self._slots[sequence % WINDOW]
        self._again(slot, ask, now_s)
        self._sent(slot, now_s)
        return slot.parts

    def probe(self, now_s: float) -> list[list[Buffer]]:
        """What to send when the time ran out: the next packet that the board expects and the newest one on the way,
        both asking for an ACK.

        The board can always take the first of them. The answers tell which of the others are lost. They keep their
        place among the sendings, for an answer may also be a late one to their first sending, which says nothing of
        those sent in between.
        """
        if self._base == self._next:
            return []
        expected = self._slots[self._base % WINDOW]
        newest = next(slot for order, slot in reversed(self._sendings) if order == slot.order)
        ends = [expected] if newest is expected else [expected, newest]
        for slot in ends:
            self._again(slot, True, now_s)
        self._progress_s = now_s
        return [slot.parts for slot in ends]

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
        newest = None
        lowest = (fresh & -fresh).bit_length() - 1
        for offset in range(lowest, fresh.bit_length()):
            if fresh >> offset & 1:
                slot = self._slots[(self._base + offset) % WINDOW]
                if slot.order > self._newest_order:
                    self._newest_order, newest = slot.order, slot
                slot.order = _ARRIVED
                slot.parts[1] = b""
        if newest is not None and not newest.repeated:
            self.round_trip_s = now_s - newest.sent_s
        received = (self._received | reported) >> advance
        # A board that now asks for what it once said it had would leave nothing to repeat: what it had, it has.
        known = (~received & received + 1).bit_length() - 1
        self._received = received >> known
        self._base += advance + known
        self._progress_s = now_s
        return True

    def is_current(self, expected: int) -> bool:
        """Whether an ACK's next sequence number is the newest known."""
        return (expected - self._base) & _SEQUENCE_MASK == 0

    def lost(self) -> list[int]:
        """Packets on the way that at least `REORDERING` packets sent later have overtaken."""
        sendings, limit = self._settled(), self._newest_order - REORDERING
        if not sendings or sendings[0][0] > limit:
            return []
        early = takewhile(lambda sending: sending[0] <= limit, sendings)
        return [slot.sequence for order, slot in early if order == slot.order]

    def waiting_since_s(self) -> float:
        """When the packet that waits longest was sent, or the window last got on, if that was later (RFC 6298, 5.3);
        infinity when nothing is on the way."""
        sendings = self._settled()
        return max(sendings[0][1].sent_s, self._progress_s) if sendings else float("inf")

    def _sent(self, slot: _Slot, now_s: float) -> None:
        slot.order = self._order
        slot.sent_s = now_s
        self._sendings.append((self._order, slot))
        self._order += 1

    @staticmethod
    def _again(slot: _Slot, ask: bool, now_s: float) -> None:
        slot.repeated = True
        slot.sent_s = now_s
        if ask and not slot.header[_FLAGS_OFFSET] & ACK_REQUEST:
            slot.header[_FLAGS_OFFSET] |= ACK_REQUEST
            CRC.pack_into(slot.crc, 0, zlib.crc32(slot.parts[1], zlib.crc32(slot.header)))

    def _settled(self) -> deque[tuple[int, _Slot]]:
        """The sendings, from the oldest one that still counts."""
        sendings = self._sendings
        while sendings and sendings[0][0] != sendings[0][1].order:
            sendings.popleft()
        return sendings
