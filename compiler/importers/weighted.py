"""Linear operators and convolutions as layers with their weights."""

import numpy as np

from deep3.compiler.network.layers import Convolution, Dense

from .chain import Chain, Weighted
from .graph import Operator, refuse

__all__ = ["add_constant", "lower_convolution", "lower_linear", "symmetric_padding"]


def lower_linear(chain: Chain, operator: Operator) -> None:
    """A `Dense` layer."""
    if "weight" not in operator.arrays:
        raise refuse(operator.place, "its second factor is no matrix of weights", "use Linear")
    weight = operator.arrays["weight"]
    if len(chain.shape) != 1:
        raise refuse(
            operator.place, f"it takes a vector, not samples of the shape {chain.shape!r}", "put a Flatten before it"
        )
    chain.append(operator, Dense(len(weight.values)))
    chain.weighted.append(_weighted(chain, operator))


def lower_convolution(chain: Chain, operator: Operator) -> None:
    """A `Convolution`."""
    weight, attributes = operator.arrays["weight"].values, operator.attributes
    if weight.ndim != 4:
        raise refuse(
            operator.place, f"it is over {weight.ndim - 2} dimensions", "use Conv2d; with a kernel (1, k) for sequences"
        )
    if attributes["groups"] != 1:
        raise refuse(operator.place, f"it has {attributes['groups']} groups of channels", "use groups=1")
    if attributes["dilation"] != (1, 1):
        raise refuse(operator.place, f"it has a dilation of {attributes['dilation']!r}", "use dilation=1")
    maps, _, height, width = weight.shape
    stride = attributes["stride"]
    assert isinstance(stride, tuple)
    chain.append(operator, Convolution(maps, (height, width), stride, symmetric_padding(operator)))
    chain.weighted.append(_weighted(chain, operator))


def add_constant(chain: Chain, operator: Operator) -> None:
    """A bias that stands behind a product instead of in it."""
    value = operator.arrays["bias"]
    last = chain.weighted[-1] if chain.weighted and isinstance(chain.layers[-1], Dense | Convolution) else None
    units = 0 if last is None else len(last.weight.values)
    shape = (units, 1, 1) if chain.layers and isinstance(chain.layers[-1], Convolution) else (units,)
    values = value.values
    while values.ndim > len(chain.shape) and len(values) == 1:
        values = values[0]
    if last is None or last.bias is not None or last.batch_norm is not None or values.shape != shape:
        raise refuse(
            operator.place,
            f"it adds a constant ({value.name}) that is no bias of the layer before it",
            "leave it out, or apply it to the data",
        )
    last.bias = value
    last.folded = last.folded[0], values.reshape(units)


def symmetric_padding(operator: Operator) -> tuple[int, int]:
    """Down and across.

    Raises
    ------
    ModelError
        For another padding below than above, or right than left.
    """
    padding = operator.attributes["padding"]
    assert isinstance(padding, tuple)
    top, left, bottom, right = padding
    if (top, left) != (bottom, right):
        raise refuse(
            operator.place,
            f"its padding is not the same on both sides (top, left, bottom, right: {padding!r})",
            "use an odd kernel, or the same padding on both sides",
        )
    return top, left


def _weighted(chain: Chain, operator: Operator) -> Weighted:
    weight, bias = operator.arrays["weight"], operator.arrays.get("bias")
    for other in chain.weighted:
        if other.weight.name == weight.name:
            raise refuse(
                operator.place, f"{weight.name} is also that of {other.place}", "give every layer weights of its own"
            )
    values = np.zeros(len(weight.values)) if bias is None else bias.values
    return Weighted(operator.place, weight, bias, operator.transposed, (weight.values, values))

