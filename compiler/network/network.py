"""A network as a value: the shape of a sample, layers, loss."""

from dataclasses import dataclass
from itertools import pairwise

from deep3.hdl.contract.program import Function, Loss

from .layers import MAX_SIZE, Dense, Layer, LayerError, Shape

__all__ = ["Network", "training_multiply_adds"]


@dataclass(frozen=True)
class Network:
    """A feed-forward network.

    Parameters
    ----------
    input_shape
        Of one sample.
    layers
        From the first to the last, whose activation function is IDENTITY: the loss brings its own.
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
        if self.classes < 2:
            raise LayerError(f"the last of sizes (classes) must be 2 or more, not {self.classes!r}")
        if self.layers[-1].function is not Function.IDENTITY:
            raise LayerError(f"the last of functions must be IDENTITY, not {self.layers[-1].function.name}")
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

    @property
    def shapes(self) -> tuple[Shape, ...]:
        """Of a sample before the first layer and behind each."""
        shapes = [self.input_shape]
        for layer in self.layers:
            shapes.append(layer.output_shape(shapes[-1]))
        return tuple(shapes)

    @property
    def sizes(self) -> tuple[int, ...]:
        """Features of the input, of every hidden layer and of the output."""
        return tuple(shape[0] for shape in self.shapes)

    @property
    def functions(self) -> tuple[Function, ...]:
        """Activation function of each layer."""
        return tuple(layer.function for layer in self.layers)

    @property
    def inputs(self) -> int:
        """Features of a sample."""
        return self.input_shape[0]

    @property
    def classes(self) -> int:
        """Outputs."""
        return self.sizes[-1]

    @property
    def parameters(self) -> int:
        """Weights and biases."""
        return sum(layer.parameters(shape) for layer, shape in zip(self.layers, self.shapes, strict=False))

    @property
    def training_multiply_adds(self) -> int:
        """Of one sample: forward and weight gradient of every layer, backward of all but the first."""
        forward = [layer.multiply_adds(shape) for layer, shape in zip(self.layers, self.shapes, strict=False)]
        return 3 * sum(forward) - forward[0]


def training_multiply_adds(sizes: tuple[int, ...]) -> int:
    """`Network.training_multiply_adds` of fully connected layers of these sizes, of any size."""
    forward = [inputs * outputs for inputs, outputs in pairwise(sizes)]
    return 3 * sum(forward) - forward[0]
