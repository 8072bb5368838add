"""Parts of a network's matrices between sampled neurons: taken out, and changed where they lie."""

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from deep3.compiler.network.network import Network
from deep3.compiler.network.subsample import taken_from

__all__ = ["Sample", "Weights", "gather", "scatter_add", "touchers"]

Weights = list[NDArray[np.float32]]
"""One matrix for each layer that has weights, ``outputs x (inputs + 1)``, row by row in memory; the last column holds
the biases, as in the engine's memory (`compiler.network.network.Network.weight_shapes`)."""

Sample = tuple[NDArray[np.int64], ...]
"""For the input and every layer that has weights, the numbers of the neurons or maps that were sampled, ascending; of a
sample of maps its channels."""

Indices = NDArray[np.int64] | None
"""Rows or columns of a matrix; None for all."""

CHANGED_AT_ONCE = 1 << 16
"""Numbers of whole rows: with their copies they stay in a core's cache."""


def gather(network: Network, matrices: Weights, sample: Sample) -> Weights:
    """A copy of the parts of a network's matrices, weights or of their shapes, that lie between the sampled neurons and
    maps, biases included."""
    return [
        _taken(matrix, rows, columns) for matrix, (rows, columns) in zip(matrices, _cuts(network, sample), strict=True)
    ]


def scatter_add(network: Network, matrices: Weights, sample: Sample, difference: Weights) -> None:
    """Add a local network's change to the parts that `gather` takes, in place."""
    for matrix, change, (rows, columns) in zip(matrices, difference, _cuts(network, sample), strict=True):
        _add(matrix, change, rows, columns)


def touchers(network: Network, samples: Sequence[Sample]) -> list[Weights]:
    """For each of several samples and each weight that `gather` takes for it, how many of the samples take that weight,
    itself counted."""
    cuts = [list(_cuts(network, sample)) for sample in samples]
    found: list[Weights] = [[] for _ in samples]
    for layer, (outputs, columns) in enumerate(network.weight_shapes):
        rows_taken = _members(outputs, [cut[layer][0] for cut in cuts])
        columns_taken = _members(columns, [cut[layer][1] for cut in cuts])
        for counts, cut in zip(found, cuts, strict=True):
            rows, inputs = (slice(None) if indices is None else indices for indices in cut[layer])
            counts.append(rows_taken[:, rows].T @ columns_taken[:, inputs])
    return found


def _cuts(network: Network, sample: Sample) -> Iterator[tuple[Indices, Indices]]:
    """Sampled rows and columns of each matrix, the bias column among them.

    What a layer before gives as one map takes a column for each weight of a kernel, or behind a flattening for each of
    its pixels; they lie side by side.
    """
    there = taken_from(network)
    shapes = zip(network.weight_shapes, there[:-1], sample[:-1], sample[1:], strict=True)
    for (outputs, columns), whole, before, taken in shapes:
        rows = None if len(taken) == outputs else taken
        if len(before) == whole:
            yield rows, None
            continue
        each = (columns - 1) // whole
        inputs = before if each == 1 else (before[:, None] * each + np.arange(each)).ravel()
        with_bias = np.empty(len(inputs) + 1, np.int64)
        with_bias[:-1], with_bias[-1] = inputs, columns - 1
        yield rows, with_bias


def _taken(matrix: NDArray[np.float32], rows: Indices, columns: Indices) -> NDArray[np.float32]:
    if rows is None and columns is None:
        return matrix.copy()
    part = matrix if rows is None else matrix.take(rows, axis=0)
    return part if columns is None else part.take(columns, axis=1)


def _add(matrix: NDArray[np.float32], change: NDArray[np.float32], rows: Indices, columns: Indices) -> None:
    if rows is None:
        matrix[:, slice(None) if columns is None else columns] += change
    elif columns is None:
        step = max(1, CHANGED_AT_ONCE // matrix.shape[1])
        for first in range(0, len(rows), step):
            matrix[rows[first : first + step]] += change[first : first + step]
    else:
        matrix.reshape(-1)[rows[:, None] * matrix.shape[1] + columns] += change


def _members(size: int, taken: Sequence[Indices]) -> NDArray[np.float32]:
    """``samples x size``: 1 where a sample takes a row or column."""
    members = np.zeros((len(taken), size), np.float32)
    for row, indices in zip(members, taken, strict=True):
        row[slice(None) if indices is None else indices] = 1
    return members
