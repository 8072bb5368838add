"""Banked operand memory: vectors at flat addresses."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ["OperandMemory", "lane_addresses"]


def lane_addresses(address: int, lane_step: int, lanes: int, banks: int) -> NDArray[np.int64]:
    """Flat addresses of the lanes of a vector; those of up to ``banks`` lanes are in different banks."""
    return address + np.arange(lanes) * (lane_step * banks + 1)


class OperandMemory:
    """Twin of `hdl.engine.memory`: `Scatter`, `OperandBanks` and `Gather`, without their latency.

    Addresses beyond the end wrap, as they do in banks whose depth is a power of two.

    Attributes
    ----------
    words : int64 [banks * bank_words]
        16-bit words by flat address; zero at power-up.
    """

    def __init__(self, banks: int, bank_words: int) -> None:
        self.banks = banks
        self.words = np.zeros(banks * bank_words, np.int64)

    def located(self, address: int, lane_step: int, lanes: int) -> NDArray[np.int64]:
        """Flat addresses of a vector, inside the memory."""
        return lane_addresses(address, lane_step, lanes, self.banks) % len(self.words)

    def read(self, address: int, lane_step: int, lanes: int) -> NDArray[np.int64]:
        """A vector, int64 [lanes]."""
        return self.words[self.located(address, lane_step, lanes)]

    def write(self, address: int, lane_step: int, values: ArrayLike, enable: ArrayLike) -> NDArray[np.int64]:
        """Store the enabled lanes of a vector; their flat addresses."""
        chosen = np.asarray(enable, bool)
        where: NDArray[np.int64] = self.located(address, lane_step, len(chosen))[chosen]
        self.words[where] = np.asarray(values, np.int64)[chosen]
        return where
