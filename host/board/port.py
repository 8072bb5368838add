"""The seam under a board: who stores words and runs programs, over a link or in this process."""

from typing import Protocol

import numpy as np
import numpy.typing as npt

from deep3.hdl.contract.program import Space, StartParameters

__all__ = ["Port", "Words"]

Words = npt.NDArray[np.uint16] | npt.NDArray[np.int16]
"""16-bit words, one-dimensional or more, contiguous."""


class Port(Protocol):
    """What a `host.board.board.Board` needs; `host.link.session.Session` is one. Addresses and counts are in words."""

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
