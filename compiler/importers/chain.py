"""The chain of layers while a model is lowered, and what comes of it."""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from deep3.compiler.network.layers import Convolution, Dense, Dropout, Flatten, Layer, MaxPool, MeanPool, Shape
from deep3.compiler.network.network import Network
from deep3.hdl.contract.program import Function

from .graph import Array, Operator, refuse

__all__ = ["Chain", "Imported", "Weighted", "place_of_function"]


@dataclass
class Weighted:
    """Where the weights of one layer lie in the model.

    Attributes
    ----------
    place
        Of the operator, for messages.
    weight, bias
        As the model has them, the weight outputs first; no bias where it has none.
    transposed
        The weight lies in the model with its axes exchanged.
    batch_norm
        The operator of batch normalisation that was folded in.
    folded
        Weight and bias as the layer takes them.
    """

    place: str
    weight: Array
    bias: Array | None
    transposed: bool
    folded: tuple[NDArray[np.float64], NDArray[np.float64]]
    batch_norm: Operator | None = None

    def matrix(self) -> NDArray[np.float64]:
        """As `compiler.network.layers` has the weights of a layer.

        Raises
        ------
        ModelError
            For weights that are no numbers, or none of Q3.12.
        """
        weight, bias = self.folded
        name = self.weight.name + (f" with {self.batch_norm.place} folded in" if self.batch_norm else "")
        for what, values in ((name, weight), (self.bias.name if self.bias else name, bias)):
            _check_range(self.place, what, values)
        return np.concatenate([weight.reshape(len(weight), -1), bias[:, None]], axis=1)


def _check_range(place: str, name: str, values: NDArray[np.float64]) -> None:
    wrong = ~np.isfinite(values)
    if wrong.any():
        where = tuple(int(index) for index in np.argwhere(wrong)[0])
        raise refuse(
            place,
            f"{name} must be finite, but {int(wrong.sum())} of {values.size} values are not, the first at {where}",
            "load weights that are numbers",
        )
    beyond = (values < -8) | (values >= 8)
    if beyond.any():
        worst = float(values.flat[np.abs(values).argmax()])
        raise refuse(
            place,
            f"{name} must lie in [-8, 8), but {int(beyond.sum())} of {values.size} values do not, {worst:g} the worst",
            "train it with weight decay",
        )


@dataclass(frozen=True)
class Imported:
    """A model of another tool as a network.

    Attributes
    ----------
    network
        Layers and loss.
    weights
        A matrix for each layer that has weights, of the shapes `Network.weight_shapes`.
    sources
        For each of them where it lies in the model, so that it can be written back.
    """

    network: Network
    weights: list[NDArray[np.float64]]
    sources: tuple[Weighted, ...]


@dataclass
class Chain:
    """Layers up to an operator.

    Attributes
    ----------
    input_shape
        Of a sample in front of the first layer.
    layers, operators
        The layers, and what each was made of.
    weighted
        For each layer that has weights, in order.
    ends
        The softmax behind which nothing more may come.
    """

    input_shape: Shape
    layers: list[Layer] = field(default_factory=list)
    operators: list[Operator] = field(default_factory=list)
    weighted: list[Weighted] = field(default_factory=list)
    ends: Operator | None = None

    @property
    def shape(self) -> Shape:
        """Of a sample behind the last layer."""
        shape = self.input_shape
        for layer in self.layers:
            shape = layer.output_shape(shape)
        return shape

    def append(self, operator: Operator, layer: Layer) -> None:
        """One layer more.

        Raises
        ------
        LayerError
            When it does not take what the one before it gives.
        """
        layer.output_shape(self.shape)
        self.layers.append(layer)
        self.operators.append(operator)

    def set_function(self, operator: Operator, function: Function) -> None:
        """Give an activation function to the last layer that can have one.

        Raises
        ------
        ModelError
            Where there is none, or it has one already.
        """
        number = place_of_function(self.layers, function)
        layer = None if number is None else self.layers[number]
        if number is None or not isinstance(layer, Dense | Convolution | MeanPool):
            behind = self.operators[-1].place if self.operators else "the input"
            raise refuse(
                operator.place,
                f"it stands behind {behind}, which takes no activation function",
                "put it behind a layer with weights or a mean pool",
            )
        if layer.function is Function.RELU and function is Function.RELU:
            return
        if layer.function is not Function.IDENTITY:
            raise refuse(
                operator.place,
                f"{self.operators[number].place} has the activation function {layer.function.name} already",
                "leave one of the two out",
            )
        self.layers[number] = _with_function(layer, function)


def place_of_function(layers: list[Layer], function: Function) -> int | None:
    """Number of the layer that computes the function in place of an operator behind the last; None where none can.

    A function that never falls gives behind a max pool what it gives before it; ReLU gives behind a dropout what it
    gives before it, as the factor is positive.
    """
    for number in reversed(range(len(layers))):
        layer = layers[number]
        passes = isinstance(layer, MaxPool | Flatten) or (isinstance(layer, Dropout) and function is Function.RELU)
        if not passes:
            return number if isinstance(layer, Dense | Convolution | MeanPool) else None
    return None


def _with_function(layer: Dense | Convolution | MeanPool, function: Function) -> Layer:
    if isinstance(layer, Dense):
        return Dense(layer.units, function)
    if isinstance(layer, Convolution):
        return Convolution(layer.maps, layer.kernel, layer.stride, layer.padding, function)
    return MeanPool(layer.kernel, layer.stride, layer.padding, layer.ceil, function)
