"""How much of the samples a projection keeps: the energy of each coefficient, and of the samples."""

import numpy as np
from numpy.typing import NDArray

from deep3.hdl.contract.fixed_point import STEPS

from .begin import Run

__all__ = ["projection_energies", "variance"]

MOST_SAMPLES = 4096
"""That are looked at: a share of the energy is known to a percent, and a run begins at once."""
BLOCK = 256


def projection_energies(run: Run) -> tuple[tuple[float, ...], float | None]:
    """Variance of each raw coefficient, and of all features of the samples together; empty and None without a basis.

    The atoms are orthonormal, so the quotient of the sum and the latter is the share of the energy that was captured.
    """
    prepared = run.prepared
    if prepared.projection.basis is None:
        return (), None
    words = variance(prepared.training.inputs[:MOST_SAMPLES])
    scales = np.ldexp(1.0 / STEPS, prepared.projection.exponents.astype(np.int32))
    features = variance(run.dataset.x_train[prepared.rows[:MOST_SAMPLES]])
    return tuple((words * scales**2).tolist()), float(features.sum())


def variance(x: NDArray[np.generic]) -> NDArray[np.float64]:
    """Of each column of ``samples x values``: blocks that a cache holds in single precision, sums of them in double."""
    total = np.zeros(x.shape[1])
    squares = np.zeros(x.shape[1])
    offset = x[:BLOCK].mean(axis=0, dtype=np.float64).astype(np.float32)
    for start in range(0, len(x), BLOCK):
        block = x[start : start + BLOCK].astype(np.float32)
        block -= offset
        total += block.sum(axis=0)
        squares += np.einsum("ij,ij->j", block, block)
    return np.maximum(squares / len(x) - (total / len(x)) ** 2, 0.0)
