"""Weights on their way to and from an engine: Q3.12 words, biases apart."""

import numpy as np
from numpy.typing import NDArray

from host.fixed_point import from_q3_12, saturate_q3_12
from host.network import Weights

__all__ = ["Parameters", "difference", "quantise"]

Parameters = list[tuple[NDArray[np.int16], NDArray[np.int16]]]
"""Weights ``outputs x inputs`` and biases of every layer, Q3.12 words."""


def quantise(weights: Weights) -> tuple[Parameters, int]:
    """``weights`` rounded to Q3.12, saturating, and how many values saturated."""
    parameters: Parameters = []
    clipped = 0
    for matrix in weights:
        words, outside = saturate_q3_12(matrix)
        parameters.append((np.ascontiguousarray(words[:, :-1]), np.ascontiguousarray(words[:, -1])))
        clipped += outside
    return parameters, clipped


def difference(after: Parameters, before: Parameters) -> Weights:
    """What training changed, exact."""
    return [_values(new) - _values(old) for new, old in zip(after, before, strict=True)]


def _values(layer: tuple[NDArray[np.int16], NDArray[np.int16]]) -> NDArray[np.float64]:
    weights, biases = layer
    return from_q3_12(np.column_stack([weights, biases]))
