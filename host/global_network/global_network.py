"""The global network: subsampling into local networks, aggregation of their updates, evaluation (Deep3, Section 5)."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from deep3.compiler.network import reference
from deep3.compiler.network.layers import Convolution
from deep3.compiler.network.network import Network
from deep3.compiler.network.subsample import local_network, local_sizes, taken_from

__all__ = ["Evaluation", "GlobalNetwork", "Sample", "Weights", "draw_sample", "gather", "scatter_add"]

Weights = list[NDArray[np.float64]]
"""One matrix for each layer that has weights, ``outputs x (inputs + 1)``; the last column holds the biases, as in the
engine's memory (`compiler.network.network.Network.weight_shapes`)."""

Sample = tuple[NDArray[np.int64], ...]
"""For the input and every layer that has weights, the numbers of the neurons or maps that were sampled, ascending; of a
sample of maps its channels. Empty for the whole network."""


@dataclass(frozen=True)
class Evaluation:
    """Accuracy (0 to 1) and mean loss over ``samples`` samples."""

    accuracy: float
    loss: float
    samples: int


def draw_sample(network: Network, ratio: float, rng: np.random.Generator) -> Sample:
    """Which neurons and maps a local network takes: hidden ones drawn without replacement."""
    if ratio == 1:
        return ()
    sizes = taken_from(network)
    return tuple(
        np.sort(rng.choice(size, taken, replace=False)).astype(np.int64)
        for size, taken in zip(sizes, local_sizes(sizes, ratio), strict=True)
    )


def gather(network: Network, matrices: Weights, sample: Sample) -> Weights:
    """A copy of the parts of a network's matrices, weights or of their shapes, that lie between the sampled neurons and
    maps, biases included."""
    if not sample:
        return [matrix.copy() for matrix in matrices]
    return [matrix[block] for matrix, block in zip(matrices, _blocks(network, sample), strict=True)]


def scatter_add(network: Network, matrices: Weights, sample: Sample, difference: Weights) -> None:
    """Add a local network's change to the parts that `gather` takes, in place."""
    if not sample:
        for matrix, change in zip(matrices, difference, strict=True):
            matrix += change
        return
    for matrix, block, change in zip(matrices, _blocks(network, sample), difference, strict=True):
        matrix[block] += change


class GlobalNetwork:
    """The network that the coordinator holds in float64.

    Parameters
    ----------
    topology
        Layers and loss.
    ratio
        Share of the hidden neurons and maps in a local network. Local networks see their hidden layers through fewer
        inputs, so evaluation scales the weights that leave a hidden layer by the share that was sampled.
    weights
        See `Weights`; kept, not copied.
    """

    def __init__(self, topology: Network, ratio: float, weights: Weights) -> None:
        self.topology = topology
        self.ratio = ratio
        self.weights = weights
        local = local_network(topology, ratio)
        self._input_shares = [part / whole for part, whole in zip(local.widths, topology.widths, strict=True)][:-1]

    @classmethod
    def of_model(cls, topology: Network, ratio: float, weights: Weights) -> "GlobalNetwork":
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
        weights: Weights = []
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
        scaled = [matrix.astype(np.float32) for matrix in self.evaluated_weights()]
        return reference.outputs(self.topology, scaled, x).astype(np.float32, copy=False)

    def evaluate(self, x: NDArray[np.float32], y: NDArray[np.int64]) -> Evaluation:
        """Accuracy and mean loss (cross entropy, or half the squared distance to one-hot) on labelled samples."""
        outputs = self.outputs(x)
        loss = reference.losses(self.topology, outputs, y).mean()
        return Evaluation(float((outputs.argmax(axis=1) == y).mean()), float(loss), len(y))


def _blocks(network: Network, sample: Sample) -> list[tuple[NDArray[np.int64], ...]]:
    """Open-mesh indices of each matrix's sampled rows and columns, the bias column among them.

    What a layer before gives as one map takes a column for each weight of a kernel, or behind a flattening for each of
    its pixels; they lie side by side.
    """
    found = []
    for (_, columns), whole, before, taken in zip(
        network.weight_shapes, taken_from(network)[:-1], sample[:-1], sample[1:], strict=True
    ):
        each = (columns - 1) // whole
        inputs = (before[:, None] * each + np.arange(each)).ravel()
        found.append(np.ix_(taken, np.append(inputs, columns - 1)))
    return found
