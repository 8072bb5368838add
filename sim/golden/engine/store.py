"""The operand memories A, W and E, as their readers and writers see them."""

import numpy as np
from numpy.typing import NDArray

from deep3.hdl.contract.config import EngineConfig
from deep3.hdl.contract.program import Memory

from .memory import OperandMemory

__all__ = ["OperandStore"]


class OperandStore:
    """Twin of `hdl.engine.store.OperandStore`, without its latency.

    Attributes
    ----------
    memories : dict of `Memory` to `OperandMemory`
    """

    def __init__(self, config: EngineConfig) -> None:
        self.rows = config.rows
        self.memories = {
            Memory.ACTIVATION: OperandMemory(config.banks, config.activation_bank_words),
            Memory.WEIGHT: OperandMemory(config.banks, config.weight_bank_words),
            Memory.ERROR: OperandMemory(config.banks, config.error_bank_words),
        }

    def load(self, memory: Memory, address: int, lane_step: int, edge_width: int | None) -> NDArray[np.int64]:
        """A stationary vector, int64 [rows]; its lanes from ``edge_width`` on, where there is an edge, are zero."""
        vector = self.memories[memory].read(address, lane_step, self.rows)
        if edge_width is not None:
            vector[edge_width:] = 0
        return vector

    @staticmethod
    def host_waits(held: Memory | None, drained: Memory | None) -> bool:
        """A host word for the memory that a drain writes in this cycle is kept for the next."""
        return held is not None and held is drained
