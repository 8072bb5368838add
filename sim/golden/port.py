"""The golden engine as a board: twin of a session with one (`host.board.port.Port`), in this process."""

import numpy as np
import numpy.typing as npt

from deep3.hdl.contract.program import Space, StartParameters

from .engine.engine import Engine

__all__ = ["GoldenPort"]


class GoldenPort:
    """The golden engine in this process, in place of a board."""

    name = "golden engine"
    patience_s = 1.0

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def write(self, space: Space, address: int, words: npt.NDArray[np.uint16] | npt.NDArray[np.int16]) -> None:
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
