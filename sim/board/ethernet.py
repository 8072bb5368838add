"""A compiled board with its network as an object: Ethernet frames in, Ethernet frames out."""

import ctypes
import zlib
from pathlib import Path

from deep3.hdl.contract.config import EngineConfig
from deep3.hdl.contract.protocol import UDP_PORT
from deep3.hdl.contract.station import FCS_BYTES, MIN_FRAME_BYTES, PREAMBLE, PREAMBLE_BYTES, SFD, Station
from deep3.hdl.link.ethernet.ethernet_link import dropped_layout

from .compiled import COUNT, SIZE, CompiledBoard, Signature
from .errors import HarnessError
from .ethernet_build import ethernet_library

__all__ = ["DEFAULT_STATION", "GAP_BYTES", "EthernetBoard"]

DEFAULT_STATION = Station("02:d3:00:00:00:01", "192.168.1.50", UDP_PORT)

GAP_BYTES = 12
"""The shortest gap between frames on a line."""

QUIET_CYCLES = 8192
"""More than a board takes to answer the four packets it can hold."""

_MAX_CARRIER_BYTES = 4096
_PREAMBLE = bytes([PREAMBLE] * PREAMBLE_BYTES + [SFD])
_DROPPED = tuple(name for name, _ in dropped_layout())

_COUNT_OF = ctypes.POINTER(COUNT)
_FUNCTIONS: dict[str, Signature] = {
    "push": (None, [ctypes.c_char_p, SIZE, ctypes.c_uint32, ctypes.c_int64]),
    "pop": (SIZE, [ctypes.c_char_p, SIZE, _COUNT_OF, _COUNT_OF]),
    "dropped": (COUNT, [ctypes.c_int]),
}
"""Functions of ``ethernet_harness.cpp``."""


class EthernetBoard(CompiledBoard):
    """A board at GMII, one byte time a clock cycle.

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
        super().__init__(ethernet_library(config, station, trace is not None), trace, _FUNCTIONS, QUIET_CYCLES)
        self._buffer = ctypes.create_string_buffer(_MAX_CARRIER_BYTES)
        self._view = memoryview(self._buffer).cast("B")
        self._cycles = COUNT(), COUNT()

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
    def dropped(self) -> dict[str, int]:
        """Frames dropped, by reason (`hdl.link.ethernet.ethernet_link.dropped_layout`)."""
        count = self._functions.board_dropped
        return {name: int(count(self._handle, index)) for index, name in enumerate(_DROPPED)}

