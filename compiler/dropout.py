"""Dropout without a scale: values that training keeps stay as they are, so evaluation needs smaller weights.

PyTorch and `compiler.network.reference` scale what they keep by 1 / (1 - p) instead. The engine's own weights are those
of training; in a network's, which are right where nothing is dropped, those that read dropped values are (1 - p) times
the engine's. Biases are the same in both. Descent is along the gradient of the engine's weights: those that read
dropped values move (1 - p)^2 as far as in PyTorch at the same rate.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from deep3.compiler.network.layers import MeanPool
from deep3.hdl.contract.instruction import DROPOUT_BITS
from deep3.hdl.contract.program import Function

from .steps import Step
from .tensors import DoesNotFit

__all__ = ["engine_weights", "kept", "network_weights"]

Floats = NDArray[np.floating[Any]]


def kept(steps: Sequence[Step]) -> tuple[float, ...]:
    """For each matrix of weights the share of the values it reads that training keeps.

    Raises
    ------
    DoesNotFit
        Where weights cannot make up for what evaluation does not drop.
    """
    found: list[float] = []
    share, dropping = 1.0, 0
    for step in steps:
        means = isinstance(step.operation, MeanPool) and step.function is not Function.IDENTITY
        if step.matrix is not None:
            found.append(share)
            share = 1.0
        elif means and share < 1:
            name = step.function.name.lower()
            raise DoesNotFit(f"layer {step.layer} does not fit: {name} of dropped values behind layer {dropping}")
        if step.dropout_threshold:
            share *= 1 - step.dropout_threshold / (1 << DROPOUT_BITS)
            dropping = step.layer
    if share < 1:
        raise DoesNotFit(f"dropout behind layer {dropping} does not fit: a layer with weights needed behind it")
    return tuple(found)


def engine_weights(steps: Sequence[Step], weights: Sequence[Floats], power: int = 1) -> list[Floats]:
    """Matrices of a network, biases in the last column, as the engine trains them; or what an optimiser keeps of them,
    with its ``state_power``."""
    return [_scaled(matrix, share**-power) for matrix, share in zip(weights, kept(steps), strict=True)]


def network_weights(steps: Sequence[Step], weights: Sequence[Floats], power: int = 1) -> list[Floats]:
    """The inverse of `engine_weights`."""
    return [_scaled(matrix, share**power) for matrix, share in zip(weights, kept(steps), strict=True)]


def _scaled(matrix: Floats, factor: float) -> Floats:
    return np.column_stack([matrix[:, :-1] * factor, matrix[:, -1:]])
