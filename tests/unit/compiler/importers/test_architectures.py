"""Published architectures: each becomes the network that computes the same, or is refused with its reason."""

import re
import warnings
from pathlib import Path

import numpy as np
import pytest
import torch
from architectures import ARCHITECTURES, Architecture, lowered, made
from torch import nn

from deep3.compiler.exporters.onnx_file import write_onnx
from deep3.compiler.exporters.state_dict import state_dict
from deep3.compiler.importers.chain import Imported
from deep3.compiler.importers.graph import ModelError
from deep3.compiler.importers.lower import lower_graph
from deep3.compiler.importers.onnx_file import read_onnx
from deep3.compiler.importers.pytorch import read_module
from deep3.compiler.network import reference

LOWERED = pytest.mark.parametrize("architecture", list(lowered()), ids=lambda architecture: architecture.name)


def samples(architecture: Architecture) -> np.ndarray:
    return np.random.default_rng(1).normal(size=(5, *architecture.input_shape))


def computed(model: nn.Module, x: np.ndarray) -> np.ndarray:
    """Outputs of a model in float64, before any softmax or its logarithm up to what these leave open."""
    with torch.no_grad():
        y = model.double().eval()(torch.tensor(x)).numpy()
    softmax = isinstance(model, nn.Sequential) and isinstance(model[-1], nn.Softmax)
    return np.log(y) if softmax else y


def hold(found: np.ndarray, wanted: np.ndarray, model: nn.Module, rtol: float = 1e-5, atol: float = 1e-7) -> None:
    if isinstance(model, nn.Sequential) and isinstance(model[-1], nn.Softmax | nn.LogSoftmax):
        found, wanted = (y - y.mean(axis=1, keepdims=True) for y in (found, wanted))
    np.testing.assert_allclose(found, wanted, rtol=rtol, atol=atol)


def imported(architecture: Architecture, model: nn.Module) -> Imported:
    return lower_graph(read_module(model, architecture.input_shape))


@pytest.mark.parametrize("architecture", ARCHITECTURES, ids=lambda architecture: architecture.name)
def test_an_architecture_is_lowered_or_refused(architecture: Architecture) -> None:
    model = made(architecture)
    if architecture.refused is not None:
        with pytest.raises(ModelError, match=f"^{re.escape(architecture.refused)}$"):
            imported(architecture, model)
        return
    found = imported(architecture, model)
    assert model.training
    x = samples(architecture)
    y = reference.outputs(found.network, found.weights, x.reshape(5, -1))
    hold(y, computed(model, x), model)


@LOWERED
def test_a_file_of_onnx_runs_elsewhere_and_comes_back(architecture: Architecture, tmp_path: Path) -> None:
    import onnxruntime

    found = imported(architecture, made(architecture))
    path = tmp_path / "network.onnx"
    write_onnx(path, found.network, found.weights)
    x = samples(architecture).astype(np.float32)
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    (y,) = session.run(["outputs"], {"samples": x.reshape(5, *found.network.input_shape)})
    wanted = reference.outputs(found.network, [matrix.astype(np.float32) for matrix in found.weights], x.reshape(5, -1))
    np.testing.assert_allclose(y, wanted, rtol=1e-3, atol=1e-4)
    np.testing.assert_array_equal(y.argmax(axis=1), wanted.argmax(axis=1))
    again = lower_graph(read_onnx(path, found.network.input_shape))
    assert again.network == found.network
    for matrix, before in zip(again.weights, found.weights, strict=True):
        np.testing.assert_array_equal(matrix, before.astype(np.float32))


@LOWERED
def test_what_pytorch_writes_as_onnx_is_the_same_network(architecture: Architecture, tmp_path: Path) -> None:
    model = made(architecture).eval()
    path = tmp_path / "model.onnx"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            model, (torch.zeros(2, *architecture.input_shape),), path, dynamo=False, input_names=["x"],
            dynamic_axes={"x": {0: "batch"}}, training=torch.onnx.TrainingMode.EVAL,
        )  # fmt: skip
    found = lower_graph(read_onnx(path, architecture.input_shape))
    x = samples(architecture)
    hold(reference.outputs(found.network, found.weights, x.reshape(5, -1)), computed(model, x), model, 1e-4, 1e-5)


@LOWERED
def test_trained_weights_go_back_into_the_module(architecture: Architecture) -> None:
    model = made(architecture)
    found = imported(architecture, model)
    rng = np.random.default_rng(2)
    trained = [matrix + rng.normal(0, 0.1, matrix.shape) for matrix in found.weights]
    without = [source for source in found.sources if source.bias is None and source.batch_norm is None]
    assert not without
    model.load_state_dict(state_dict(model, found.sources, trained), strict=True)
    x = samples(architecture)
    hold(reference.outputs(found.network, trained, x.reshape(5, -1)), computed(model, x), model, 1e-4, 1e-4)
