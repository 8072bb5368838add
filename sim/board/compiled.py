"""What every compiled board has, whatever moves its ports: a life, a clock, and when it is idle."""

import ctypes
from pathlib import Path
from types import TracebackType
from typing import Self

from .errors import HarnessError

__all__ = ["CompiledBoard"]

POINTER, SIZE, COUNT = ctypes.c_void_p, ctypes.c_size_t, ctypes.c_uint64
Signature = tuple[type | None, list[type]]
"""Result and arguments after the board itself."""

SHARED: dict[str, Signature] = {
    "destroy": (None, []),
    "run": (COUNT, [COUNT, COUNT]),
    "quiet": (ctypes.c_int, [COUNT]),
    "queued": (SIZE, []),
    "cycles": (COUNT, []),
}
"""Functions of ``verilated_board.cpp``."""


class CompiledBoard:
    """A board in this process; not thread-safe.

    Parameters
    ----------
    library
        Built by `sim.board.build.build_library`.
    trace
        File that receives a VCD; needs a library built with ``trace``.
    functions
        Of the harness, beside those of every board: by name, without ``board_``.
    quiet_cycles
        Cycles without a byte in either direction and without a run after which the board is taken to be idle.

    Raises
    ------
    HarnessError
        When the library does not load or the trace file cannot be written.
    """

    def __init__(
        self, library: Path, trace: Path | None, functions: dict[str, Signature], quiet_cycles: int
    ) -> None:
        try:
            self._functions = ctypes.CDLL(str(library))
        except OSError as error:
            raise HarnessError(f"cannot load the virtual board: {error}") from None
        for name, (result, arguments) in {**SHARED, **functions}.items():
            function = getattr(self._functions, f"board_{name}")
            function.restype, function.argtypes = result, [POINTER, *arguments]
        create = self._functions.board_create
        create.restype, create.argtypes = POINTER, [ctypes.c_char_p]
        self._quiet_cycles = quiet_cycles
        self._handle: int | None = create(None if trace is None else str(trace).encode())
        if not self._handle:
            raise HarnessError(f"cannot write the trace to {trace}")

    def __enter__(self) -> Self:
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

    def run(self, max_cycles: int) -> int:
        """Run until the design sent something, is idle, or ``max_cycles`` passed; returns the cycles run."""
        return int(self._functions.board_run(self._handle, max_cycles, self._quiet_cycles))

    @property
    def idle(self) -> bool:
        """Nothing is queued and nothing happened for a while: running on would change nothing."""
        return bool(self._functions.board_quiet(self._handle, self._quiet_cycles))

    @property
    def queued(self) -> int:
        """Packets or frames that have not fully entered the design."""
        return int(self._functions.board_queued(self._handle))

    @property
    def cycles(self) -> int:
        """Clock cycles since creation."""
        return int(self._functions.board_cycles(self._handle))
