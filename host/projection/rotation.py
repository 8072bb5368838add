"""A dictionary turned to the principal axes of its own coefficients, and cut to a wanted length."""

import numpy as np
from numpy.typing import NDArray

from .dictionary import Dictionary
from .errors import ALL_EQUAL, ProjectionError

__all__ = ["LEAST_BETA", "Moments", "atoms_for", "axes_of_length", "dictionary_of_length", "evenly_spaced"]

LEAST_BETA = 1e-3
"""No data need a finer threshold: this is four steps of Q3.12."""
LEAST_MORE = 16
"""Atoms beyond the wanted length, and at least as many again as that (docs/projection.md)."""
LEAST_SAMPLES = 2048
"""From whose coefficients the axes are taken."""


class Moments:
    """First and second moments of coefficients that come in parts and may grow longer: those before count as zero.

    Attributes
    ----------
    samples
        So far.
    """

    def __init__(self) -> None:
        self.samples = 0
        self._sums = np.zeros(0)
        self._products = np.zeros((0, 0))

    def add(self, coefficients: NDArray[np.float32]) -> None:
        """Coefficients ``samples x length``."""
        more = coefficients.shape[1] - len(self._sums)
        self._sums = np.pad(self._sums, (0, more)) + coefficients.sum(axis=0, dtype=np.float64)
        self._products = np.pad(self._products, (0, more)) + coefficients.T @ coefficients
        self.samples += len(coefficients)

    def cut(self, length: int) -> None:
        """Those of the first ``length`` coefficients."""
        self._sums, self._products = self._sums[:length], self._products[:length, :length]

    def axes(self) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Variances along the principal axes, descending, and the axes: columns of ``length x length``."""
        mean = self._sums / self.samples
        covariance = self._products / self.samples - np.outer(mean, mean)
        values, vectors = np.linalg.eigh(covariance.astype(np.float32))
        return np.maximum(values[::-1], 0), np.ascontiguousarray(vectors[:, ::-1])


def axes_of_length(x: NDArray[np.float32], mean: NDArray[np.float32], length: int) -> NDArray[np.float32]:
    """Orthonormal basis ``features x length`` of rows of ``x`` less ``mean``, in the order of the energy that it holds.

    A dictionary of twice the length or more is turned to its principal axes, and those of the least energy are cut.

    Raises
    ------
    ProjectionError
        As `dictionary_of_length`.
    """
    dictionary, moments = dictionary_of_length(x, mean, length)
    _, axes = moments.axes()
    return dictionary.atoms.T @ axes[:, :length]


def dictionary_of_length(
    x: NDArray[np.float32], mean: NDArray[np.float32], length: int
) -> tuple[Dictionary, Moments]:
    """A dictionary of evenly spaced samples, to be cut to ``length`` axes, and the moments of evenly spaced samples.

    The work does not grow with the samples.

    Raises
    ------
    ProjectionError
        Where the samples span fewer dimensions to a relative error of `LEAST_BETA`, or ``length`` is none.
    """
    features = x.shape[1]
    if not 1 <= length <= features:
        raise ProjectionError(f"embedding must be between 1 and the {features} features of a sample, not {length!r}")
    most = atoms_for(length, features)
    dictionary, rows = Dictionary(mean, LEAST_BETA, most), evenly_spaced(len(x), most)
    dictionary.grow(x[rows])
    dictionary.chosen, dictionary.seen = rows[dictionary.chosen].tolist(), len(x)
    if dictionary.length < length:
        dictionary = Dictionary(mean, LEAST_BETA, most)
        dictionary.grow(x)
    if not dictionary.length:
        raise ProjectionError(ALL_EQUAL)
    if dictionary.length < length:
        raise ProjectionError(
            f"embedding must be at most {dictionary.length}, not {length!r}: the samples span no more dimensions"
        )
    moments = Moments()
    moments.add(dictionary.coefficients(x[evenly_spaced(len(x), max(LEAST_SAMPLES, 2 * most))]))
    return dictionary, moments


def atoms_for(length: int, features: int) -> int:
    """Atoms of a dictionary that is to be cut to ``length`` axes."""
    return min(length + max(length, LEAST_MORE), features)


def evenly_spaced(samples: int, rows: int) -> NDArray[np.int64]:
    """Numbers of at most ``rows`` of so many samples."""
    return np.linspace(0, samples - 1, min(rows, samples)).astype(np.int64)
