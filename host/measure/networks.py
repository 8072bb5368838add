"""Published networks that benchmarks train, by the names of their models."""

from deep3.compiler.network.layers import Convolution, Dense, Flatten, Layer, MaxPool, MeanPool
from deep3.compiler.network.network import Network
from deep3.hdl.contract.program import Function

__all__ = ["ALEXNET", "CONVOLUTIONAL", "FULLY_CONNECTED", "KEYWORDS"]

RELU, TANH = Function.RELU, Function.TANH
PAIRS = MaxPool((2, 2), (2, 2))


def _five(maps: int, function: Function, padding: int = 0) -> Layer:
    """A convolution with kernels of 5 x 5."""
    return Convolution(maps, (5, 5), padding=(padding, padding), function=function)


_CIFAR_HEAD = (Flatten(), Dense(64), Dense(10))

FULLY_CONNECTED = {
    "-".join(map(str, sizes)): Network.uniform(sizes)
    for sizes in ((257, 50, 26), (111, 100, 26), (200, 250, 75, 16), (196, 750, 125, 19))
}
"""Of Deep3's size."""

CONVOLUTIONAL = {
    # LeCun et al. 1998, with maxima for the trained means, and images of 28 x 28 with a border.
    "LeNet-5": Network(
        (1, 28, 28),
        (
            _five(6, TANH, 2), PAIRS, _five(16, TANH), PAIRS, Flatten(), Dense(120, TANH), Dense(84, TANH), Dense(10),
        ),
    ),
    # Caffe's cifar10_quick: overlapping windows, the last of each row cut off.
    "CIFAR-10 quick": Network(
        (3, 32, 32),
        (
            _five(32, RELU, 2), MaxPool((3, 3), (2, 2), ceil=True),
            _five(32, RELU, 2), MeanPool((3, 3), (2, 2), ceil=True),
            _five(64, RELU, 2), MeanPool((3, 3), (2, 2), ceil=True), *_CIFAR_HEAD,
        ),
    ),
    "CIFAR-10 quick, 2x2 maxima": Network(
        (3, 32, 32), (_five(32, RELU, 2), PAIRS, _five(32, RELU, 2), PAIRS, _five(64, RELU, 2), PAIRS, *_CIFAR_HEAD)
    ),
    # Of Deep3 for SVHN.
    "SVHN": Network(
        (3, 32, 32), (_five(64, RELU), PAIRS, _five(64, RELU), PAIRS, Flatten(), Dense(128, RELU), Dense(10))
    ),
}  # fmt: skip
"""Of the literature on convolution."""

ALEXNET = Network(
    (3, 224, 224),
    (
        Convolution(64, (11, 11), (4, 4), (2, 2), RELU), MaxPool((3, 3), (2, 2)),
        _five(192, RELU, 2), MaxPool((3, 3), (2, 2)),
        Convolution(384, (3, 3), padding=(1, 1), function=RELU),
        Convolution(256, (3, 3), padding=(1, 1), function=RELU),
        Convolution(256, (3, 3), padding=(1, 1), function=RELU), MaxPool((3, 3), (2, 2)),
        Flatten(), Dense(4096, RELU), Dense(4096, RELU), Dense(1000),
    ),
)  # fmt: skip
"""Krizhevsky 2014 in one column, without dropout and normalisation of responses: 61.1 million weights."""

KEYWORDS = Network.uniform((1640, 128, 128, 128, 12), RELU)
"""Deep KWS (Chen et al. 2014) with 41 frames of 40 bands: words in speech."""
