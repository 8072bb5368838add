"""Streaming dictionary projection of the input data onto a subspace grown from the samples themselves.

Deep3 (DAC 2017), Section 6 and Figure 4: a sample whose relative distance to the span of the dictionary exceeds beta
becomes an atom of it. The basis is kept orthonormal (Gram-Schmidt with one re-orthogonalisation), because coefficients
of the raw, ill-conditioned dictionary would not survive 16 bits.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from deep3.errors import Deep3Error
from deep3.hdl.contract.fixed_point import MAX_VALUE, to_q3_12

__all__ = ["Projection", "ProjectionError", "basis_of_length", "fit_projection", "grow_basis"]

BLOCK_SAMPLES = 128
MIN_SCALE_SHARE = 0.35
"""A feature is divided by its deviation, at least by this share of the largest: whitening amplifies noise."""
LEAST_BETA = 1e-3
"""No data need a finer threshold: this is four steps of Q3.12."""
BISECTIONS = 16
HEADROOM = 1.25
"""New samples may exceed the training samples by this factor before they leave the number format."""


class ProjectionError(Deep3Error):
    """Data or parameters that cannot be projected."""


@dataclass(frozen=True)
class Projection:
    """A fitted map from raw samples to the Q3.12 inputs of a network.

    Parameters
    ----------
    mean
        ``features``: subtracted from every sample.
    basis
        ``features x atoms``, orthonormal columns; None keeps the features as they are.
    offset
        ``atoms``: mean of the training coefficients, subtracted from every coefficient.
    exponents
        ``atoms``, int64: a coefficient is multiplied by 2^-exponent.
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
        coefficients = _coefficients(x, self.mean, self.basis) - self.offset
        scaled: NDArray[np.float32] = np.ldexp(coefficients, -self.exponents.astype(np.int32))
        return scaled

    def quantise(self, x: NDArray[np.float32], what: str) -> NDArray[np.int16]:
        """`transform` as Q3.12 words.

        Raises
        ------
        RangeError
            When a value leaves the format; names ``what``, how many and the worst.
        """
        return to_q3_12(self.transform(x), what)


def fit_projection(x: NDArray[np.float32], beta: float | None, embedding: int | None = None) -> Projection:
    """Fit to training samples ``samples x features``.

    With neither ``beta`` nor ``embedding`` the features themselves are centred and scaled. With ``beta`` they are
    expressed in a basis that grows until every sample is within the relative distance ``beta`` of it; with
    ``embedding`` in one of exactly so many columns (`basis_of_length`). Scales are powers of two, so that scaling a
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
        basis = grow_basis(x - mean, beta)
    elif embedding is not None:
        basis = basis_of_length(x - mean, embedding)
    coefficients = _coefficients(x, mean, basis)
    offset = coefficients.mean(axis=0, dtype=np.float64).astype(np.float32)
    coefficients -= offset
    deviation = coefficients.std(axis=0, dtype=np.float64)
    if not (deviation > 0).any():
        raise ProjectionError("training samples must differ from each other, but are all equal")
    exponents = np.rint(np.log2(np.maximum(deviation, MIN_SCALE_SHARE * deviation.max())))
    # A rare, large value of an otherwise small feature must fit the format too.
    largest = np.maximum(np.abs(coefficients).max(axis=0), np.finfo(np.float32).tiny)
    exponents = np.maximum(exponents, np.ceil(np.log2(HEADROOM * largest.astype(np.float64) / MAX_VALUE)))
    return Projection(mean, basis, offset, exponents.astype(np.int64))


def basis_of_length(x: NDArray[np.float32], length: int) -> NDArray[np.float32]:
    """Orthonormal basis ``features x length`` of (centred) rows of ``x``.

    A smaller beta gives more atoms, so bisection finds the largest that gives ``length`` or more; of those the first
    ``length``, in the order in which the samples added them, are kept.

    Raises
    ------
    ProjectionError
        Where the samples span fewer dimensions to a relative error of `LEAST_BETA`, or ``length`` is none.
    """
    if not 1 <= length <= x.shape[1]:
        raise ProjectionError(f"embedding must be between 1 and the {x.shape[1]} features of a sample, not {length!r}")
    basis = grow_basis(x, LEAST_BETA, most=length)
    if basis.shape[1] < length:
        raise ProjectionError(
            f"embedding must be at most {basis.shape[1]}, not {length!r}: the samples span no more dimensions"
        )
    low, high = LEAST_BETA, 1.0
    # Without a total: it mostly ends before the last.
    for _ in tqdm(iter(range(BISECTIONS)), desc=f"projection to {length} columns", unit="threshold", delay=2):
        middle = float(np.sqrt(low * high))
        longer = grow_basis(x, middle, most=length + 1)
        if longer.shape[1] >= length:
            low, basis = middle, longer
        else:
            high = middle
        if longer.shape[1] == length:
            break
    return basis[:, :length].copy()


def grow_basis(
    x: NDArray[np.float32], beta: float, basis: NDArray[np.float32] | None = None, most: int | None = None
) -> NDArray[np.float32]:
    """Orthonormal basis ``features x atoms`` that holds each (centred) row of ``x`` to the relative error ``beta``.

    A given ``basis`` is extended: its columns come first and unchanged, so coefficients computed before stay valid
    when padded with zeros. It has at most ``most`` atoms, and the rows behind the one that added the last are not
    looked at. Costs 2 x features x atoms multiply-adds a sample, and as much again for each new atom.
    """
    features = x.shape[1]
    capacity = min(features, len(x) + (0 if basis is None else basis.shape[1]), features if most is None else most)
    columns = np.zeros((features, capacity), dtype=np.float32)
    atoms = 0
    if basis is not None:
        atoms = basis.shape[1]
        columns[:, :atoms] = basis
    energy = np.einsum("ij,ij->i", x, x, dtype=np.float64)
    starts = tqdm(
        range(0, len(x), BLOCK_SAMPLES), desc="projection", unit="block", delay=2, disable=most is not None
    )
    for start in starts:
        if atoms == capacity and most is not None:
            break
        block = x[start : start + BLOCK_SAMPLES]
        limit = beta**2 * energy[start : start + BLOCK_SAMPLES]
        residual = block - (block @ columns[:, :atoms]) @ columns[:, :atoms].T
        left = np.einsum("ij,ij->i", residual, residual, dtype=np.float64)
        for row in range(len(block)):
            if left[row] <= limit[row] or atoms == capacity:
                continue
            known = columns[:, :atoms]
            atom = residual[row] - known @ (known.T @ residual[row])
            length = float(np.sqrt(np.dot(atom, atom)))
            if length**2 <= limit[row]:
                continue
            columns[:, atoms] = atom / length
            # The rest of the block sees the new atom at once; one rank-one update does it.
            share = residual[row:] @ columns[:, atoms]
            residual[row:] -= np.outer(share, columns[:, atoms])
            left[row:] -= share.astype(np.float64) ** 2
            atoms += 1
    return columns[:, :atoms].copy()


def _coefficients(
    x: NDArray[np.float32], mean: NDArray[np.float32], basis: NDArray[np.float32] | None
) -> NDArray[np.float32]:
    coefficients: NDArray[np.float32] = x - mean
    if basis is not None:
        coefficients = coefficients @ basis
    return coefficients
