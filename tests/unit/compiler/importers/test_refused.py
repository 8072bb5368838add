"""What cannot become a network is refused in one line: where in the model, why, and what would do."""

import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from onnx import TensorProto, helper, numpy_helper
from torch import nn
from torch.nn import functional

from deep3.compiler.exporters.onnx_file import write_onnx
from deep3.compiler.exporters.state_dict import state_dict
from deep3.compiler.importers.graph import ModelError, OtherSamples
from deep3.compiler.importers.lower import lower_graph
from deep3.compiler.importers.model import import_model
from deep3.compiler.importers.onnx_file import read_onnx
from deep3.compiler.importers.pytorch import read_module
from deep3.compiler.network.layers import Convolution, Dense, Flatten, MaxPool
from deep3.compiler.network.network import Network
from deep3.hdl.contract.program import Function, Loss

MAPS = (1, 8, 8)


class Of(nn.Module):
    """A module with the forward of a function."""

    def __init__(self, forward: Callable[..., torch.Tensor], **parts: object) -> None:
        super().__init__()
        for name, part in parts.items():
            setattr(self, name, part)
        self._function = forward

    def forward(self, *x: torch.Tensor) -> torch.Tensor:
        return self._function(self, *x)


def chain(*layers: nn.Module) -> nn.Module:
    return nn.Sequential(*layers)


def conv(**options: object) -> nn.Module:
    """A convolution before what makes a network of it."""
    return chain(nn.Conv2d(2, 2, 3, **options), nn.Flatten(), nn.LazyLinear(3))


def with_weight(value: float) -> nn.Module:
    model = nn.Linear(4, 3)
    with torch.no_grad():
        model.weight[1, 2] = value
    return model


def tied() -> nn.Module:
    model = chain(nn.Linear(4, 4), nn.Tanh(), nn.Linear(4, 4))
    model[2].weight = model[0].weight
    return model


MODELS: list[tuple[Callable[[], nn.Module], tuple[int, ...], str]] = [
    (
        lambda: chain(nn.Linear(4, 4), nn.GELU(), nn.Linear(4, 2)),
        (4,),
        "1 (GELU): there is no layer for gelu; leave it out; docs/models.md says what there is",
    ),
    (lambda: chain(nn.LSTM(4, 2)), (4,), "Sequential: it must have one input and one output, not 1 and 3"),
    (lambda: conv(dilation=2), (2, 8, 8), "0 (Conv2d): it has a dilation of (2, 2); use dilation=1"),
    (lambda: conv(groups=2), (2, 8, 8), "0 (Conv2d): it has 2 groups of channels; use groups=1"),
    (
        lambda: chain(nn.Conv2d(1, 2, (2, 3), padding="same"), nn.Flatten(), nn.Linear(128, 2)),
        MAPS,
        "0 (Conv2d): its padding is not the same on both sides (top, left, bottom, right: (0, 1, 1, 1)); "
        "use an odd kernel, or the same padding on both sides",
    ),
    (
        lambda: chain(nn.ZeroPad2d(1), nn.Conv2d(1, 2, 3)),
        MAPS,
        "0 (ZeroPad2d): padding stands alone; give the same padding on both sides to the convolution behind it",
    ),
    (
        lambda: chain(nn.MaxPool2d(2, dilation=2), nn.Flatten(), nn.Linear(9, 2)),
        MAPS,
        "0 (MaxPool2d): it has a dilation of (2, 2); use dilation=1",
    ),
    (
        lambda: chain(nn.AvgPool2d(3, 1, 1, count_include_pad=False), nn.Flatten(), nn.Linear(64, 2)),
        MAPS,
        "0 (AvgPool2d): it does not count its padding; use count_include_pad=True, or no padding",
    ),
    (
        lambda: chain(nn.AvgPool2d(2, divisor_override=3), nn.Flatten(), nn.Linear(16, 2)),
        MAPS,
        "0 (AvgPool2d): it divides by 3; use no divisor_override",
    ),
    (
        lambda: chain(nn.AdaptiveAvgPool2d(3), nn.Flatten(), nn.Linear(9, 2)),
        MAPS,
        "0 (AdaptiveAvgPool2d): an adaptive pool to (3, 3) has windows of several sizes on maps of (8, 8); "
        "use sizes that divide the maps, or a pool with a kernel",
    ),
    (
        lambda: chain(nn.Linear(4, 4), nn.Tanh(), nn.Sigmoid(), nn.Linear(4, 2)),
        (4,),
        "2 (Sigmoid): 0 (Linear) has the activation function TANH already; leave one of the two out",
    ),
    (
        lambda: chain(nn.Tanh(), nn.Linear(4, 2)),
        (4,),
        "0 (Tanh): it stands behind the input, which takes no activation function; "
        "put it behind a layer with weights or a mean pool",
    ),
    (
        lambda: chain(nn.Linear(4, 4), nn.Dropout(), nn.Tanh(), nn.Linear(4, 2)),
        (4,),
        "2 (Tanh): it stands behind 1 (Dropout), which takes no activation function; "
        "put it behind a layer with weights or a mean pool",
    ),
    (
        lambda: chain(nn.Linear(4, 4), nn.BatchNorm1d(4, track_running_stats=False), nn.Linear(4, 2)),
        (4,),
        "1 (BatchNorm1d): it keeps no running statistics; use track_running_stats=True",
    ),
    (
        lambda: chain(nn.Linear(4, 4), nn.BatchNorm1d(4), nn.BatchNorm1d(4), nn.Linear(4, 2)),
        (4,),
        "2 (BatchNorm1d): 1 (BatchNorm1d) is folded into that layer; leave one of them out",
    ),
    (
        lambda: chain(nn.Linear(4, 3), nn.Softmax(1), nn.Linear(3, 2)),
        (4,),
        "1 (Softmax): softmax is not the last operator; leave it out: the loss brings it",
    ),
    (
        lambda: chain(nn.Linear(4, 3), nn.Softmax(0)),
        (4,),
        "1 (Softmax): it is not over the classes of a vector; use one over dimension 1, or none",
    ),
    (tied, (4,), "2 (Linear): 2.weight is also that of 0 (Linear); give every layer weights of its own"),
    (
        lambda: with_weight(float("nan")),
        (4,),
        "Linear: weight must be finite, but 1 of 12 values are not, the first at (1, 2); load weights that are numbers",
    ),
    (
        lambda: with_weight(-8.5),
        (4,),
        "Linear: weight must lie in [-8, 8), but 1 of 12 values do not, -8.5 the worst; train it with weight decay",
    ),
    (
        lambda: nn.Linear(5, 3),
        (4,),
        "Linear: it does not take samples of the shape (4,): RuntimeError: mat1 and mat2 shapes cannot be multiplied "
        "(3x4 and 5x3)",
    ),
    (
        lambda: Of(lambda self, x: self.layer(x) if x.sum() > 1 else self.layer(-x), layer=nn.Linear(4, 3)),
        (4,),
        "Of: PyTorch finds no graph in it: ",
    ),
    (
        lambda: Of(lambda self, x: self.layer(functional.dropout(x)), layer=nn.Linear(4, 3)),
        (4,),
        "dropout in Of: it drops values in evaluation too; pass training=self.training, or use nn.Dropout",
    ),
    (
        lambda: Of(lambda self, x: self.layer(x.view(-1, 8)), layer=nn.Linear(8, 3)),
        (16,),
        "view in Of: it makes samples of the shape (8,) out of (16,); maps can become a vector and nothing else",
    ),
    (
        lambda: Of(lambda self, x: self.layer(x) @ x.T, layer=nn.Linear(4, 4)),
        (4,),
        "numpy_T in Of: there is no layer for numpy_T; leave it out; docs/models.md says what there is",
    ),
    (
        lambda: Of(lambda self, x: (self.layer(x), x), layer=nn.Linear(4, 4)),
        (4,),
        "Of: it must have one input and one output, not 1 and 2",
    ),
    (
        lambda: Of(
            lambda self, x: self.layer(x + self.shift), layer=nn.Linear(4, 4), shift=nn.Parameter(torch.ones(4))
        ),
        (4,),
        "add in Of: it adds a constant (shift) that is no bias of the layer before it; "
        "leave it out, or apply it to the data",
    ),
    (
        lambda: chain(nn.Conv2d(1, 2, 3), nn.Linear(6, 3)),
        MAPS,
        "1 (Linear): it takes a vector, not samples of the shape (2, 6, 6); put a Flatten before it",
    ),
    (
        lambda: chain(nn.utils.parametrizations.weight_norm(nn.Linear(4, 3))),
        (4,),
        "0.parametrizations.weight.0 (_WeightNorm): there is no layer for _weight_norm; leave it out; "
        "docs/models.md says what there is",
    ),
    (
        lambda: chain(nn.Flatten()),
        MAPS,
        "Sequential: there is no layer with weights in it; it takes a Linear or a convolution",
    ),
    (
        lambda: chain(nn.Conv2d(1, 2, 3)),
        MAPS,
        "Sequential: its end (0 (Conv2d)) is none of a network: the last layer must give a vector, "
        "not maps of shape (2, 6, 6); add Flatten",
    ),
]


@pytest.mark.parametrize(("make", "shape", "message"), MODELS)
def test_a_module_that_is_no_network(make: Callable[[], nn.Module], shape: tuple[int, ...], message: str) -> None:
    torch.manual_seed(1)
    model = make()
    if any(isinstance(part, nn.LazyLinear) for part in model.modules()):
        model(torch.zeros(1, *shape))
    with pytest.raises(ModelError, match=f"^{re.escape(message)}") as caught:
        lower_graph(read_module(model, shape))
    assert "\n" not in str(caught.value)
    assert str(caught.value) == message or message.endswith(": ")


def test_a_softmax_does_not_go_with_mean_squares() -> None:
    message = "1 (Softmax): softmax does not go with the loss mse; take loss softmax, or leave it out"
    with pytest.raises(ModelError, match=f"^{re.escape(message)}$"):
        lower_graph(read_module(chain(nn.Linear(4, 3), nn.Softmax(1)), (4,)), Loss.MSE)


def test_what_changes_nothing_becomes_no_layer() -> None:
    model = chain(
        nn.Identity(), nn.Conv2d(1, 2, 3, bias=False), nn.MaxPool2d(2), nn.Flatten(), nn.Dropout(0.25), nn.ReLU(),
        nn.ReLU(), nn.Dropout(0), nn.Linear(18, 4), nn.Softmax(-1), nn.Identity(),
    )  # fmt: skip
    imported = lower_graph(read_module(model, MAPS))
    assert [type(layer).__name__ for layer in imported.network.layers] == [
        "Convolution", "MaxPool", "Flatten", "Dropout", "Dense",
    ]  # fmt: skip
    first = imported.network.layers[0]
    assert isinstance(first, Convolution)
    assert first.function is Function.RELU
    assert not imported.weights[0][:, -1].any()


def test_a_module_of_vectors_is_a_fully_connected_network() -> None:
    model = chain(nn.Flatten(), nn.Linear(64, 16), nn.ReLU(), nn.Linear(16, 4))
    network = lower_graph(read_module(model, MAPS)).network
    assert network == Network.uniform((64, 16, 4), Function.RELU)
    assert network.is_dense


def test_a_bias_that_the_module_has_no_place_for_does_not_go_back() -> None:
    model = chain(nn.Linear(4, 3, bias=False))
    imported = lower_graph(read_module(model, (4,)))
    assert set(state_dict(model, imported.sources, imported.weights)) == {"0.weight"}
    message = (
        "0 (Linear): its trained bias has no place in the module; make the layer with bias=True before training, "
        "or write an ONNX file"
    )
    with pytest.raises(ModelError, match=f"^{re.escape(message)}$"):
        state_dict(model, imported.sources, [imported.weights[0] + 1])


NETWORK = Network((1, 4, 4), (Convolution(2, (3, 3)), MaxPool((2, 2), (2, 2)), Flatten(), Dense(3)))


def written(path: Path) -> Path:
    rng = np.random.default_rng(1)
    write_onnx(path, NETWORK, [rng.normal(size=shape) for shape in NETWORK.weight_shapes])
    return path


def test_a_file_cut_anywhere_is_refused(tmp_path: Path) -> None:
    whole = written(tmp_path / "whole.onnx").read_bytes()
    cut = tmp_path / "cut.onnx"
    for length in range(0, len(whole), 37):
        cut.write_bytes(whole[:length])
        with pytest.raises(ModelError) as caught:
            lower_graph(read_onnx(cut, (1, 4, 4)))
        assert "\n" not in str(caught.value)
    cut.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(ModelError, match=f"^{re.escape(str(cut))}: damaged, or no ONNX file; write it again$"):
        read_onnx(cut, (1, 4, 4))


def test_a_file_that_is_not_there_is_refused() -> None:
    with pytest.raises(ModelError, match=r"^no\.onnx: there is no such file$"):
        read_onnx(Path("no.onnx"), (4,))


def save(path: Path, nodes: list[onnx.NodeProto], shape: list[object], **arrays: np.ndarray) -> Path:
    """A file with one input ``x`` and one output ``y``."""
    graph = helper.make_graph(
        nodes,
        "graph",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["batch", "classes"])],
        [numpy_helper.from_array(values, name) for name, values in arrays.items()],
    )
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid("qonnx.custom_op.general", 1)]
    onnx.save(helper.make_model(graph, opset_imports=opsets, ir_version=8), path)
    return path


W = np.random.default_rng(1).normal(size=(4, 3)).astype(np.float32)


@pytest.mark.parametrize(
    ("nodes", "message"),
    [
        (
            [helper.make_node("Gemm", ["x", "w"], ["y"], name="fc", alpha=2.0)],
            "node 'fc' (Gemm): it scales or transposes its input; use alpha=1, beta=1 and transA=0",
        ),
        (
            [helper.make_node("MatMul", ["x", "w"], ["h"]), helper.make_node("Erf", ["h"], ["y"])],
            "node number 1 (Erf): there is no layer for Erf; leave it out; docs/models.md says what there is",
        ),
        (
            [helper.make_node("MatMul", ["x", "w"], ["h"]), helper.make_node("Add", ["h", "h"], ["y"], name="sum")],
            "node 'sum' (Add): it adds two values, as a residual connection does; "
            "a network is one chain of layers: leave it out",
        ),
        (
            [helper.make_node("Quant", ["x", "one", "zero", "bits"], ["h"], domain="qonnx.custom_op.general", name="q"),
             helper.make_node("MatMul", ["h", "w"], ["y"])],
            "node 'q' (Quant): it quantises activations, which no layer does; "
            "leave it out: activations are rounded to Q3.12 by the engine",
        ),
    ],
)  # fmt: skip
def test_a_node_that_is_no_layer(tmp_path: Path, nodes: list[onnx.NodeProto], message: str) -> None:
    one = {name: np.array(value, np.float32) for name, value in (("one", 1), ("zero", 0), ("bits", 4))}
    path = save(tmp_path / "model.onnx", nodes, ["batch", 4], w=W, **one)
    with pytest.raises(ModelError, match=f"^{re.escape(message)}$"):
        lower_graph(read_onnx(path, (4,)))


def test_open_shapes_are_those_of_the_samples(tmp_path: Path) -> None:
    node = helper.make_node("GlobalAveragePool", ["x"], ["h"])
    nodes = [node, helper.make_node("Flatten", ["h"], ["f"]), helper.make_node("Gemm", ["f", "w"], ["y"])]
    path = save(tmp_path / "model.onnx", nodes, ["batch", 4, "height", "width"], w=W)
    assert lower_graph(read_onnx(path, (4, 6, 5))).network.input_shape == (4, 6, 5)
    for shape in ((3, 6, 5), (120,)):
        message = f"{path}: it takes samples of the shape (4, height, width), not {shape}"
        with pytest.raises(OtherSamples, match=f"^{re.escape(message)}$"):
            read_onnx(path, shape)


def test_the_first_shape_that_a_model_takes_is_that_of_the_network() -> None:
    model = chain(nn.Conv2d(1, 2, 3), nn.Flatten(), nn.Linear(72, 3))
    assert import_model(model, [(64,), (1, 8, 8)]).network.input_shape == (1, 8, 8)
    with pytest.raises(OtherSamples, match=r"^Sequential: it does not take samples of the shape \(64,\): "):
        import_model(model, [(64,), (1, 7, 8)])


def test_quantised_weights_are_those_of_qonnx(tmp_path: Path) -> None:
    arrays = {
        "w": np.array([[0.3, -0.7], [1.9, -2.6]], np.float32),
        "scale": np.array(0.5, np.float32), "zero": np.array(0, np.float32), "bits": np.array(3, np.float32),
    }  # fmt: skip
    names = ["w", "scale", "zero", "bits"]
    quant = helper.make_node("Quant", names, ["q"], domain="qonnx.custom_op.general", signed=1, narrow=1)
    path = save(tmp_path / "model.onnx", [quant, helper.make_node("MatMul", ["x", "q"], ["y"])], ["n", 2], **arrays)
    (matrix,) = lower_graph(read_onnx(path, (2,))).weights
    np.testing.assert_array_equal(matrix, [[0.5, 1.5, 0], [-0.5, -1.5, 0]])
