"""Random networks of every kind of layer."""

from hypothesis import strategies as st

from deep3.compiler.network.layers import Convolution, Dense, Dropout, Flatten, Layer, MaxPool, MeanPool, Pair, Shape
from deep3.compiler.network.network import Network
from deep3.hdl.contract.program import Function, Loss

LOSSES = st.sampled_from([Loss.SOFTMAX, Loss.MSE])
FUNCTIONS = st.sampled_from(list(Function))


@st.composite
def dense_networks(draw: st.DrawFn) -> Network:
    """Fully connected layers."""
    sizes = (*draw(st.lists(st.integers(1, 9), min_size=1, max_size=3)), draw(st.integers(2, 7)))
    functions = (*(draw(FUNCTIONS) for _ in sizes[1:-1]), Function.IDENTITY)
    return Network.dense(sizes, functions, draw(LOSSES))


@st.composite
def map_networks(draw: st.DrawFn) -> Network:
    """Up to four layers of convolution, pooling and dropout; then a vector; then up to two dense layers."""
    shape: Shape = (draw(st.integers(1, 3)), draw(st.integers(1, 9)), draw(st.integers(1, 9)))
    first = shape
    layers: list[Layer] = []
    for _ in range(draw(st.integers(1, 4))):
        layer = draw(_layers(shape))
        layers.append(layer)
        shape = layer.output_shape(shape)
    layers.append(Flatten())
    if draw(st.booleans()):
        layers.append(Dense(draw(st.integers(1, 5)), draw(FUNCTIONS)))
    if draw(st.booleans()):
        layers.append(Dropout(draw(st.sampled_from([0, 0.25, 0.5]))))
    layers.append(Dense(draw(st.integers(2, 5))))
    return Network(first, tuple(layers), draw(LOSSES))


@st.composite
def _layers(draw: st.DrawFn, shape: Shape) -> Layer:
    """One that takes samples of this shape: strides beyond the kernel and paddings at least the kernel among them."""
    kind = draw(st.sampled_from(["convolution", "max", "mean", "dropout"]))
    if kind == "dropout":
        return Dropout(draw(st.sampled_from([0.25, 0.5])))
    stride = draw(_pairs(1, 4))
    if kind == "convolution":
        padding = draw(_pairs(0, 3))
        kernel = tuple(draw(st.integers(1, min(4, size + 2 * p))) for size, p in zip(shape[1:], padding, strict=True))
        return Convolution(draw(st.integers(1, 4)), kernel, stride, padding, draw(FUNCTIONS))
    kernel = tuple(draw(st.integers(1, min(4, size))) for size in shape[1:])
    padding = tuple(draw(st.integers(0, size // 2)) for size in kernel)
    if kind == "max":
        return MaxPool(kernel, stride, padding, draw(st.booleans()))
    return MeanPool(kernel, stride, padding, draw(st.booleans()), draw(FUNCTIONS))


@st.composite
def _pairs(draw: st.DrawFn, low: int, high: int) -> Pair:
    return draw(st.integers(low, high)), draw(st.integers(low, high))
