"""Systolic array: dot products of streamed vectors with a stationary tile."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ["SystolicArray"]


class SystolicArray:
    """Twin of `hdl.engine.array.SystolicArray`, without its latency.

    Attributes
    ----------
    shadow, stationary : int64 [columns, rows]
        Words loaded for the next tile, and those of the current one.
    """

    def __init__(self, rows: int, columns: int) -> None:
        self.shadow = np.zeros((columns, rows), np.int64)
        self.stationary = np.zeros((columns, rows), np.int64)

    def swap(self) -> None:
        """A tile begins: what was loaded becomes stationary, and stays loaded."""
        self.stationary = self.shadow.copy()

    def load(self, column: int, words: ArrayLike) -> None:
        """Words of a column of the next tile; columns that the array does not have are ignored."""
        if column < len(self.shadow):
            self.shadow[column] = words

    def sums(self, stream: ArrayLike) -> NDArray[np.int64]:
        """int64 [..., columns] from int16 [..., rows]."""
        return np.asarray(stream, np.int64) @ self.stationary.T
