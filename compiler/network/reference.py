"""Networks in floating point with NumPy: what every backend is held against, and what the host evaluates with."""

import sys
from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from deep3.hdl.contract.program import Function, Loss

from .layers import Convolution, Dense, Dropout, Flatten, Layer, LayerError, MaxPool, MeanPool
from .network import Network
from .windows import (
    convolve,
    convolve_gradient,
    convolve_weight_gradient,
    max_pool,
    max_pool_gradient,
    mean_pool,
    mean_pool_gradient,
)

__all__ = ["activate", "activations", "as_samples", "errors", "gradients", "losses", "outputs", "slope"]

Floats = NDArray[np.floating]

BLOCK_VALUES = 1 << 22
"""Of the unfolded windows of a convolution at once: fewer take longer, more take memory."""


def as_samples(network: Network, x: Floats) -> Floats:
    """``x`` as ``samples x input_shape``; flat samples of as many values are cut into maps.

    Raises
    ------
    LayerError
        For samples of another size.
    """
    if x.shape[1:] == network.input_shape:
        return x
    if x.ndim != 2 or x.shape[1] != network.inputs:
        raise LayerError(f"samples must have the shape {network.input_shape!r}, not {x.shape[1:]!r}")
    return x.reshape(len(x), *network.input_shape)


def outputs(network: Network, weights: Sequence[Floats], x: Floats) -> Floats:
    """Outputs of the last layer, before any softmax; without dropout.

    Parameters
    ----------
    weights
        A matrix for each layer that has weights, of the shapes `Network.weight_shapes`.
    x
        ``samples x input_shape``, or ``samples x values``.

    Returns
    -------
    ndarray
        ``samples x classes``, of the type of ``x`` and ``weights``.
    """
    x = as_samples(network, x)
    block = _block_samples(network)
    if len(x) <= block:
        return _activations(network, weights, x, ())[-1]
    blocks = (x[first : first + block] for first in range(0, len(x), block))
    return np.concatenate([_activations(network, weights, part, ())[-1] for part in blocks])


def losses(network: Network, y: Floats, labels: NDArray[np.int64]) -> NDArray[np.float64]:
    """Loss of each sample in float64: cross entropy, or half the squared distance to the one-hot label.

    Parameters
    ----------
    y
        ``samples x classes``, as of `outputs`.
    """
    wide = y.astype(np.float64)
    rows = np.arange(len(labels))
    if network.loss is Loss.MSE:
        wide[rows, labels] -= 1
        squared: NDArray[np.float64] = 0.5 * np.square(wide).sum(axis=1)
        return squared
    shifted = wide - wide.max(axis=1, keepdims=True)
    entropies: NDArray[np.float64] = np.log(np.exp(shifted).sum(axis=1)) - shifted[rows, labels]
    return entropies


def gradients(
    network: Network,
    weights: Sequence[Floats],
    x: Floats,
    labels: NDArray[np.int64],
    kept: Sequence[NDArray[np.bool_]] = (),
) -> list[Floats]:
    """Gradient of the mean loss for each matrix of ``weights``, of its shape.

    Parameters
    ----------
    kept
        For each `Dropout` which values it keeps, ``samples x shape``; none for a network whose dropout is off.
    """
    values = [as_samples(network, x)]
    values += _activations(network, weights, values[0], kept)
    found: list[Floats] = []
    for number, error in _errors(network, weights, values, labels, kept):
        layer = network.layers[number]
        if isinstance(layer, Dense | Convolution):
            found.append(_weight_gradient(layer, values[number], error / len(labels)))
    return found[::-1]


def activations(network: Network, weights: Sequence[Floats], x: Floats) -> list[Floats]:
    """Samples, and what each layer makes of them; without dropout. Parameters as of `outputs`."""
    x = as_samples(network, x)
    return [x, *_activations(network, weights, x, ())]


def errors(
    network: Network, weights: Sequence[Floats], values: Sequence[Floats], labels: NDArray[np.int64]
) -> dict[int, Floats]:
    """Gradient of each sample's own loss, by the number of the layer from the first with weights on: for what the
    layer gives, before its activation function where it has one.

    Parameters
    ----------
    values
        As of `activations`.
    """
    return dict(_errors(network, weights, values, labels, ()))


def _errors(
    network: Network,
    weights: Sequence[Floats],
    values: Sequence[Floats],
    labels: NDArray[np.int64],
    kept: Sequence[NDArray[np.bool_]],
) -> Iterator[tuple[int, Floats]]:
    """From the last layer to the first with weights."""
    matrices, masks = _by_layer(network, weights, kept)
    error = _output_errors(network, values[-1], labels)
    first = network.trained[0]
    for number in reversed(range(first, len(network.layers))):
        layer, before, behind = network.layers[number], values[number], values[number + 1]
        if isinstance(layer, Dense | Convolution | MeanPool):
            error = error * slope(behind, layer.function)
        yield number, error
        if number > first:
            error = _passed_on(layer, matrices.get(number), masks.get(number), before, behind, error)


def activate(z: Floats, function: Function) -> Floats:
    """The activation function, element by element, in place; ``z``."""
    if function is Function.TANH:
        np.tanh(z, out=z)
    elif function is Function.RELU:
        np.maximum(z, 0, out=z)
    elif function is Function.SIGMOID:
        z *= 0.5
        np.tanh(z, out=z)
        z += 1
        z *= 0.5
    return z


def _block_samples(network: Network) -> int:
    """Samples that are computed at once: all of them, but where windows of a convolution are unfolded."""
    pairs = zip(network.layers, network.shapes, network.shapes[1:], strict=False)
    unfolded = [
        (layer.weight_shape(before)[1] - 1) * behind[1] * behind[2]
        for layer, before, behind in pairs
        if isinstance(layer, Convolution)
    ]
    return max(1, BLOCK_VALUES // max(unfolded)) if unfolded else sys.maxsize


def _by_layer(
    network: Network, weights: Sequence[Floats], kept: Sequence[NDArray[np.bool_]]
) -> tuple[dict[int, Floats], dict[int, NDArray[np.bool_]]]:
    """Matrices and masks by the number of their layer."""
    drops = [number for number, layer in enumerate(network.layers) if isinstance(layer, Dropout)]
    return dict(zip(network.trained, weights, strict=True)), dict(zip(drops, kept, strict=True)) if kept else {}


def _activations(
    network: Network, weights: Sequence[Floats], x: Floats, kept: Sequence[NDArray[np.bool_]]
) -> list[Floats]:
    """Behind each layer."""
    matrices, masks = _by_layer(network, weights, kept)
    found: list[Floats] = []
    for number, layer in enumerate(network.layers):
        if isinstance(layer, Dense | Convolution):
            x = _weigh(layer, matrices[number], x)
        elif isinstance(layer, Flatten):
            x = x.reshape(len(x), -1)
        elif isinstance(layer, Dropout):
            x = _drop(layer, x, masks.get(number))
        else:
            x = _pool(layer, x)
        found.append(x)
    return found


def _weigh(layer: Dense | Convolution, matrix: Floats, x: Floats) -> Floats:
    if isinstance(layer, Convolution):
        return activate(convolve(layer, matrix, x), layer.function)
    z = x @ matrix[:, :-1].T
    z += matrix[:, -1]
    return activate(z, layer.function)


def _pool(layer: MaxPool | MeanPool, x: Floats) -> Floats:
    return max_pool(layer, x) if isinstance(layer, MaxPool) else activate(mean_pool(layer, x), layer.function)


def _drop(layer: Dropout, x: Floats, kept: NDArray[np.bool_] | None) -> Floats:
    """The same on values and on their gradients."""
    return x if kept is None else x * (kept / (1 - layer.probability)).astype(x.dtype)


def _weight_gradient(layer: Dense | Convolution, before: Floats, error: Floats) -> Floats:
    if isinstance(layer, Convolution):
        return convolve_weight_gradient(layer, before, error)
    return np.concatenate([error.T @ before, error.sum(axis=0)[:, None]], axis=1)


def _passed_on(
    layer: Layer,
    matrix: Floats | None,
    kept: NDArray[np.bool_] | None,
    before: Floats,
    behind: Floats,
    error: Floats,
) -> Floats:
    """Gradient of what lies before a layer, from that of what lies behind it, or before its activation function."""
    if isinstance(layer, Dense | Convolution):
        assert matrix is not None
        return error @ matrix[:, :-1] if isinstance(layer, Dense) else convolve_gradient(layer, matrix, before, error)
    if isinstance(layer, MaxPool):
        return max_pool_gradient(layer, before, behind, error)
    if isinstance(layer, MeanPool):
        return mean_pool_gradient(layer, before, error)
    return error.reshape(before.shape) if isinstance(layer, Flatten) else _drop(layer, error, kept)


def _output_errors(network: Network, y: Floats, labels: NDArray[np.int64]) -> Floats:
    errors = y.copy()
    if network.loss is Loss.SOFTMAX:
        errors = np.exp(errors - errors.max(axis=1, keepdims=True))
        errors /= errors.sum(axis=1, keepdims=True)
    errors[np.arange(len(labels)), labels] -= 1
    return errors


def slope(h: Floats, function: Function) -> Floats:
    """Derivative of the activation function, from its value."""
    result: Floats = np.ones_like(h)
    if function is Function.TANH:
        result = 1 - h * h
    elif function is Function.RELU:
        result = (h > 0).astype(h.dtype)
    elif function is Function.SIGMOID:
        result = h * (1 - h)
    return result
