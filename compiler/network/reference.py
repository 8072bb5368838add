"""Networks in floating point with NumPy: what every backend is held against, and what the host evaluates with."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from deep3.hdl.contract.program import Function, Loss

from .network import Network

__all__ = ["activate", "gradients", "losses", "outputs"]

Floats = NDArray[np.floating]


def outputs(network: Network, weights: Sequence[Floats], x: Floats) -> Floats:
    """Outputs of the last layer, before any softmax.

    Parameters
    ----------
    weights
        A matrix a layer, as `compiler.network.layers.Dense.weight_shape` has it.
    x
        ``samples x features``.

    Returns
    -------
    ndarray
        ``samples x classes``, of the type of ``x`` and ``weights``.
    """
    return _activations(network, weights, x)[-1]


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


def gradients(network: Network, weights: Sequence[Floats], x: Floats, labels: NDArray[np.int64]) -> list[Floats]:
    """Gradient of the mean loss for each matrix of ``weights``, of its shape."""
    activations = [x, *_activations(network, weights, x)]
    error = _output_errors(network, activations[-1], labels) / len(labels)
    found: list[Floats] = []
    for layer in reversed(range(len(network.layers))):
        found.append(np.concatenate([error.T @ activations[layer], error.sum(axis=0)[:, None]], axis=1))
        if layer:
            slope = _slope(activations[layer], network.layers[layer - 1].function)
            error = (error @ weights[layer][:, :-1]) * slope
    return found[::-1]


def activate(z: Floats, function: Function) -> Floats:
    """The activation function, element by element."""
    result = z
    if function is Function.TANH:
        result = np.tanh(z)
    elif function is Function.RELU:
        result = np.maximum(z, 0)
    elif function is Function.SIGMOID:
        result = 0.5 * (1 + np.tanh(0.5 * z))
    return result


def _activations(network: Network, weights: Sequence[Floats], x: Floats) -> list[Floats]:
    found: list[Floats] = []
    for layer, matrix in zip(network.layers, weights, strict=True):
        x = activate(x @ matrix[:, :-1].T + matrix[:, -1], layer.function)
        found.append(x)
    return found


def _output_errors(network: Network, y: Floats, labels: NDArray[np.int64]) -> Floats:
    errors = y.copy()
    if network.loss is Loss.SOFTMAX:
        errors = np.exp(errors - errors.max(axis=1, keepdims=True))
        errors /= errors.sum(axis=1, keepdims=True)
    errors[np.arange(len(labels)), labels] -= 1
    return errors


def _slope(h: Floats, function: Function) -> Floats:
    """Derivative of the activation function, from its value."""
    result: Floats = np.ones_like(h)
    if function is Function.TANH:
        result = 1 - h * h
    elif function is Function.RELU:
        result = (h > 0).astype(h.dtype)
    elif function is Function.SIGMOID:
        result = h * (1 - h)
    return result
