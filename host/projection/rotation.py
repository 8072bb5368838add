"""A dictionary turned to the principal axes of its own coefficients, and cut to a wanted length."""

import numpy as np
from numpy.typing import NDArray

from .dictionary import Dictionary
from .errors import ALL_EQUAL, ProjectionError

__all__ = ["axes_of_length", "principal_axes"]

LEAST_BETA = 1e-3
"""No data need a finer threshold: this is four steps of Q3.12."""
LEAST_MORE = 16
"""Atoms beyond the wanted length, and at least as many again as that (docs/projection.md)."""
LEAST_SAMPLES = 2048
"""From whose coefficients the axes are taken."""


def principal_axes(moment: NDArray[np.floating]) -> tuple[NDArray[np.floating], NDArray[np.float32]]:
    """Eigenvalues, descending, and eigenvectors ``length x length`` in columns of a matrix ``length x length`` of
    second moments."""
    values, vectors = np.linalg.eigh(moment)
    return np.maximum(values[::-1], 0), vectors[:, ::-1].astype(np.float32)


def axes_of_length(x: NDArray[np.float32], mean: NDArray[np.float32], length: int) -> NDArray[np.float32]:
    """Orthonormal basis ``features x length`` of rows of ``x`` less ``mean``, in the order of the energy that it holds.

    Evenly spaced samples make a dictionary of twice the length or more. It is turned to the principal axes of the
    coefficients of evenly spaced samples, and those of the least energy are cut; the work does not grow with the
    samples.

    Raises
    ------
    ProjectionError
        Where the samples span fewer dimensions to a relative error of `LEAST_BETA`, or ``length`` is none.
    """
    features = x.shape[1]
    if not 1 <= length <= features:
        raise ProjectionError(f"embedding must be between 1 and the {features} features of a sample, not {length!r}")
    most = min(length + max(length, LEAST_MORE), features)
    dictionary = Dictionary(mean, LEAST_BETA, most)
    dictionary.grow(_spaced(x, most))
    if dictionary.length < length:
        dictionary.grow(x)
    if not dictionary.length:
        raise ProjectionError(ALL_EQUAL)
    if dictionary.length < length:
        raise ProjectionError(
            f"embedding must be at most {dictionary.length}, not {length!r}: the samples span no more dimensions"
        )
    coefficients = dictionary.coefficients(_spaced(x, max(LEAST_SAMPLES, 2 * most)))
    coefficients -= coefficients.mean(axis=0)
    _, axes = principal_axes(coefficients.T @ coefficients)
    return dictionary.atoms.T @ axes[:, :length]


def _spaced(x: NDArray[np.float32], rows: int) -> NDArray[np.float32]:
    return x[np.linspace(0, len(x) - 1, min(rows, len(x))).astype(np.int64)]
