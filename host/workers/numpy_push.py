"""A push of fully connected layers with NumPy, in place: where no compiler is at hand."""

import numpy as np
from numpy.typing import NDArray
from scipy.linalg.blas import sgemm

from deep3.compiler.network.reference import activate, slope
from deep3.compiler.optimisers.optimiser import Adagrad, Momentum
from deep3.hdl.contract.fixed_point import STEPS
from deep3.hdl.contract.program import Loss

from .dense_steps import DRAWN, DenseStep, DenseSteps, DropoutStep, Floats

__all__ = ["LEAST_ROOT", "numpy_push"]

LEAST_ROOT = np.float32(1e-10)
"""Added to the roots of Adagrad, as PyTorch does: a gradient that was always 0 moves nothing."""
NONE = np.empty(0, np.float32)


def numpy_push(
    net: DenseSteps,
    words: NDArray[np.int16],
    labels: NDArray[np.int64],
    rate: float,
    drawn: list[NDArray[np.uint16]],
) -> int:
    """Train the weights of ``net`` on every batch; the number of samples that were classified correctly.

    Parameters
    ----------
    net
        Its weights and state are changed.
    words
        ``batches x batch x features`` in Q3.12.
    labels
        ``batches x batch``.
    rate
        Learning rate on the mean gradient of a batch.
    drawn
        As of `DenseSteps.draw`.
    """
    # A network that diverges overflows on its way there; validation notices.
    with np.errstate(all="ignore"):
        return sum(
            _train_batch(net, *batch, rate, [numbers[number] for numbers in drawn])
            for number, batch in enumerate(zip(words, labels, strict=True))
        )


def _train_batch(
    net: DenseSteps, words: NDArray[np.int16], labels: NDArray[np.int64], rate: float, drawn: list[NDArray[np.uint16]]
) -> int:
    np.multiply(words, np.float32(1 / STEPS), out=net.inputs[:, :-1])
    numbers = iter(drawn)
    factors = [_factors(step, next(numbers)) if isinstance(step, DropoutStep) else NONE for step in net.steps]
    _forward(net, factors)
    correct = int((net.steps[-1].values[:, :-1].argmax(axis=1) == labels).sum())
    _backward(net, factors, labels, rate)
    return correct


def _factors(step: DropoutStep, numbers: NDArray[np.uint16]) -> Floats:
    """What a dropout multiplies a batch by."""
    scale = np.float32(DRAWN / (DRAWN - step.dropped))
    factors: Floats = (numbers >= step.dropped) * scale
    return factors


def _forward(net: DenseSteps, factors: list[Floats]) -> None:
    before = net.inputs
    for step, kept in zip(net.steps, factors, strict=True):
        values = step.values[:, :-1]
        if isinstance(step, DenseStep):
            np.matmul(before, step.weights.T, out=values)
            activate(values, step.function)
        else:
            np.multiply(before[:, :-1], kept, out=values)
        before = step.values


def _backward(net: DenseSteps, factors: list[Floats], labels: NDArray[np.int64], rate: float) -> None:
    """Errors from the last step to the first with weights, each of which is updated once its errors have passed."""
    first = next(number for number, step in enumerate(net.steps) if isinstance(step, DenseStep))
    behind, before = net.errors
    error = _output_error(net, behind, labels)
    for number in reversed(range(first, len(net.steps))):
        step, kept = net.steps[number], factors[number]
        if not isinstance(step, DenseStep):
            error *= kept
            continue
        error *= slope(step.values[:, :-1], step.function)
        passed = before[: net.batch * step.inputs].reshape(net.batch, step.inputs)
        if number > first:
            np.matmul(error, step.weights[:, :-1], out=passed)
        _update(net, step, net.steps[number - 1].values if number else net.inputs, error, rate)
        error, behind, before = passed, before, behind


def _output_error(net: DenseSteps, place: Floats, labels: NDArray[np.int64]) -> Floats:
    """Gradient of the loss for the outputs of the network."""
    outputs = net.steps[-1].values[:, :-1]
    error = place[: outputs.size].reshape(outputs.shape)
    error[...] = outputs
    if net.network.loss is Loss.SOFTMAX:
        error -= error.max(axis=1, keepdims=True)
        np.exp(error, out=error)
        error /= error.sum(axis=1, keepdims=True)
    error[np.arange(len(labels)), labels] -= 1
    return error


def _update(net: DenseSteps, step: DenseStep, before: Floats, error: Floats, rate: float) -> None:
    rule, decay, weights, state = net.optimiser, net.optimiser.weight_decay, step.weights, step.state
    if isinstance(rule, Momentum):
        _add_product(-rate / net.batch, error, before, rule.momentum, state)
        if decay:
            state -= np.float32(rate * decay) * weights
        weights += state
    elif isinstance(rule, Adagrad):
        gradient = net.gradient[: weights.size].reshape(weights.shape)
        _add_product(1 / net.batch, error, before, 0, gradient)
        if decay:
            gradient += np.float32(decay) * weights
        state += gradient * gradient
        gradient /= np.sqrt(state) + LEAST_ROOT
        gradient *= np.float32(rate)
        weights -= gradient
    else:
        _add_product(-rate / net.batch, error, before, 1 - rate * decay, weights)


def _add_product(scale: float, error: Floats, before: Floats, kept: float, to: Floats) -> None:
    """``to = kept * to + scale * error^T before``, in place; BLAS sees rows as columns."""
    sgemm(scale, before.T, error.T, kept, to.T, trans_b=True, overwrite_c=True)
