"""Batch normalisation folded into the layer before it."""

import numpy as np

from deep3.compiler.network.layers import Convolution, Dense
from deep3.hdl.contract.program import Function

from .chain import Chain
from .graph import Operator, refuse

__all__ = ["fold_batch_norm"]


def fold_batch_norm(chain: Chain, operator: Operator) -> None:
    """With its running statistics it is a factor and a summand for each output of the layer before it.

    Raises
    ------
    ModelError
        Where no layer with weights stands directly before it, or it has no running statistics.
    """
    last = chain.layers[-1] if chain.layers else None
    if not isinstance(last, Dense | Convolution) or last.function is not Function.IDENTITY:
        raise refuse(
            operator.place,
            "batch normalisation stands behind no layer with weights that it could be folded into",
            "put it directly behind a convolution or a Linear",
        )
    if "mean" not in operator.arrays:
        raise refuse(operator.place, "it keeps no running statistics", "use track_running_stats=True")
    weighted = chain.weighted[-1]
    if weighted.batch_norm is not None:
        raise refuse(operator.place, f"{weighted.batch_norm.place} is folded into that layer", "leave one of them out")
    mean, variance = operator.arrays["mean"].values, operator.arrays["variance"].values
    epsilon = operator.attributes["epsilon"]
    assert isinstance(epsilon, float)
    with np.errstate(all="ignore"):
        factor = 1 / np.sqrt(variance + epsilon)
        if "scale" in operator.arrays:
            factor = factor * operator.arrays["scale"].values
        weight, bias = weighted.folded
        bias = (bias - mean) * factor
        weight = weight * factor.reshape(-1, *(1,) * (weight.ndim - 1))
    if "shift" in operator.arrays:
        bias = bias + operator.arrays["shift"].values
    weighted.folded = weight, bias
    weighted.batch_norm = operator
