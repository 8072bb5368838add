"""A compiled board with its network as an object: Ethernet frames in, Ethernet frames out."""

import ctypes
import zlib
from pathlib import Path
from types import TracebackType

from hdl.config import EngineConfig
from hdl.link.ethernet.ethernet_link import dropped_layout
from hdl.link.ethernet.station import FCS_BYTES, MIN_FRAME_BYTES, PREAMBLE, PREAMBLE_BYTES, SFD, Station
from hdl.link.protocol import UDP_PORT

from .errors import HarnessError
from .ethernet_build import ethernet_library

__all__ = ["DEFAULT_STATION", "GAP_BYTES", "EthernetBoard"]

DEFAULT_STATION = Station("02:d3:00:00:00:01", "192.168.1.50", UDP_PORT)

GAP_BYTES = 12
"""The shortest gap between frames on a line."""

QUIET_CYCLES = 8192
"""Cycles without a byte in either direction and without a run after which a board is taken to be idle: more than
a board takes to answer the four packets it can hold."""

_MAX_CARRIER_BYTES = 4096
_PREAMBLE = bytes([PREAMBLE] * PREAMBLE_BYTES + [SFD])
_DROPPED = tuple(name for name, _ in dropped_layout())


class EthernetBoard:
    """A board at GMII, one byte time a clock cycle; not thread-safe.

    Frames are those of a packet socket or a TAP device: from the destination address to the end of the data. Preamble,
    padding and FCS are added and taken away here.

    Parameters
    ----------
    config
        The engine.
    station
        The board's addresses.
    trace
        File that receives a VCD.

    Raises
    ------
    HarnessError
        When the library does not load or the trace file cannot be written.
    BoardBuildError
        When the board cannot be built.
    """

    def __init__(
        self, config: EngineConfig, station: Station = DEFAULT_STATION, trace: Path | None = None
    ) -> None:
        self.config = config
        self.station = station
        self._functions = _load(ethernet_library(config, station, trace is not None))
        self._buffer = ctypes.create_string_buffer(_MAX_CARRIER_BYTES)
        self._view = memoryview(self._buffer).cast("B")
        self._cycles = ctypes.c_uint64(), ctypes.c_uint64()
        handle = self._functions.board_create(None if trace is None else str(trace).encode())
        if not handle:
            raise HarnessError(f"cannot write the trace to {trace}")
        self._handle: int | None = handle

    def __enter__(self) -> "EthernetBoard":
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

    def send(self, frame: bytes, gap_bytes: int = GAP_BYTES) -> None:
        """Queue a frame for the board, ``gap_bytes`` idle byte times after the one before."""
        padded = frame.ljust(MIN_FRAME_BYTES, b"\0")
        fcs = zlib.crc32(padded).to_bytes(FCS_BYTES, "little")
        self.send_carrier(_PREAMBLE + padded + fcs, gap_bytes)

    def send_carrier(self, carrier: bytes, gap_bytes: int = GAP_BYTES, error_byte: int | None = None) -> None:
        """Queue what is on the line while there is a carrier, whatever it is.

        Parameters
        ----------
        carrier
            Preamble, SFD, frame and FCS.
        gap_bytes
            Idle byte times before it, at least.
        error_byte
            Index of a byte that the PHY marks as broken.
        """
        self._functions.board_push(
            self._handle, carrier, len(carrier), gap_bytes, -1 if error_byte is None else error_byte
        )

    def run(self, max_cycles: int) -> int:
        """Run until the board sent a frame, is idle, or ``max_cycles`` passed; returns the cycles run."""
        return int(self._functions.board_run(self._handle, max_cycles, QUIET_CYCLES))

    def receive(self) -> list[tuple[bytes, int, int]]:
        """The frames sent by the board since the last call, each with the cycles of the first byte of its preamble and
        of the last of its FCS.

        Raises
        ------
        HarnessError
            When preamble or FCS is wrong: the gateware is.
        """
        frames = []
        first, last = self._cycles
        while length := self._functions.board_pop(
            self._handle, self._buffer, _MAX_CARRIER_BYTES, ctypes.byref(first), ctypes.byref(last)
        ):
            carrier = bytes(self._view[:length])
            frame, fcs = carrier[len(_PREAMBLE) : -FCS_BYTES], carrier[-FCS_BYTES:]
            if carrier[: len(_PREAMBLE)] != _PREAMBLE or fcs != zlib.crc32(frame).to_bytes(FCS_BYTES, "little"):
                raise HarnessError(f"the board sent a broken frame in cycle {first.value}: {carrier.hex()}")
            frames.append((frame, first.value, last.value))
        return frames

    @property
    def idle(self) -> bool:
        """No frame is queued and nothing happened for a while: running on would change nothing."""
        return bool(self._functions.board_quiet(self._handle, QUIET_CYCLES))

    @property
    def queued(self) -> int:
        """Frames that have not fully entered the board."""
        return int(self._functions.board_queued(self._handle))

    @property
    def cycles(self) -> int:
        """Clock cycles since creation."""
        return int(self._functions.board_cycles(self._handle))

    @property
    def last_byte_in_cycle(self) -> int:
        """Cycle of the last byte that entered the board."""
        return int(self._functions.board_last_in_cycle(self._handle))

    @property
    def dropped(self) -> dict[str, int]:
        """Frames dropped, by reason (`hdl.link.ethernet.ethernet_link.dropped_layout`)."""
        count = self._functions.board_dropped
        return {name: int(count(self._handle, index)) for index, name in enumerate(_DROPPED)}


def _load(library: Path) -> ctypes.CDLL:
    try:
        functions = ctypes.CDLL(str(library))
    except OSError as error:
        raise HarnessError(f"cannot load the virtual board: {error}") from None
    pointer, size, count = ctypes.c_void_p, ctypes.c_size_t, ctypes.c_uint64
    bytes_of, count_of = ctypes.c_char_p, ctypes.POINTER(ctypes.c_uint64)
    signatures: dict[str, tuple[object, list[object]]] = {
        "create": (pointer, [bytes_of]),
        "destroy": (None, [pointer]),
        "push": (None, [pointer, bytes_of, size, ctypes.c_uint32, ctypes.c_int64]),
        "run": (count, [pointer, count, count]),
        "pop": (size, [pointer, bytes_of, size, count_of, count_of]),
        "quiet": (ctypes.c_int, [pointer, count]),
        "queued": (size, [pointer]),
        "cycles": (count, [pointer]),
        "last_in_cycle": (count, [pointer]),
        "dropped": (count, [pointer, ctypes.c_int]),
    }
    for name, (result, arguments) in signatures.items():
        function = getattr(functions, f"board_{name}")
        function.restype, function.argtypes = result, arguments
    return functions
