"""Convolution and pooling in floating point with NumPy, forward and backward, over a block of samples.

Maps are ``samples x channels x height x width``. Every function walks over the positions of a window and takes the
values that all windows have there as one strided view, so that time goes into copies and products of whole maps.
"""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from .layers import Convolution, MaxPool, MeanPool, Pair

__all__ = [
    "convolve", "convolve_gradient", "convolve_weight_gradient", "max_pool", "max_pool_gradient", "mean_pool",
    "mean_pool_gradient",
]  # fmt: skip

Floats = NDArray[np.floating]
Windowed = Convolution | MaxPool | MeanPool


def convolve(layer: Convolution, matrix: Floats, x: Floats) -> Floats:
    """``W * x + b``; ``matrix`` as `Convolution.weight_shape` has it."""
    size = _output_size(layer, x)
    z: Floats = np.matmul(matrix[:, :-1], _columns(layer, x, size)) + matrix[:, -1:]
    return z.reshape(len(x), layer.maps, *size)


def convolve_weight_gradient(layer: Convolution, x: Floats, error: Floats) -> Floats:
    """Gradient of the matrix, from that of what `convolve` made of ``x``."""
    flat = error.reshape(len(x), layer.maps, -1)
    weights = np.matmul(flat, _columns(layer, x, _output_size(layer, x)).transpose(0, 2, 1)).sum(axis=0)
    return np.concatenate([weights, flat.sum(axis=(0, 2))[:, None]], axis=1)


def convolve_gradient(layer: Convolution, matrix: Floats, x: Floats, error: Floats) -> Floats:
    """Gradient of ``x``, from that of what `convolve` made of it."""
    size = _output_size(layer, x)
    taps = np.matmul(matrix[:, :-1].T, error.reshape(len(x), layer.maps, -1))
    taps = taps.reshape(len(x), x.shape[1], -1, *size)
    wide = _around(layer, np.zeros_like(x), size, 0.0)
    for number, view in enumerate(_views(layer, wide, size)):
        view += taps[:, :, number]
    return _inside(layer, wide, x)


def max_pool(layer: MaxPool, x: Floats) -> Floats:
    """The largest value of each window."""
    size = _output_size(layer, x)
    largest: Floats = np.full((*x.shape[:2], *size), -np.inf, x.dtype)
    for view in _views(layer, _around(layer, x, size, -np.inf), size):
        np.maximum(largest, view, out=largest)
    return largest


def max_pool_gradient(layer: MaxPool, x: Floats, h: Floats, error: Floats) -> Floats:
    """Gradient of ``x`` from that of ``h``, which `max_pool` made of it: it goes to the first of equal values."""
    size = h.shape[2:]
    wide = _around(layer, np.zeros_like(x), size, 0.0)
    free = np.ones(h.shape, dtype=bool)
    values = _views(layer, _around(layer, x, size, -np.inf), size)
    for view, value in zip(_views(layer, wide, size), values, strict=True):
        hit = free & (value == h)
        free &= ~hit
        view += error * hit
    return _inside(layer, wide, x)


def mean_pool(layer: MeanPool, x: Floats) -> Floats:
    """The mean of each window, before the activation function."""
    size = _output_size(layer, x)
    total: Floats = np.zeros((*x.shape[:2], *size), x.dtype)
    for view in _views(layer, _around(layer, x, size, 0.0), size):
        total += view
    return total / _divisors(layer, x, size)


def mean_pool_gradient(layer: MeanPool, x: Floats, error: Floats) -> Floats:
    """Gradient of ``x`` from that of what `mean_pool` made of it."""
    size = error.shape[2:]
    share = error / _divisors(layer, x, size)
    wide = _around(layer, np.zeros_like(x), size, 0.0)
    for view in _views(layer, wide, size):
        view += share
    return _inside(layer, wide, x)


def _output_size(layer: Windowed, x: Floats) -> Pair:
    _, height, width = layer.output_shape(x.shape[1:])
    return height, width


def _columns(layer: Convolution, x: Floats, size: Pair) -> Floats:
    """``samples x (channels * kernel height * kernel width) x windows``."""
    kernel = layer.kernel[0] * layer.kernel[1]
    columns: Floats = np.empty((*x.shape[:2], kernel, *size), x.dtype)
    for number, view in enumerate(_views(layer, _around(layer, x, size, 0.0), size)):
        columns[:, :, number] = view
    return columns.reshape(len(x), x.shape[1] * kernel, size[0] * size[1])


def _around(layer: Windowed, x: Floats, size: tuple[int, ...], value: float) -> Floats:
    """The maps with ``value`` around: as far as the windows reach, and no less than the padding."""
    sides = []
    for there, windows, kernel, stride, padding in zip(
        x.shape[2:], size, layer.kernel, layer.stride, layer.padding, strict=True
    ):
        reached = (windows - 1) * stride + kernel
        sides.append((padding, max(padding, reached - padding - there)))
    return np.pad(x, ((0, 0), (0, 0), *sides), constant_values=value)


def _inside(layer: Windowed, wide: Floats, x: Floats) -> Floats:
    """What `_around` was put around."""
    top, left = layer.padding
    return wide[:, :, top : top + x.shape[2], left : left + x.shape[3]]


def _views(layer: Windowed, wide: Floats, size: tuple[int, ...]) -> Iterator[Floats]:
    """For every position in a window, row by row, what the windows have there."""
    (down, across), (height, width) = layer.stride, size
    for y in range(layer.kernel[0]):
        for x in range(layer.kernel[1]):
            yield wide[:, :, y : y + (height - 1) * down + 1 : down, x : x + (width - 1) * across + 1 : across]


def _divisors(layer: MeanPool, x: Floats, size: tuple[int, ...]) -> Floats:
    """What each window is divided by, see `MeanPool`."""
    lengths = []
    for there, windows, kernel, stride, padding in zip(
        x.shape[2:], size, layer.kernel, layer.stride, layer.padding, strict=True
    ):
        begin = np.arange(windows) * stride - padding
        lengths.append(np.minimum(begin + kernel, there + padding) - begin)
    divisors: Floats = np.multiply.outer(*lengths).astype(x.dtype)
    return divisors
