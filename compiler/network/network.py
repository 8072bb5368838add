"""A network as a value: the shape of a sample, layers, loss."""

import math
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

from deep3.hdl.contract.program import Function, Loss

from .layers import MAX_SIZE, Convolution, Dense, Layer, LayerError, MeanPool, Pair, Shape

__all__ = ["Network", "training_multiply_adds"]


@dataclass(frozen=True)
class Network:
    """A feed-forward network.

    Parameters
    ----------
    input_shape
        Of one sample: ``(features,)`` or ``(channels, height, width)``.
    layers
        From the first to the last. The last gives a vector, and the last activation function is IDENTITY: the loss
        brings its own.
    loss
        SOFTMAX (cross entropy after softmax) or MSE (half the squared distance to the one-hot label).

    Raises
    ------
    LayerError
        For a value of the wrong kind or out of range, or a layer that cannot take what the one before it gives.
    """

    input_shape: Shape
    layers: tuple[Layer, ...]
    loss: Loss = Loss.SOFTMAX

    def __post_init__(self) -> None:
        if not isinstance(self.input_shape, tuple) or not self.input_shape:
            raise LayerError(f"input_shape must be a tuple of sizes, not {self.input_shape!r}")
        for size in self.input_shape:
            if type(size) is not int or not 1 <= size <= MAX_SIZE:
                raise LayerError(f"every size must be an integer between 1 and {MAX_SIZE}, not {size!r}")
        if not isinstance(self.layers, tuple) or not self.layers:
            raise LayerError(f"layers must be a tuple of one or more layers, not {self.layers!r}")
        if len(self.shapes[-1]) != 1:
            raise LayerError(f"the last layer must give a vector, not maps of shape {self.shapes[-1]!r}; add Flatten")
        if self.classes < 2:
            raise LayerError(f"the last of sizes (classes) must be 2 or more, not {self.classes!r}")
        if not self.trained:
            raise LayerError("layers must have one with weights among them, Dense or Convolution")
        last = [layer.function for layer in self.layers if isinstance(layer, Dense | Convolution | MeanPool)][-1]
        if last is not Function.IDENTITY:
            raise LayerError(f"the last of functions must be IDENTITY, not {last.name}")
        if self.loss not in (Loss.SOFTMAX, Loss.MSE):
            raise LayerError(f"loss must be SOFTMAX or MSE, not {self.loss!r}")

    @classmethod
    def dense(cls, sizes: tuple[int, ...], functions: tuple[Function, ...], loss: Loss = Loss.SOFTMAX) -> "Network":
        """Fully connected layers.

        Parameters
        ----------
        sizes
            Features of the input, of every hidden layer and of the output, in this order.
        functions
            Activation function of each layer, one fewer than ``sizes``; the last is IDENTITY.

        Raises
        ------
        LayerError
            As the class, and when the two do not go together.
        """
        if not isinstance(sizes, tuple) or len(sizes) < 2:
            raise LayerError(f"sizes must be a tuple of two or more layer sizes, not {sizes!r}")
        if not isinstance(functions, tuple) or len(functions) != len(sizes) - 1:
            raise LayerError(f"functions must be a tuple of {len(sizes) - 1}, one a layer, not {functions!r}")
        layers = tuple(Dense(units, function) for units, function in zip(sizes[1:], functions, strict=True))
        return cls(sizes[:1], layers, loss)

    @classmethod
    def uniform(
        cls, sizes: tuple[int, ...], hidden: Function = Function.TANH, loss: Loss = Loss.SOFTMAX
    ) -> "Network":
        """Fully connected layers; all hidden ones have the activation function ``hidden``."""
        return cls.dense(sizes, (hidden,) * (len(sizes) - 2) + (Function.IDENTITY,), loss)

    @cached_property
    def shapes(self) -> tuple[Shape, ...]:
        """Of a sample before the first layer and behind each."""
        shapes = [self.input_shape]
        for layer in self.layers:
            shapes.append(layer.output_shape(shapes[-1]))
        return tuple(shapes)

    @property
    def trained(self) -> tuple[int, ...]:
        """Numbers of the layers that have weights."""
        return tuple(number for number, layer in enumerate(self.layers) if isinstance(layer, Dense | Convolution))

    @cached_property
    def weight_shapes(self) -> tuple[Pair, ...]:
        """Of the matrices of weights, one for each of `trained`."""
        pairs = zip(self.layers, self.shapes, strict=False)
        return tuple(layer.weight_shape(shape) for layer, shape in pairs if isinstance(layer, Dense | Convolution))

    @property
    def is_dense(self) -> bool:
        """Whether samples are vectors and all layers fully connected."""
        return len(self.input_shape) == 1 and all(isinstance(layer, Dense) for layer in self.layers)

    @property
    def sizes(self) -> tuple[int, ...]:
        """Features of the input, of every hidden layer and of the output, where all layers are fully connected.

        Raises
        ------
        LayerError
            For a network with other layers.
        """
        return (*self.input_shape, *(layer.units for layer in self._dense_layers("sizes")))

    @property
    def widths(self) -> tuple[int, ...]:
        """Values of a sample in front of the first layer, and behind each that has weights: `sizes` of any network."""
        behind = tuple(math.prod(self.shapes[number + 1]) for number in self.trained)
        return (self.inputs, *behind)

    @property
    def functions(self) -> tuple[Function, ...]:
        """Activation function of each layer, where all are fully connected.

        Raises
        ------
        LayerError
            For a network with other layers.
        """
        return tuple(layer.function for layer in self._dense_layers("functions"))

    def _dense_layers(self, what: str) -> tuple[Dense, ...]:
        layers = tuple(layer for layer in self.layers if isinstance(layer, Dense))
        if not self.is_dense:
            kinds = ", ".join(dict.fromkeys(type(layer).__name__ for layer in self.layers))
            raise LayerError(
                f"{what} are those of fully connected layers alone, not of {kinds} on samples of {self.input_shape!r}"
            )
        return layers

    @property
    def inputs(self) -> int:
        """Values of a sample."""
        return math.prod(self.input_shape)

    @property
    def channels(self) -> int:
        """Of a sample; 1 where it is a vector."""
        return self.input_shape[0] if len(self.input_shape) == 3 else 1

    @property
    def classes(self) -> int:
        """Outputs."""
        return self.shapes[-1][0]

    @property
    def parameters(self) -> int:
        """Weights and biases."""
        return sum(layer.parameters(shape) for layer, shape in zip(self.layers, self.shapes, strict=False))

    @property
    def multiply_adds(self) -> int:
        """Of one sample forward."""
        return sum(self._forward)

    @property
    def training_multiply_adds(self) -> int:
        """Of one sample: forward and weight gradient of every layer, backward of all but the first with weights."""
        return 3 * sum(self._forward) - self._forward[self.trained[0]]

    @property
    def _forward(self) -> list[int]:
        """Multiply-adds of each layer."""
        return [layer.multiply_adds(shape) for layer, shape in zip(self.layers, self.shapes, strict=False)]


def training_multiply_adds(sizes: tuple[int, ...]) -> int:
    """`Network.training_multiply_adds` of fully connected layers of these sizes, of any size."""
    forward = [inputs * outputs for inputs, outputs in pairwise(sizes)]
    return 3 * sum(forward) - forward[0]
