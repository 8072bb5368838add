"""From raw samples to the Q3.12 inputs of a network: centred, projected, scaled by powers of two."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from deep3.hdl.contract.fixed_point import MAX_VALUE, to_q3_12

from .dictionary import Dictionary, project
from .errors import ALL_EQUAL, ProjectionError
from .rotation import axes_of_length

__all__ = ["HEADROOM", "Projection", "fit_projection", "scale_exponents"]

MIN_SCALE_SHARE = 0.35
"""A feature is divided by its deviation, at least by this share of the largest: whitening amplifies noise."""
HEADROOM = 1.25
"""New samples may exceed the training samples by this factor before they leave the number format."""


@dataclass(frozen=True)
class Projection:
    """A fitted map from raw samples to the Q3.12 inputs of a network.

    Parameters
    ----------
    mean
        ``features``: subtracted from every sample.
    basis
        ``features x outputs``, orthonormal columns; None keeps the features as they are.
    offset
        ``outputs``: mean of the training coefficients, subtracted from every coefficient.
    exponents
        ``outputs``, int64: a coefficient is multiplied by 2^-exponent.
    """

    mean: NDArray[np.float32]
    basis: NDArray[np.float32] | None
    offset: NDArray[np.float32]
    exponents: NDArray[np.int64]

    @property
    def features(self) -> int:
        """Values of a raw sample."""
        return len(self.mean)

    @property
    def outputs(self) -> int:
        """Values of a projected sample."""
        return len(self.offset)

    def transform(self, x: NDArray[np.float32]) -> NDArray[np.float32]:
        """``samples x features`` to ``samples x outputs``, scaled but not yet quantised."""
        if x.ndim != 2 or x.shape[1] != self.features:
            raise ProjectionError(f"samples must have {self.features} features, not the shape {x.shape}")
        coefficients = _coefficients(x, self.mean, self.basis)
        coefficients -= self.offset
        return self.scaled(coefficients)

    def scaled(self, coefficients: NDArray[np.float32]) -> NDArray[np.float32]:
        """Coefficients ``samples x outputs`` less the offset, times their powers of two."""
        # Single precision has not every power of two that tiny or huge samples need.
        powers = np.ldexp(1.0, -self.exponents.astype(np.int32))
        found = np.empty_like(coefficients)
        return np.multiply(coefficients, powers, out=found, casting="same_kind")

    def quantise(self, x: NDArray[np.float32], what: str) -> NDArray[np.int16]:
        """`transform` as Q3.12 words.

        Raises
        ------
        RangeError
            When a value leaves the format; names ``what``, how many and the worst.
        """
        return to_q3_12(self.transform(x), what)


def fit_projection(
    x: NDArray[np.float32], beta: float | None, embedding: int | None = None
) -> tuple[Projection, NDArray[np.float32]]:
    """Fit to training samples ``samples x features``; the projection, and what it makes of them.

    With neither ``beta`` nor ``embedding`` the features themselves are centred and scaled. With ``beta`` they are
    expressed in a basis that grows until every sample is within the relative distance ``beta`` of it (`Dictionary`);
    with ``embedding`` in one of exactly so many columns (`axes_of_length`). Scales are powers of two, so that scaling a
    coefficient loses nothing.

    Raises
    ------
    ProjectionError
        For a beta outside (0, 1), both a beta and an embedding, an embedding that the samples cannot give, or samples
        that are all equal.
    """
    if beta is not None and embedding is not None:
        raise ProjectionError(f"give a threshold beta or a length of the embedding, not both ({beta!r}, {embedding!r})")
    if beta is not None and not 0 < beta < 1:
        raise ProjectionError(f"projection threshold beta must be between 0 and 1, not {beta!r}")
    mean = x.mean(axis=0, dtype=np.float64).astype(np.float32)
    basis = None
    if beta is not None:
        dictionary = Dictionary(mean, beta)
        coefficients = dictionary.grow(x)
        basis = np.ascontiguousarray(dictionary.atoms.T)
    elif embedding is not None:
        basis = axes_of_length(x, mean, embedding)
        coefficients = _coefficients(x, mean, basis)
    else:
        coefficients = x - mean
    offset = coefficients.mean(axis=0, dtype=np.float64).astype(np.float32)
    coefficients -= offset
    projection = Projection(mean, basis, offset, scale_exponents(coefficients))
    return projection, projection.scaled(coefficients)


def scale_exponents(coefficients: NDArray[np.float32]) -> NDArray[np.int64]:
    """Of two, ``outputs``: what centred ``samples x outputs`` are divided by to fill Q3.12.

    Raises
    ------
    ProjectionError
        For samples that are all equal.
    """
    deviation = np.sqrt(np.einsum("ij,ij->j", coefficients, coefficients, dtype=np.float64) / len(coefficients))
    if not (deviation > 0).any():
        raise ProjectionError(ALL_EQUAL)
    exponents = np.rint(np.log2(np.maximum(deviation, MIN_SCALE_SHARE * deviation.max())))
    # A rare, large value of an otherwise small feature must fit the format too.
    largest = np.maximum(coefficients.max(axis=0), -coefficients.min(axis=0)).astype(np.float64)
    largest = np.maximum(largest, np.finfo(np.float32).tiny)
    found: NDArray[np.int64] = np.maximum(exponents, np.ceil(np.log2(HEADROOM * largest / MAX_VALUE))).astype(np.int64)
    return found


def _coefficients(
    x: NDArray[np.float32], mean: NDArray[np.float32], basis: NDArray[np.float32] | None
) -> NDArray[np.float32]:
    return x - mean if basis is None else project(x, mean, basis.T)
