"""The global network: subsampling into local networks, aggregation of their updates, evaluation (Deep3, Section 5)."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from deep3.compiler.network import reference
from deep3.compiler.network.layers import Convolution
from deep3.compiler.network.network import Network
from deep3.compiler.network.subsample import local_network

from .blocks import Sample, Weights, gather, scatter_add

__all__ = ["Evaluation", "GlobalNetwork", "Sample", "Weights"]


@dataclass(frozen=True)
class Evaluation:
    """Accuracy (0 to 1) and mean loss over ``samples`` samples."""

    accuracy: float
    loss: float
    samples: int


class GlobalNetwork:
    """The network that the coordinator holds in float32.

    Parameters
    ----------
    topology
        Layers and loss.
    ratio
        Share of the hidden neurons and maps in a local network. Local networks see their hidden layers through fewer
        inputs, so evaluation scales the weights that leave a hidden layer by the share that was sampled.
    weights
        See `Weights`; rounded to float32, and those that are kept, not copied.
    """

    def __init__(self, topology: Network, ratio: float, weights: Sequence[NDArray[np.floating]]) -> None:
        self.topology = topology
        self.ratio = ratio
        self.weights: Weights = [np.ascontiguousarray(matrix, np.float32) for matrix in weights]
        local = local_network(topology, ratio)
        self._input_shares = [part / whole for part, whole in zip(local.widths, topology.widths, strict=True)][:-1]

    @classmethod
    def of_model(cls, topology: Network, ratio: float, weights: Sequence[NDArray[np.floating]]) -> "GlobalNetwork":
        """The network that computes as a whole what a model with these weights does.

        Those that leave a hidden layer grow by as much as their inputs in a local network are fewer.
        """
        network = cls(topology, ratio, [matrix.copy() for matrix in weights])
        for matrix, share in zip(network.weights, network._input_shares, strict=True):
            matrix[:, :-1] /= share
        return network

    @classmethod
    def initialise(cls, topology: Network, ratio: float, seed: int) -> "GlobalNetwork":
        """Glorot's uniform weights for the local network's sizes, biases zero; every value is within Q3.12."""
        rng = np.random.default_rng(seed)
        local = local_network(topology, ratio)
        weights = []
        for number, shape, (outputs, inputs) in zip(
            topology.trained, topology.weight_shapes, local.weight_shapes, strict=True
        ):
            # An input of a convolution is met at each position of the kernel, in each map.
            layer = topology.layers[number]
            met = math.prod(layer.kernel) if isinstance(layer, Convolution) else 1
            limit = np.sqrt(6 / (inputs - 1 + met * outputs))
            matrix = np.zeros(shape)
            matrix[:, :-1] = rng.uniform(-limit, limit, (shape[0], shape[1] - 1))
            weights.append(matrix)
        return cls(topology, ratio, weights)

    def local_topology(self) -> Network:
        """The network that every worker trains."""
        return local_network(self.topology, self.ratio)

    def local_weights(self, sample: Sample) -> Weights:
        """A copy of the weights between the sampled neurons and maps, biases included."""
        return gather(self.topology, self.weights, sample)

    def add(self, sample: Sample, difference: Weights) -> None:
        """Add a local network's change of weights where its neurons and maps were sampled (Deep3, Equation 1)."""
        scatter_add(self.topology, self.weights, sample, difference)

    def copy(self) -> "GlobalNetwork":
        """An independent copy."""
        return GlobalNetwork(self.topology, self.ratio, [matrix.copy() for matrix in self.weights])

    def evaluated_weights(self) -> Weights:
        """A copy of the weights as the whole network computes with them, scaled by the shares that were sampled."""
        found = [matrix.copy() for matrix in self.weights]
        for matrix, share in zip(found, self._input_shares, strict=True):
            if share != 1:
                matrix[:, :-1] *= share
        return found

    def outputs(self, x: NDArray[np.float32]) -> NDArray[np.float32]:
        """``samples x inputs`` to ``samples x classes``: logits, before any softmax."""
        return reference.outputs(self.topology, self.evaluated_weights(), x).astype(np.float32, copy=False)

    def evaluate(self, x: NDArray[np.float32], y: NDArray[np.int64]) -> Evaluation:
        """Accuracy and mean loss (cross entropy, or half the squared distance to one-hot) on labelled samples."""
        outputs = self.outputs(x)
        loss = reference.losses(self.topology, outputs, y).mean()
        return Evaluation(float((outputs.argmax(axis=1) == y).mean()), float(loss), len(y))
