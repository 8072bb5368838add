"""The float reference against PyTorch: outputs, losses and gradients of random networks."""

import re

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from random_networks import dense_networks, map_networks
from torch_network import torch_losses, torch_outputs

from deep3.compiler.network import reference
from deep3.compiler.network.layers import Convolution, Dense, Dropout, Flatten, LayerError, MaxPool
from deep3.compiler.network.network import Network, training_multiply_adds
from deep3.hdl.contract.program import Function


@settings(max_examples=60)
@given(dense_networks(), st.integers(0, 2**32 - 1))
def test_fully_connected_networks_are_those_of_pytorch(network: Network, seed: int) -> None:
    hold_against_pytorch(network, np.random.default_rng(seed), halves=False)


@settings(max_examples=150)
@given(map_networks(), st.integers(0, 2**32 - 1), st.booleans())
def test_networks_of_maps_are_those_of_pytorch(network: Network, seed: int, halves: bool) -> None:
    hold_against_pytorch(network, np.random.default_rng(seed), halves)


def hold_against_pytorch(network: Network, rng: np.random.Generator, halves: bool) -> None:
    """Outputs without dropout, losses and gradients with it; multiples of a half make ties in max pools."""
    scale = (lambda values: np.round(2 * values) / 2) if halves else (lambda values: values)
    weights = [scale(rng.normal(size=shape)) for shape in network.weight_shapes]
    x, labels = scale(rng.normal(size=(5, *network.input_shape))), rng.integers(0, network.classes, 5)
    parameters = [torch.tensor(matrix, requires_grad=True) for matrix in weights]
    y = reference.outputs(network, weights, x.reshape(5, -1))
    found_y = torch_outputs(network, parameters, torch.tensor(x)).detach().numpy()
    np.testing.assert_allclose(y, found_y, rtol=1e-9, atol=1e-10)
    each = torch_losses(network, torch.tensor(y), torch.tensor(labels)).numpy()
    np.testing.assert_allclose(reference.losses(network, y, labels), each, rtol=1e-9, atol=1e-12)
    kept = [
        rng.random((5, *shape)) >= layer.probability
        for layer, shape in zip(network.layers, network.shapes, strict=False)
        if isinstance(layer, Dropout)
    ]
    dropped = torch_outputs(network, parameters, torch.tensor(x), [torch.tensor(mask) for mask in kept])
    wanted = torch.autograd.grad(torch_losses(network, dropped, torch.tensor(labels)).mean(), parameters)
    for found, gradient in zip(reference.gradients(network, weights, x, labels, kept), wanted, strict=True):
        np.testing.assert_allclose(found, gradient.numpy(), rtol=1e-7, atol=1e-9)


def test_many_samples_give_in_blocks_what_they_give_together(monkeypatch: pytest.MonkeyPatch) -> None:
    network = Network((1, 6, 5), (Convolution(2, (3, 3), function=Function.TANH), Flatten(), Dense(3)))
    rng = np.random.default_rng(1)
    weights = [rng.normal(size=shape) for shape in network.weight_shapes]
    x = rng.normal(size=(7, 30))
    together = reference.outputs(network, weights, x)
    monkeypatch.setattr(reference, "BLOCK_VALUES", 2 * 9 * 12 + 1)
    np.testing.assert_allclose(reference.outputs(network, weights, x), together, rtol=1e-12)


def test_without_masks_dropout_is_off() -> None:
    with_dropout, without = (Network((3,), (*drop, Dense(2))) for drop in ((Dropout(0.5),), ()))
    rng = np.random.default_rng(2)
    weights, x, labels = [rng.normal(size=(2, 4))], rng.normal(size=(4, 3)), np.array([0, 1, 1, 0])
    found, wanted = (reference.gradients(network, weights, x, labels) for network in (with_dropout, without))
    np.testing.assert_array_equal(found[0], wanted[0])


def test_numbers_that_are_none_pass_a_max_pool() -> None:
    network = Network((1, 2, 2), (MaxPool((2, 2), (2, 2)), Flatten(), Dense(2)))
    x = np.array([[1.0, np.nan, 2.0, 3.0]])
    assert np.isnan(reference.outputs(network, [np.ones((2, 2))], x)).all()


@pytest.mark.parametrize("shape", [(3, 29), (3, 2, 15), (30,)])
def test_samples_of_another_size_are_refused(shape: tuple[int, ...]) -> None:
    network = Network((1, 6, 5), (Flatten(), Dense(3)))
    message = f"samples must have the shape (1, 6, 5), not {shape[1:]}"
    with pytest.raises(LayerError, match=f"^{re.escape(message)}$"):
        reference.outputs(network, [np.zeros((3, 31))], np.zeros(shape))


def test_a_network_knows_shapes_and_costs() -> None:
    network = Network((4,), (Dense(3, Function.RELU), Dense(2)))
    assert network == Network.dense((4, 3, 2), (Function.RELU, Function.IDENTITY))
    assert network.shapes == ((4,), (3,), (2,))
    assert network.parameters == 3 * 5 + 2 * 4
    # Forward and weight gradient of both layers, backward of the second.
    assert network.training_multiply_adds == training_multiply_adds((4, 3, 2)) == 2 * (12 + 6) + 6


@pytest.mark.parametrize(
    ("input_shape", "layers", "message"),
    [
        ((), (Dense(2),), "input_shape must be a tuple of sizes, not ()"),
        ((4,), (), "layers must be a tuple of one or more layers, not ()"),
        ((4, 4), (Dense(2),), "a dense layer takes a vector, not samples of the shape (4, 4)"),
        ((4,), (Dense(1),), "the last of sizes (classes) must be 2 or more, not 1"),
        ((4,), (Dense(2, Function.TANH),), "the last of functions must be IDENTITY, not TANH"),
    ],
)
def test_what_is_no_network_is_refused(
    input_shape: tuple[int, ...], layers: tuple[Dense, ...], message: str
) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        Network(input_shape, layers)
