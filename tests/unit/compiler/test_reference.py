"""The float reference against PyTorch: outputs, losses and gradients of random networks."""

import re

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional

from deep3.compiler.network import reference
from deep3.compiler.network.layers import Dense
from deep3.compiler.network.network import Network, training_multiply_adds
from deep3.hdl.contract.program import Function, Loss

TORCH = {
    Function.IDENTITY: lambda z: z,
    Function.RELU: torch.relu,
    Function.TANH: torch.tanh,
    Function.SIGMOID: torch.sigmoid,
}


@st.composite
def networks(draw: st.DrawFn) -> Network:
    sizes = (*draw(st.lists(st.integers(1, 9), min_size=1, max_size=3)), draw(st.integers(2, 7)))
    functions = (*(draw(st.sampled_from(list(Function))) for _ in sizes[1:-1]), Function.IDENTITY)
    return Network.dense(sizes, functions, draw(st.sampled_from([Loss.SOFTMAX, Loss.MSE])))


@settings(max_examples=60)
@given(networks(), st.integers(0, 2**32 - 1))
def test_outputs_losses_and_gradients_are_those_of_pytorch(network: Network, seed: int) -> None:
    rng = np.random.default_rng(seed)
    weights = [
        rng.normal(size=layer.weight_shape(shape))
        for layer, shape in zip(network.layers, network.shapes, strict=False)
    ]
    x, labels = rng.normal(size=(5, network.inputs)), rng.integers(0, network.classes, 5)
    parameters = [torch.tensor(matrix, requires_grad=True) for matrix in weights]
    h = torch.tensor(x)
    for parameter, layer in zip(parameters, network.layers, strict=True):
        h = TORCH[layer.function](functional.linear(h, parameter[:, :-1], parameter[:, -1]))
    targets = torch.tensor(labels)
    if network.loss is Loss.MSE:
        each = 0.5 * (h - functional.one_hot(targets, network.classes)).square().sum(dim=1)
    else:
        each = functional.cross_entropy(h, targets, reduction="none")
    y = reference.outputs(network, weights, x)
    np.testing.assert_allclose(y, h.detach().numpy(), rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(reference.losses(network, y, labels), each.detach().numpy(), rtol=1e-9, atol=1e-12)
    wanted = torch.autograd.grad(each.mean(), parameters)
    for found, gradient in zip(reference.gradients(network, weights, x, labels), wanted, strict=True):
        np.testing.assert_allclose(found, gradient.numpy(), rtol=1e-7, atol=1e-10)


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
