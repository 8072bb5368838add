"""Layers as values: what each makes of a sample's shape, its weights, and what it costs."""

from dataclasses import dataclass

from deep3.errors import Deep3Error
from deep3.hdl.contract.program import Function

__all__ = [
    "MAX_SIZE", "MAX_UNITS", "Convolution", "Dense", "Dropout", "Flatten", "Layer", "LayerError", "MaxPool", "MeanPool",
    "Pair", "Shape", "TrainedLayer",
]  # fmt: skip

MAX_SIZE = 4093
"""Widest vector of a sample and largest batch: 11-bit tile counts at two lanes a tile, one lane left for the bias."""

MAX_UNITS = 4096
"""Neurons or maps of a layer, more than two lanes a tile count to: arrays of that size say that it does not fit."""

Shape = tuple[int, ...]
"""Of one sample: ``(features,)`` or ``(channels, height, width)``."""

Pair = tuple[int, int]
"""Down and across."""


class LayerError(Deep3Error, ValueError):
    """Layers that cannot be, or do not follow each other."""


@dataclass(frozen=True)
class Dense:
    """A fully connected layer with a bias: ``function(W x + b)``.

    Parameters
    ----------
    units
        Outputs, 1 to `MAX_UNITS`.
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
        _check_size(self.units)
        _check_function(self.function)

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

    def weight_shape(self, shape: Shape) -> Pair:
        """Of the matrix of weights, ``units x (features + 1)``: the bias stands in the last column."""
        return self.units, shape[0] + 1

    def parameters(self, shape: Shape) -> int:
        """Weights and biases."""
        rows, columns = self.weight_shape(shape)
        return rows * columns

    def multiply_adds(self, shape: Shape) -> int:
        """Of one sample forward; biases are not counted. Backward and weight gradient take as many each."""
        return self.units * shape[0]


@dataclass(frozen=True)
class Convolution:
    """A convolution over height and width with a bias: ``function(W * x + b)``, as `torch.nn.Conv2d` computes it.

    A cross-correlation: the kernel is not mirrored. Around the maps stand zeros.

    Parameters
    ----------
    maps
        Channels of the output, 1 to `MAX_UNITS`.
    kernel, stride
        Down and across, 1 to `MAX_SIZE` each.
    padding
        Rows of zeros above and below, columns of zeros left and right; 0 to `MAX_SIZE`.
    function
        Activation function.

    Raises
    ------
    LayerError
        For a value of the wrong kind or out of range.
    """

    maps: int
    kernel: Pair
    stride: Pair = (1, 1)
    padding: Pair = (0, 0)
    function: Function = Function.IDENTITY

    def __post_init__(self) -> None:
        _check_size(self.maps)
        _check_window(self.kernel, self.stride, self.padding)
        _check_function(self.function)

    def output_shape(self, shape: Shape) -> Shape:
        """Shape of a sample behind the layer.

        Raises
        ------
        LayerError
            When ``shape`` is not that of maps, or the kernel is larger than they are with their zeros.
        """
        sizes = _map_sizes("convolution", shape)
        windows = zip(sizes, self.kernel, self.stride, self.padding, strict=True)
        found = tuple((size + 2 * padding - kernel) // stride + 1 for size, kernel, stride, padding in windows)
        if min(found) < 1:
            raise LayerError(
                f"a kernel of {self.kernel!r} must fit into the maps with a padding of {self.padding!r}, "
                f"not reach beyond samples of the shape {shape!r}"
            )
        return (self.maps, *found)

    def weight_shape(self, shape: Shape) -> Pair:
        """Of the matrix of weights, ``maps x (channels * kernel height * kernel width + 1)``.

        A row is the kernel of one map in the order of PyTorch, (channel, row, column); the bias stands in the last
        column.
        """
        return self.maps, shape[0] * self.kernel[0] * self.kernel[1] + 1

    def parameters(self, shape: Shape) -> int:
        """Weights and biases."""
        rows, columns = self.weight_shape(shape)
        return rows * columns

    def multiply_adds(self, shape: Shape) -> int:
        """Of one sample forward, those with zeros of the padding among them; biases are not counted.

        Backward and weight gradient take as many each.
        """
        maps, height, width = self.output_shape(shape)
        return maps * height * width * (self.weight_shape(shape)[1] - 1)


@dataclass(frozen=True)
class _Pool:
    """Windows over each map by itself, as PyTorch lays them.

    Parameters
    ----------
    kernel, stride
        Of the windows, down and across; they may overlap, or leave gaps.
    padding
        Rows and columns around the maps, at most half the kernel: no window lies in the padding alone.
    ceil
        A last window that the maps fill only in part is there too, if it begins on them or in the padding before.

    Raises
    ------
    LayerError
        For a value of the wrong kind or out of range.
    """

    kernel: Pair
    stride: Pair
    padding: Pair = (0, 0)
    ceil: bool = False

    def __post_init__(self) -> None:
        _check_window(self.kernel, self.stride, self.padding)
        if any(2 * padding > kernel for padding, kernel in zip(self.padding, self.kernel, strict=True)):
            raise LayerError(f"padding of a pool must be at most half of kernel {self.kernel!r}, not {self.padding!r}")
        if type(self.ceil) is not bool:
            raise LayerError(f"ceil must be true or false, not {self.ceil!r}")

    def output_shape(self, shape: Shape) -> Shape:
        """Shape of a sample behind the layer.

        Raises
        ------
        LayerError
            When ``shape`` is not that of maps, or no window fits.
        """
        sizes = _map_sizes("pool", shape)
        found = []
        for size, kernel, stride, padding in zip(sizes, self.kernel, self.stride, self.padding, strict=True):
            windows = (size + 2 * padding - kernel + (stride - 1 if self.ceil else 0)) // stride + 1
            found.append(windows - (self.ceil and (windows - 1) * stride >= size + padding))
        if min(found) < 1:
            raise LayerError(
                f"a window of {self.kernel!r} must fit into the maps with a padding of {self.padding!r}, "
                f"not reach beyond samples of the shape {shape!r}"
            )
        return (shape[0], *found)

    def parameters(self, shape: Shape) -> int:
        """None."""
        return 0

    def multiply_adds(self, shape: Shape) -> int:
        """None are counted: comparisons and sums are not."""
        return 0


@dataclass(frozen=True)
class MaxPool(_Pool):
    """The largest value of each window, as `torch.nn.MaxPool2d`; of equal ones the first, row by row.

    Parameters and errors as of all pools: ``kernel``, ``stride``, ``padding`` (of values below every other), ``ceil``.
    """


@dataclass(frozen=True)
class MeanPool(_Pool):
    """The mean of each window, as `torch.nn.AvgPool2d`, and an activation function of it.

    A window is divided by its size without what lies beyond the padding, which happens with ``ceil`` only; zeros of
    the padding itself count. That is the rule of PyTorch (count_include_pad) and of Caffe.

    Parameters and errors as of all pools: ``kernel``, ``stride``, ``padding`` (of zeros), ``ceil``; and ``function``.
    """

    function: Function = Function.IDENTITY

    def __post_init__(self) -> None:
        super().__post_init__()
        _check_function(self.function)


@dataclass(frozen=True)
class Flatten:
    """``(channels, height, width)`` as a vector, in that order."""

    def output_shape(self, shape: Shape) -> Shape:
        """Shape of a sample behind the layer.

        Raises
        ------
        LayerError
            When ``shape`` is not that of maps.
        """
        height, width = _map_sizes("flatten", shape)
        return (shape[0] * height * width,)

    def parameters(self, shape: Shape) -> int:
        """None."""
        return 0

    def multiply_adds(self, shape: Shape) -> int:
        """None."""
        return 0


@dataclass(frozen=True)
class Dropout:
    """In training each value is set to 0 with a probability, and otherwise divided by that of being kept.

    In evaluation it does nothing.

    Parameters
    ----------
    probability
        At least 0 and below 1.

    Raises
    ------
    LayerError
        For a value of the wrong kind or out of range.
    """

    probability: float

    def __post_init__(self) -> None:
        if type(self.probability) not in (int, float) or not 0 <= self.probability < 1:
            raise LayerError(f"probability of a dropout must be at least 0 and below 1, not {self.probability!r}")

    def output_shape(self, shape: Shape) -> Shape:
        """That before the layer."""
        return shape

    def parameters(self, shape: Shape) -> int:
        """None."""
        return 0

    def multiply_adds(self, shape: Shape) -> int:
        """None are counted."""
        return 0


TrainedLayer = Dense | Convolution
"""A layer with weights."""

Layer = Dense | Convolution | MaxPool | MeanPool | Flatten | Dropout
"""Any layer."""


def _check_size(size: object) -> None:
    if type(size) is not int or not 1 <= size <= MAX_UNITS:
        raise LayerError(f"every size must be an integer between 1 and {MAX_UNITS}, not {size!r}")


def _check_function(function: object) -> None:
    if not isinstance(function, Function):
        raise LayerError(f"every function must be a Function, not {function!r}")


def _check_window(kernel: object, stride: object, padding: object) -> None:
    for name, pair, least in (("kernel", kernel, 1), ("stride", stride, 1), ("padding", padding, 0)):
        whole = isinstance(pair, tuple) and len(pair) == 2 and all(type(value) is int for value in pair)
        if not (whole and all(least <= value <= MAX_SIZE for value in pair)):  # type: ignore[attr-defined]
            raise LayerError(f"{name} must be two integers between {least} and {MAX_SIZE}, not {pair!r}")


def _map_sizes(what: str, shape: Shape) -> Pair:
    """Height and width."""
    if len(shape) != 3:
        raise LayerError(f"a {what} takes maps, channels x height x width, not samples of the shape {shape!r}")
    return shape[1], shape[2]
