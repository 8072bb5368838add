"""The seam under a board: who stores words and runs programs, over a link or in this process."""

from typing import Protocol

import numpy as np
import numpy.typing as npt

from hdl.program import Space, StartParameters
from sim.golden.engine import Engine

__all__ = ["GoldenPort", "Port", "Words"]

Words = npt.NDArray[np.uint16] | npt.NDArray[np.int16]
"""16-bit words, one-dimensional or more, contiguous."""


class Port(Protocol):
    """What a `host.device.Board` needs; `host.link.session.Session` is one. Addresses and counts are in words."""

    @property
    def name(self) -> str:
        """The board's name, for messages."""

    @property
    def patience_s(self) -> float:
        """Longest time without progress."""

    def write(self, space: Space, address: int, words: Words) -> None:
        """Store words; ``words`` must stay unchanged until `flush`."""

    def flush(self) -> None:
        """Wait until everything written is stored."""

    def read(self, space: Space, address: int, count: int) -> npt.NDArray[np.uint16]:
        """Words after all earlier writes."""

    def start(self, parameters: StartParameters) -> None:
        """Start a run."""

    def commit(self, batches: int) -> None:
        """So many batches more are in memory."""

    def running(self) -> bool:
        """Whether a run is on, asked now."""

    def batches_done(self) -> int:
        """Batches finished in the last run, as known without asking."""

    def close(self) -> None:
        """Give the board back; harmless when repeated."""


class GoldenPort:
    """The golden engine in this process, in place of a board."""

    name = "golden engine"
    patience_s = 1.0

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def write(self, space: Space, address: int, words: Words) -> None:
        """Store words at once."""
        self._engine.write(space, address, words.reshape(-1).view(np.uint16))

    def flush(self) -> None:
        """Nothing is ever on its way."""

    def read(self, space: Space, address: int, count: int) -> npt.NDArray[np.uint16]:
        """Words as they are."""
        return self._engine.read(space, address, count)

    def start(self, parameters: StartParameters) -> None:
        """Run at once as far as batches are there."""
        self._engine.start(parameters)

    def commit(self, batches: int) -> None:
        """Run so many batches more at once."""
        self._engine.commit(batches)

    def running(self) -> bool:
        """Whether batches are missing."""
        return self._engine.busy

    def batches_done(self) -> int:
        """Batches finished in the last run."""
        return self._engine.batches_done

    def close(self) -> None:
        """Nothing to give back."""
