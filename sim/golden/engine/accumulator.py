"""Accumulator memory: sums of successive reduction tiles."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from deep3.hdl.contract.geometry import ACCUMULATOR_BITS

__all__ = ["Accumulator"]


class Accumulator:
    """Twin of `hdl.engine.accumulator.Accumulator`, without its latency.

    Attributes
    ----------
    totals : int64 [depth, width]
        40-bit sums.
    """

    def __init__(self, width: int, depth: int) -> None:
        self.totals = np.zeros((depth, width), np.int64)

    def add(self, address: int, sums: ArrayLike, first: bool) -> NDArray[np.int64]:
        """Add to the sums of a time step, from zero with ``first``; the new ones, modulo 2^40."""
        before = 0 if first else self.totals[address]
        half = 1 << (ACCUMULATOR_BITS - 1)
        wrapped: NDArray[np.int64] = (before + np.asarray(sums, np.int64) + half) % (2 * half) - half
        self.totals[address] = wrapped
        return wrapped
