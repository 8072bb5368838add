"""Layers as values: what each makes of a sample's shape, and what it costs."""

from dataclasses import dataclass

from deep3.errors import Deep3Error
from deep3.hdl.contract.program import Function

__all__ = ["MAX_SIZE", "Dense", "Layer", "LayerError", "Shape"]

MAX_SIZE = 4093
"""Widest layer and largest batch: 11-bit tile counts at two lanes a tile, one lane left for the bias."""

Shape = tuple[int, ...]
"""Of one sample: ``(features,)``."""


class LayerError(Deep3Error, ValueError):
    """Layers that cannot be, or do not follow each other."""


@dataclass(frozen=True)
class Dense:
    """A fully connected layer with a bias: ``function(W x + b)``.

    Parameters
    ----------
    units
        Outputs, 1 to `MAX_SIZE`.
    function
        Activation function.

    Raises
    ------
    LayerError
        For a value of the wrong kind or out of range.
    """

    units: int
    function: Function = Function.IDENTITY

    def __post_init__(self) -> None:
        if type(self.units) is not int or not 1 <= self.units <= MAX_SIZE:
            raise LayerError(f"every size must be an integer between 1 and {MAX_SIZE}, not {self.units!r}")
        if not isinstance(self.function, Function):
            raise LayerError(f"every function must be a Function, not {self.function!r}")

    def output_shape(self, shape: Shape) -> Shape:
        """Shape of a sample behind the layer.

        Raises
        ------
        LayerError
            When ``shape`` is not that of a vector.
        """
        if len(shape) != 1:
            raise LayerError(f"a dense layer takes a vector, not samples of the shape {shape!r}")
        return (self.units,)

    def weight_shape(self, shape: Shape) -> tuple[int, int]:
        """Of the matrix of weights, ``units x (features + 1)``: the bias stands in the last column."""
        return self.units, shape[0] + 1

    def parameters(self, shape: Shape) -> int:
        """Weights and biases."""
        rows, columns = self.weight_shape(shape)
        return rows * columns

    def multiply_adds(self, shape: Shape) -> int:
        """Of one sample forward; biases are not counted. Backward and weight gradient take as many each."""
        return self.units * shape[0]


Layer = Dense
"""Any layer."""
