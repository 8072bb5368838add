"""Local networks: a share of the neurons and maps of every hidden layer (Deep3, Section 5)."""

from dataclasses import replace

from deep3.errors import Deep3Error

from .layers import Convolution, Dense
from .network import Network

__all__ = ["NetworkError", "local_network", "local_sizes", "of_size", "taken_from"]


class NetworkError(Deep3Error):
    """A network or a ratio that cannot be."""


def local_sizes(sizes: tuple[int, ...], ratio: float) -> tuple[int, ...]:
    """Layer sizes of a local network: input and output complete, of every hidden layer the share ``ratio``.

    Raises
    ------
    NetworkError
        For a ratio that is not above 0 and at most 1.
    """
    if not 0 < ratio <= 1:
        raise NetworkError(f"ratio must be above 0 and at most 1, not {ratio!r}")
    hidden = tuple(max(1, round(ratio * size)) for size in sizes[1:-1])
    return (sizes[0], *hidden, sizes[-1])


def taken_from(network: Network) -> tuple[int, ...]:
    """How many neurons or maps there are to take from: features or channels of a sample, then of each layer with
    weights."""
    return (network.input_shape[0], *(shape[0] for shape in network.weight_shapes))


def local_network(network: Network, ratio: float) -> Network:
    """What every worker trains: the same layers with a share of the neurons and maps, the outputs complete.

    Layers without weights are as they were: they take each map by itself.

    Raises
    ------
    NetworkError
        For a ratio that is not above 0 and at most 1.
    """
    layers = list(network.layers)
    for number, size in zip(network.trained, local_sizes(taken_from(network), ratio)[1:], strict=True):
        layers[number] = of_size(layers[number], size)
    return replace(network, layers=tuple(layers))


def of_size(layer: object, size: int) -> Dense | Convolution:
    """A layer with weights, with so many neurons or maps."""
    if isinstance(layer, Convolution):
        return replace(layer, maps=size)
    assert isinstance(layer, Dense), "only these have weights"
    return replace(layer, units=size)
