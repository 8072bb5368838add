"""The seam under a session: something that carries packets and may lose, repeat, reorder or corrupt them."""

from collections.abc import Sequence
from typing import Protocol

__all__ = ["BATCH_PACKETS", "Buffer", "Transport"]

Buffer = bytes | bytearray | memoryview

BATCH_PACKETS = 16
"""Most packets handed over at once: twice what one ACK covers, and 24 Kbytes in a burst."""


class Transport(Protocol):
    """Carries packets between a host and one board."""

    @property
    def name(self) -> str:
        """The board's address, for messages."""

    @property
    def line_s(self) -> float:
        """Seconds that packets on their way may hold up the answer to one of them; 0 where that is nothing."""

    def send(self, parts: Sequence[Buffer]) -> None:
        """Send one packet, given in pieces that are not copied together on the way.

        Raises
        ------
        LinkError
            When the host cannot send at all; a packet that is lost on the way is no error.
        """

    def send_all(self, packets: Sequence[Sequence[Buffer]]) -> None:
        """Send packets in their order, all of one size but for a shorter last one; at most `BATCH_PACKETS`.

        Raises
        ------
        LinkError
            As `send`.
        """

    def receive(self, timeout_s: float) -> memoryview | None:
        """The next packet, or None when none came within ``timeout_s`` seconds; valid until the next call.

        Raises
        ------
        LinkError
            When the host cannot receive at all.
        """

    def close(self) -> None:
        """Give the port back; harmless when repeated."""
