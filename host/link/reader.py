"""Words from a board: READs on the way, asked again where their answers are lost."""

import time
from collections.abc import Callable, Iterable

from deep3.hdl.contract.program import Space
from deep3.hdl.contract.protocol import BUSY, Type

from .channel import Channel, Received
from .errors import BoardBusy
from .reads import Read, ReadWindow

__all__ = ["Reader"]


class Reader:
    """Reads over a channel.

    Parameters
    ----------
    channel
        Of the session.
    take
        Receives every packet that is no answer to a READ.
    """

    def __init__(self, channel: Channel, take: Callable[[Received | None], None]) -> None:
        self._channel = channel
        self._take = take
        self._number = 0

    def read(self, space: Space, address: int, target: memoryview) -> None:
        """Fill ``target`` with the words from ``address`` (as in packets) onwards.

        Raises
        ------
        BoardBusy
            When a run is on and the space is not that of the counters.
        LinkError
            When the board does not answer.
        """
        reads = ReadWindow(address, target, self._number)
        since_s = time.monotonic()
        while not reads.finished:
            while (read := reads.next()) is not None:
                self._request(reads, [read])
            if self._await_data(reads, space):
                since_s = time.monotonic()
            self._channel.check_patience(since_s, f"for words of {space.name} (READ)")
        self._number = reads.next_number

    def _request(self, reads: ReadWindow, which: Iterable[Read]) -> None:
        for read in which:
            payload = read.words.to_bytes(2, "little")
            self._channel.send(self._channel.packet(Type.READ, read.number, read.address, payload))
            reads.sent(read, time.monotonic())

    def _await_data(self, reads: ReadWindow, space: Space) -> bool:
        """Wait for an answer or a timeout and ask again for what was lost; returns whether words came."""
        round_trip = self._channel.round_trip
        timeout_s = round_trip.timeout_s
        due_s = reads.oldest_sent_s() + timeout_s
        received = self._channel.receive(max(due_s - time.monotonic(), 0.0))
        if received is None and (overdue := reads.overdue(time.monotonic() - timeout_s)):
            round_trip.expired()
            self._request(reads, overdue)
        if received is None or received.kind != Type.DATA:
            self._take(received)
            return False
        read = reads.match(received.sequence, received.address)
        if read is None:
            return False
        if received.flags & BUSY:
            raise BoardBusy(f"board at {self._channel.name} refused to read {space.name}: wait for the end of the run")
        if len(received.payload) != len(read.target):
            return False
        round_trip.answered()
        if not read.repeated:
            round_trip.sample(time.monotonic() - read.sent_s)
        self._request(reads, reads.answer(read, received.payload))
        return True
