"""The compiled board as an object: push packets, run, pop packets."""

import ctypes
from pathlib import Path
from types import TracebackType

from .errors import HarnessError

__all__ = ["Harness"]

MAX_PACKET_BYTES = 2048
QUIET_CYCLES = 4096
"""Cycles without a byte in either direction and without a run after which a board is taken to be idle: more than
a board takes to apply a whole packet or to collect the answer to the longest READ."""


class Harness:
    """A board in this process; not thread-safe.

    Parameters
    ----------
    library
        Built by `sim.board.build.build_library`.
    trace
        File that receives a VCD; needs a library built with ``trace``.

    Raises
    ------
    HarnessError
        When the library does not load or the trace file cannot be written.
    """

    def __init__(self, library: Path, trace: Path | None = None) -> None:
        self._functions = _load(library)
        self._buffer = ctypes.create_string_buffer(MAX_PACKET_BYTES)
        self._view = memoryview(self._buffer).cast("B")
        handle = self._functions.board_create(None if trace is None else str(trace).encode())
        if not handle:
            raise HarnessError(f"cannot write the trace to {trace}")
        self._handle: int | None = handle

    def __enter__(self) -> "Harness":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Free the board and finish its trace; harmless when repeated."""
        if self._handle is not None:
            self._functions.board_destroy(self._handle)
            self._handle = None

    def push(self, packet: bytes) -> None:
        """Queue a packet for the rx stream; an empty one is nothing on a byte stream and is left out."""
        self._functions.board_push(self._handle, packet, len(packet))

    def run(self, max_cycles: int) -> int:
        """Run until the design sent a packet, is idle, or ``max_cycles`` passed; returns the cycles run."""
        return int(self._functions.board_run(self._handle, max_cycles, QUIET_CYCLES))

    def pop(self) -> bytes | None:
        """The oldest packet sent by the design."""
        length = self._functions.board_pop(self._handle, self._buffer, MAX_PACKET_BYTES)
        return bytes(self._view[:length]) if length else None

    @property
    def idle(self) -> bool:
        """No packet is queued and nothing happened for a while: running on would change nothing."""
        return bool(self._functions.board_quiet(self._handle, QUIET_CYCLES))

    @property
    def queued(self) -> int:
        """Packets that have not fully entered the design."""
        return int(self._functions.board_queued(self._handle))

    @property
    def cycles(self) -> int:
        """Clock cycles since creation."""
        return int(self._functions.board_cycles(self._handle))

    @property
    def busy_cycles(self) -> int:
        """Clock cycles with a run on."""
        return int(self._functions.board_busy_cycles(self._handle))


def _load(library: Path) -> ctypes.CDLL:
    try:
        functions = ctypes.CDLL(str(library))
    except OSError as error:
        raise HarnessError(f"cannot load the virtual board: {error}") from None
    pointer, size, count = ctypes.c_void_p, ctypes.c_size_t, ctypes.c_uint64
    functions.board_create.restype, functions.board_create.argtypes = pointer, [ctypes.c_char_p]
    functions.board_destroy.restype, functions.board_destroy.argtypes = None, [pointer]
    functions.board_push.restype, functions.board_push.argtypes = None, [pointer, ctypes.c_char_p, size]
    functions.board_run.restype, functions.board_run.argtypes = count, [pointer, count, count]
    functions.board_pop.restype, functions.board_pop.argtypes = size, [pointer, ctypes.c_char_p, size]
    functions.board_quiet.restype, functions.board_quiet.argtypes = ctypes.c_int, [pointer, count]
    for name in ("queued", "cycles", "busy_cycles"):
        function = getattr(functions, f"board_{name}")
        function.restype, function.argtypes = count, [pointer]
    return functions
