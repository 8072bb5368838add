"""What a CPU worker computes with where all layers are fully connected: arrays kept from push to push."""

import math
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from deep3.compiler.network.layers import Dense, Dropout, Flatten
from deep3.compiler.network.network import Network
from deep3.compiler.optimisers.optimiser import Adagrad, Optimiser
from deep3.hdl.contract.program import Function

__all__ = ["DRAWN", "DenseStep", "DenseSteps", "DropoutStep", "is_computed"]

Floats = NDArray[np.float32]

DRAWN = 1 << 16
"""A value is dropped where a number drawn below this is less than the step's ``dropped``."""


@dataclass(frozen=True)
class DenseStep:
    """A fully connected layer.

    Attributes
    ----------
    inputs, outputs
        Values of a sample before and behind it.
    function
        Activation function.
    values
        What it makes of a batch, ``batch x (outputs + 1)``. The last column is 1, the input of the biases of the next.
    weights, state
        ``outputs x (inputs + 1)``, biases in the last column; and what the optimiser keeps of them.
    """

    inputs: int
    outputs: int
    function: Function
    values: Floats
    weights: Floats
    state: Floats


@dataclass(frozen=True)
class DropoutStep:
    """A dropout of the values before it.

    Attributes
    ----------
    outputs
        Values of a sample.
    values
        As of `DenseStep`.
    dropped
        Of `DRAWN`; the others are divided by the share that is kept.
    """

    outputs: int
    values: Floats
    dropped: int


class DenseSteps:
    """A network's layers with the arrays for batches of one size.

    Parameters
    ----------
    network
        `is_computed` holds for it.
    batch
        Samples of a batch.
    optimiser
        How weights change.

    Attributes
    ----------
    network, batch, optimiser
        As given.
    steps
        From the first to the last; `Flatten` is none, samples come flat.
    inputs
        A batch, ``batch x (features + 1)``, with a last column of 1.
    errors
        Two arrays for errors behind a step and those before it, each of ``batch x widest`` numbers.
    gradient
        Of as many numbers as the largest matrix has, where the optimiser needs it apart.
    """

    def __init__(self, network: Network, batch: int, optimiser: Optimiser) -> None:
        self.network, self.batch, self.optimiser = network, batch, optimiser
        widths = [math.prod(shape) for shape in network.shapes]
        self.steps = tuple(
            self._step(layer, inputs, outputs)
            for layer, (inputs, outputs) in zip(network.layers, pairwise(widths), strict=True)
            if isinstance(layer, Dense | Dropout)
        )
        self.inputs = self._values(widths[0])
        self.errors = tuple(np.empty(batch * max(widths), np.float32) for _ in range(2))
        apart = isinstance(optimiser, Adagrad)
        self.gradient = np.empty(max(step.weights.size for step in self.dense) if apart else 0, np.float32)

    @property
    def dense(self) -> list[DenseStep]:
        """Those with weights."""
        return [step for step in self.steps if isinstance(step, DenseStep)]

    def draw(self, batches: int, seed: int) -> list[NDArray[np.uint16]]:
        """For every dropout the numbers that decide, ``batches x batch x values``."""
        widths = [step.outputs for step in self.steps if isinstance(step, DropoutStep)]
        if not widths:
            return []
        generator = np.random.default_rng(seed)
        return [generator.integers(0, DRAWN, (batches, self.batch, width), dtype=np.uint16) for width in widths]

    def _step(self, layer: Dense | Dropout, inputs: int, outputs: int) -> DenseStep | DropoutStep:
        if isinstance(layer, Dropout):
            return DropoutStep(outputs, self._values(outputs), min(round(layer.probability * DRAWN), DRAWN - 1))
        weights, state = (np.zeros((outputs, inputs + 1), np.float32) for _ in range(2))
        return DenseStep(inputs, outputs, layer.function, self._values(outputs), weights, state)

    def _values(self, width: int) -> Floats:
        return np.ones((self.batch, width + 1), np.float32)


def is_computed(network: Network) -> bool:
    """Whether all layers of a network are fully connected, but for dropout and flattening."""
    return all(isinstance(layer, Dense | Dropout | Flatten) for layer in network.layers)
