"""READs on the way: which ranges were asked for, which answers came, which must be asked for again."""

from deep3.hdl.contract.protocol import MAX_PAYLOAD_WORDS, PACKET_BUFFERS

__all__ = ["Read", "ReadWindow"]

READS_IN_FLIGHT = PACKET_BUFFERS
"""More would find no packet buffer at the board."""


class Read:
    """One range: ``words`` from ``address`` (as in packets: space and word) into ``target``."""

    __slots__ = ("address", "number", "order", "repeated", "sent_s", "target")

    def __init__(self, number: int, address: int, target: memoryview) -> None:
        self.number = number
        self.address = address
        self.target = target
        self.order = 0
        self.sent_s = 0.0
        self.repeated = False

    @property
    def words(self) -> int:
        """Words asked for."""
        return len(self.target) // 2


class ReadWindow:
    """Splits one range of words into READs; a few are on the way at any time.

    Parameters
    ----------
    address
        Of the first word, as in packets.
    target
        Bytes that receive the words.
    first_number
        Sequence number of the first READ; the following count upwards modulo 2^32.
    """

    def __init__(self, address: int, target: memoryview, first_number: int) -> None:
        self._address = address
        self._target = target
        self._position = 0
        self._number = first_number
        self._order = 0
        self._open: dict[int, Read] = {}

    @property
    def open(self) -> int:
        """READs without an answer."""
        return len(self._open)

    @property
    def finished(self) -> bool:
        """Every word is there."""
        return not self._open and self._position == len(self._target)

    @property
    def next_number(self) -> int:
        """The first sequence number not used."""
        return self._number

    def next(self) -> Read | None:
        """The next READ to send, or None when enough are on the way or all were sent."""
        if len(self._open) == READS_IN_FLIGHT or self._position == len(self._target):
            return None
        end = min(self._position + 2 * MAX_PAYLOAD_WORDS, len(self._target))
        read = Read(self._number, self._address + self._position // 2, self._target[self._position : end])
        self._open[self._number] = read
        self._number = (self._number + 1) & 0xFFFF_FFFF
        self._position = end
        return read

    def sent(self, read: Read, now_s: float) -> None:
        """Note that a READ went out, for the first time or again."""
        read.repeated = read.order > 0
        self._order += 1
        read.order = self._order
        read.sent_s = now_s

    def match(self, number: int, address: int) -> Read | None:
        """The READ that an answer belongs to, or None for a repeat or a stranger."""
        read = self._open.get(number)
        return read if read is not None and read.address == address else None

    def answer(self, read: Read, payload: memoryview) -> list[Read]:
        """Take the words of an answer; returns the READs it overtook by more than one, which were lost."""
        read.target[:] = payload
        del self._open[read.number]
        return [other for other in self._open.values() if other.order + 1 < read.order]

    def overdue(self, before_s: float) -> list[Read]:
        """READs without an answer that were last sent before a moment."""
        return [read for read in self._open.values() if read.sent_s <= before_s]

    def oldest_sent_s(self) -> float:
        """When the READ that waits longest was last sent; infinity when none is on the way."""
        return min((read.sent_s for read in self._open.values()), default=float("inf"))
