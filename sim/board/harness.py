"""The compiled board as an object: push packets, run, pop packets."""

import ctypes
from pathlib import Path

from .compiled import COUNT, SIZE, CompiledBoard, Signature

__all__ = ["Harness"]

MAX_PACKET_BYTES = 2048
QUIET_CYCLES = 4096
"""More than a board takes to apply a whole packet or to collect the answer to the longest READ."""

FUNCTIONS: dict[str, Signature] = {
    "push": (None, [ctypes.c_char_p, SIZE]),
    "pop": (SIZE, [ctypes.c_char_p, SIZE]),
    "busy_cycles": (COUNT, []),
}
"""Functions of ``harness.cpp``."""


class Harness(CompiledBoard):
    """A board with its packet streams.

    Parameters
    ----------
    library, trace
        As of `CompiledBoard`.

    Raises
    ------
    HarnessError
        When the library does not load or the trace file cannot be written.
    """

    def __init__(self, library: Path, trace: Path | None = None) -> None:
        super().__init__(library, trace, FUNCTIONS, QUIET_CYCLES)
        self._buffer = ctypes.create_string_buffer(MAX_PACKET_BYTES)
        self._view = memoryview(self._buffer).cast("B")

    def push(self, packet: bytes) -> None:
        """Queue a packet for the rx stream. In the place of an empty one, which is nothing on a byte stream, one byte
        enters: no packet either, and counted like it."""
        data = packet or b"\0"
        self._functions.board_push(self._handle, data, len(data))

    def pop(self) -> bytes | None:
        """The oldest packet sent by the design."""
        length = self._functions.board_pop(self._handle, self._buffer, MAX_PACKET_BYTES)
        return bytes(self._view[:length]) if length else None

    @property
    def busy_cycles(self) -> int:
        """Clock cycles with a run on."""
        return int(self._functions.board_busy_cycles(self._handle))
