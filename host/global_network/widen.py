"""A network that is given more inputs, or more classes to tell apart, and keeps what it has learned."""

import numpy as np

from deep3.compiler.network.network import Network

from .global_network import GlobalNetwork

__all__ = ["widened"]


def widened(network: GlobalNetwork, inputs: int, classes: int) -> GlobalNetwork:
    """A fully connected network with new inputs and classes behind the others, all their weights 0.

    It gives the same outputs for the classes that it knows, whatever the new inputs are, and learns from there.

    Raises
    ------
    ValueError
        For fewer inputs or classes than it has.
    """
    topology = network.topology
    if inputs < topology.inputs or classes < topology.classes:
        raise ValueError(
            f"inputs and classes must be {topology.inputs} and {topology.classes} or more, not {inputs} and {classes}"
        )
    weights = [matrix.copy() for matrix in network.weights]
    first = weights[0]
    # The biases are in the last column.
    weights[0] = np.insert(first, [first.shape[1] - 1] * (inputs - topology.inputs), 0, axis=1)
    weights[-1] = np.pad(weights[-1], ((0, classes - topology.classes), (0, 0)))
    grown = Network.dense((inputs, *topology.sizes[1:-1], classes), topology.functions, topology.loss)
    return GlobalNetwork(grown, network.ratio, weights)
