"""Files of ONNX that are written: onnxruntime computes with them what the reference computes, and they come back."""

from pathlib import Path

import numpy as np
import onnxruntime
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from random_networks import dense_networks, map_networks

from deep3.compiler.exporters.onnx_file import onnx_model, write_onnx
from deep3.compiler.importers.lower import lower_graph
from deep3.compiler.importers.onnx_file import read_onnx
from deep3.compiler.network import reference
from deep3.compiler.network.layers import Dropout, MeanPool
from deep3.compiler.network.network import Network
from deep3.files import OutputError


def random_weights(network: Network, rng: np.random.Generator) -> list[np.ndarray]:
    return [rng.normal(size=shape).clip(-4, 4).astype(np.float32) for shape in network.weight_shapes]


@settings(max_examples=80, deadline=None)
@given(st.one_of(dense_networks(), map_networks()), st.integers(0, 2**32 - 1))
def test_random_networks_run_in_onnxruntime(network: Network, seed: int) -> None:
    rng = np.random.default_rng(seed)
    weights = random_weights(network, rng)
    x = rng.normal(size=(4, *network.input_shape)).astype(np.float32)
    session = onnxruntime.InferenceSession(onnx_model(network, weights).SerializeToString())
    (found,) = session.run(["outputs"], {"samples": x})
    np.testing.assert_allclose(found, reference.outputs(network, weights, x), rtol=2e-4, atol=2e-4)


def returns_as_it_was(network: Network) -> bool:
    """A leading flatten, a dropout of nothing and zeros that count beside what does not count are told otherwise."""
    mixed = any(isinstance(layer, MeanPool) and layer.ceil and any(layer.padding) for layer in network.layers)
    return not mixed and Dropout(0) not in network.layers


@settings(max_examples=80, deadline=None)
@given(network=st.one_of(dense_networks(), map_networks()).filter(returns_as_it_was), seed=st.integers(0, 2**32 - 1))
def test_random_networks_come_back(tmp_path_factory: pytest.TempPathFactory, network: Network, seed: int) -> None:
    rng = np.random.default_rng(seed)
    weights = random_weights(network, rng)
    path = tmp_path_factory.getbasetemp() / "network.onnx"
    write_onnx(path, network, weights)
    again = lower_graph(read_onnx(path, network.input_shape))
    for matrix, before in zip(again.weights, weights, strict=True):
        np.testing.assert_array_equal(matrix, before)
    x = rng.normal(size=(4, network.inputs))
    found = reference.outputs(again.network, again.weights, x)
    np.testing.assert_allclose(found, reference.outputs(network, again.weights, x), rtol=1e-9, atol=1e-9)


def test_a_file_that_cannot_be_written_is_refused(tmp_path: Path) -> None:
    network = Network.uniform((2, 2))
    with pytest.raises(OutputError, match="there is no folder"):
        write_onnx(tmp_path / "none" / "network.onnx", network, [np.zeros((2, 3))])
