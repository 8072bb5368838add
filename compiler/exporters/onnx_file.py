"""A network and its weights as an ONNX file."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from deep3.compiler.network.layers import Convolution, Dense, Dropout, Flatten, Layer, MaxPool, MeanPool, Pair, Shape
from deep3.compiler.network.network import Network
from deep3.files import write_bytes
from deep3.hdl.contract.program import Function

if TYPE_CHECKING:
    import onnx

__all__ = ["Step", "onnx_model", "write_onnx"]

OPSET = 17
"""Old enough for every runtime in use: Dropout takes its probability as an input since 12, Pad its sizes since 11."""
IR_VERSION = 8
"""The version of the file format that came with `OPSET`."""

FUNCTIONS = {Function.TANH: "Tanh", Function.RELU: "Relu", Function.SIGMOID: "Sigmoid"}


Step = tuple[str, NDArray[np.float32]]
"""In front of a network: the name of an operator of ONNX and its second input."""


def write_onnx(
    path: Path, network: Network, weights: Sequence[NDArray[np.floating]], steps: Sequence[Step] = ()
) -> None:
    """Write a file that takes ``samples``, ``batch x input_shape``, and gives ``outputs`` as they are before softmax.

    Parameters
    ----------
    weights
        A matrix for each layer that has weights; written in float32.
    steps
        What is done to samples before the first layer; where there is one, samples are vectors as it takes them.

    Raises
    ------
    OutputError
        When the file cannot be written.
    """
    write_bytes(str(path), onnx_model(network, weights, steps).SerializeToString())


def onnx_model(
    network: Network, weights: Sequence[NDArray[np.floating]], steps: Sequence[Step] = ()
) -> "onnx.ModelProto":
    """The model that `write_onnx` writes."""
    import onnx
    from onnx import helper

    graph = _Graph()
    for number, (kind, values) in enumerate(steps):
        graph.add(kind, f"step_{number}", [(f"step_{number}_values", values)])
    if steps and len(network.input_shape) > 1:
        graph.add("Reshape", "maps", [("maps_shape", np.array([-1, *network.input_shape]))])
    matrices = dict(zip(network.trained, weights, strict=True))
    for number, (layer, shape) in enumerate(zip(network.layers, network.shapes, strict=False)):
        graph.add_layer(f"layer_{number}", layer, shape, matrices.get(number))
    graph.add("Identity", "outputs", [])
    taken = steps[0][1].shape[:1] if steps else network.input_shape
    inputs, outputs = (
        helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, ["batch", *sizes])
        for name, sizes in (("samples", taken), ("outputs", (network.classes,)))
    )
    made = helper.make_graph(graph.nodes, "network", [inputs], [outputs], graph.arrays)
    opsets = [helper.make_opsetid("", OPSET)]
    model = helper.make_model(made, producer_name="deep3", opset_imports=opsets, ir_version=IR_VERSION)
    onnx.checker.check_model(model)
    return model


class _Graph:
    """Nodes, each of which takes what the one before it gives, and their arrays."""

    def __init__(self) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.arrays: list[onnx.TensorProto] = []
        self._value = "samples"

    def add(self, kind: str, output: str, arrays: list[tuple[str, NDArray[Any]]], **attributes: Any) -> None:
        """A node and its arrays."""
        from onnx import helper, numpy_helper

        self.arrays += [numpy_helper.from_array(values, name) for name, values in arrays]
        names = [self._value, *(name for name, _ in arrays)]
        self.nodes.append(helper.make_node(kind, names, [output], name=output, **attributes))
        self._value = output

    def add_layer(self, name: str, layer: Layer, shape: Shape, matrix: NDArray[np.floating] | None) -> None:
        """The nodes of one layer; ``shape`` is that of a sample before it."""
        if isinstance(layer, Dense | Convolution):
            assert matrix is not None
            self._add_weighted(name, layer, shape, matrix.astype(np.float32))
        elif isinstance(layer, MaxPool):
            self.add("MaxPool", name, [], **_window(layer, _ends(layer, shape)))
        elif isinstance(layer, MeanPool):
            self._add_mean_pool(name, layer, shape)
        elif isinstance(layer, Flatten):
            self.add("Flatten", name, [], axis=1)
        else:
            assert isinstance(layer, Dropout)
            self.add("Dropout", name, [(f"{name}_ratio", np.array(layer.probability, np.float32))])
        if isinstance(layer, Dense | Convolution | MeanPool) and layer.function is not Function.IDENTITY:
            self.add(FUNCTIONS[layer.function], f"{name}_function", [])

    def _add_weighted(self, name: str, layer: Dense | Convolution, shape: Shape, matrix: NDArray[np.float32]) -> None:
        weight, bias = matrix[:, :-1], matrix[:, -1]
        if isinstance(layer, Dense):
            self.add("Gemm", name, [(f"{name}_weight", weight), (f"{name}_bias", bias)], transB=1)
            return
        kernels = weight.reshape(layer.maps, shape[0], *layer.kernel)
        arrays = [(f"{name}_weight", kernels), (f"{name}_bias", bias)]
        self.add("Conv", name, arrays, **_window(layer, layer.padding))

    def _add_mean_pool(self, name: str, layer: MeanPool, shape: Shape) -> None:
        """Zeros of the padding count, what lies beyond it does not: where there is both, the zeros are a node."""
        (down, across), ends = layer.padding, _ends(layer, shape)
        if ends == layer.padding:
            self.add("AveragePool", name, [], **_window(layer, ends), count_include_pad=1)
            return
        if layer.padding != (0, 0):
            sides = np.array([0, 0, down, across, 0, 0, down, across])
            self.add("Pad", f"{name}_padding", [(f"{name}_sides", sides)])
        beyond = ends[0] - down, ends[1] - across
        self.add("AveragePool", name, [], **_window(MeanPool(layer.kernel, layer.stride), beyond), count_include_pad=0)


def _window(layer: Convolution | MaxPool | MeanPool, ends: Pair) -> dict[str, Any]:
    """Padding is written out, so that it does not matter what a runtime makes of ceil_mode."""
    return {"kernel_shape": layer.kernel, "strides": layer.stride, "pads": [*layer.padding, *ends]}


def _ends(layer: MaxPool | MeanPool, shape: Shape) -> Pair:
    """Padding below and on the right: as far as the last windows reach, and no less than above and on the left."""
    (height, width), sizes = shape[1:], layer.output_shape(shape)[1:]
    down, across = (
        max(padding, (windows - 1) * stride + kernel - padding - there)
        for there, windows, kernel, stride, padding in zip(
            (height, width), sizes, layer.kernel, layer.stride, layer.padding, strict=True
        )
    )
    return down, across
