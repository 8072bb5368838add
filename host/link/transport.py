"""The seam under a session: something that carries packets and may lose, repeat, reorder or corrupt them."""

from collections.abc import Sequence
from typing import Protocol

__all__ = ["Buffer", "Transport"]

Buffer = bytes | bytearray | memoryview


class Transport(Protocol):
    """Carries packets between a host and one board."""

    @property
    def name(self) -> str:
        """The board's address, for messages."""

    def send(self, parts: Sequence[Buffer]) -> None:
        """Send one packet, given in pieces that are not copied together on the way.

        Raises
        ------
        LinkError
            When the host cannot send at all; a packet that is lost on the way is no error.
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
