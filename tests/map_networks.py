"""Random networks that engines with convolution take, random engines for them, and networks of the literature."""

from hypothesis import strategies as st

from deep3.compiler.network.layers import Convolution, Dense, Flatten, Layer, MaxPool, MeanPool, Pair, Shape
from deep3.compiler.network.network import Network
from deep3.hdl.contract.config import EngineConfig
from deep3.hdl.contract.program import Function, Loss
from deep3.host.measure.networks import CONVOLUTIONAL

__all__ = ["CIFAR", "CIFAR_QUICK", "LENET", "SVHN", "configs", "networks"]

FUNCTIONS = st.sampled_from(list(Function))
LENET, CIFAR_QUICK, CIFAR, SVHN = CONVOLUTIONAL.values()


@st.composite
def pairs(draw: st.DrawFn, low: int, high: int) -> Pair:
    return draw(st.integers(low, high)), draw(st.integers(low, high))


@st.composite
def convolutions(draw: st.DrawFn, shape: Shape) -> Convolution:
    """Strides beyond the kernel and paddings at least the kernel among them."""
    padding = draw(pairs(0, 3))
    kernel = tuple(draw(st.integers(1, min(5, size + 2 * p))) for size, p in zip(shape[1:], padding, strict=True))
    return Convolution(draw(st.integers(1, 9)), kernel, draw(pairs(1, 4)), padding, draw(FUNCTIONS))


@st.composite
def pools(draw: st.DrawFn, shape: Shape) -> Layer:
    """Half of them tile the maps; others overlap, leave gaps, have a padding or reach beyond."""
    kernel = tuple(draw(st.integers(1, min(4, size))) for size in shape[1:])
    if draw(st.booleans()):
        kernel = tuple(min(2, size) for size in shape[1:])
        return MaxPool(kernel, kernel)
    padding = tuple(draw(st.integers(0, size // 2)) for size in kernel)
    if draw(st.booleans()):
        return MaxPool(kernel, draw(pairs(1, 4)), padding, draw(st.booleans()))
    return MeanPool(kernel, draw(pairs(1, 4)), padding, draw(st.booleans()), draw(FUNCTIONS))


@st.composite
def networks(draw: st.DrawFn) -> Network:
    shape: Shape = (draw(st.integers(1, 5)), draw(st.integers(1, 11)), draw(st.integers(1, 11)))
    first = shape
    layers: list[Layer] = []
    for _ in range(draw(st.integers(1, 3))):
        for kind in draw(st.sampled_from([(convolutions,), (convolutions, pools), (pools,)])):
            layers.append(draw(kind(shape)))
            shape = layers[-1].output_shape(shape)
    if draw(st.integers(0, 3)) == 0:
        layers.append(Convolution(draw(st.integers(2, 9)), shape[1:]))
        if draw(st.booleans()):
            layers.append(draw(st.sampled_from([MaxPool((1, 1), (1, 1)), MeanPool((1, 1), (1, 1))])))
        return Network(first, (*layers, Flatten()), draw(st.sampled_from([Loss.SOFTMAX, Loss.MSE])))
    layers.append(Flatten())
    if not any(isinstance(layer, Convolution) for layer in layers) or draw(st.booleans()):
        layers.append(Dense(draw(st.integers(1, 9)), draw(FUNCTIONS)))
    layers.append(Dense(draw(st.integers(2, 9))))
    return Network(first, tuple(layers), draw(st.sampled_from([Loss.SOFTMAX, Loss.MSE])))


@st.composite
def configs(draw: st.DrawFn) -> EngineConfig:
    return EngineConfig(
        rows=draw(st.integers(2, 9)), columns=draw(st.integers(2, 9)),
        accumulator_words=draw(st.sampled_from([16, 64])),
        activation_bank_words=8192, weight_bank_words=8192, error_bank_words=8192, max_layers=16, convolution=True,
    )  # fmt: skip
