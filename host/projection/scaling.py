"""Samples for a model of the user's own: as they are where Q3.12 has them, else scaled channel by channel."""

import numpy as np
from numpy.typing import NDArray

from deep3.hdl.contract.fixed_point import MAX_VALUE

from .errors import ALL_EQUAL, ProjectionError
from .projection import HEADROOM, Projection

__all__ = ["fit_scaling", "is_plain"]


def fit_scaling(x: NDArray[np.float32], channels: int) -> Projection:
    """Fit to training samples ``samples x features``, the features of a channel side by side.

    Samples within Q3.12 pass as they are, so that a model finds what it was made for. Others are centred and scaled by
    a power of two, one of both for all features of a channel: a kernel sees all places of a map alike.

    Raises
    ------
    ProjectionError
        For samples that are all equal.
    """
    features = x.shape[1]
    offset = np.zeros(features, np.float32)
    if x.min() >= -8 and x.max() <= MAX_VALUE:
        return Projection(offset, None, offset.copy(), np.zeros(features, np.int64))
    maps = x.reshape(len(x), channels, -1).astype(np.float64)
    mean = maps.mean(axis=(0, 2))
    centred = maps - mean[:, None]
    deviation = centred.std(axis=(0, 2))
    if not (deviation > 0).any():
        raise ProjectionError(ALL_EQUAL)
    exponents = np.rint(np.log2(np.maximum(deviation, deviation.max() / 16)))
    largest = np.maximum(np.abs(centred).max(axis=(0, 2)), np.finfo(np.float32).tiny)
    exponents = np.maximum(exponents, np.ceil(np.log2(HEADROOM * largest / MAX_VALUE))).astype(np.int64)
    each = features // channels
    return Projection(np.repeat(mean, each).astype(np.float32), None, offset, np.repeat(exponents, each))


def is_plain(projection: Projection) -> bool:
    """Whether it leaves samples as they are."""
    plain = projection.basis is None and not projection.exponents.any()
    return plain and not projection.mean.any() and not projection.offset.any()
