"""What workers make of gradients: PyTorch's own optimisers step for step, and the engine after them."""

from collections.abc import Iterable

import numpy as np
import pytest
import torch

from deep3.compiler.network import reference
from deep3.compiler.network.layers import Convolution, Dense, Flatten, MaxPool
from deep3.compiler.network.network import Network
from deep3.compiler.optimisers.optimiser import Adagrad, Momentum, Optimiser, Sgd
from deep3.hdl.contract.fixed_point import from_q3_12, to_q3_12
from deep3.hdl.contract.program import Function
from deep3.host.global_network.global_network import GlobalNetwork, Weights
from deep3.host.workers.pytorch import PytorchBackend

BATCHES, BATCH = 6, 16
DENSE = Network.uniform((7, 12, 4))
MAPS = Network(
    (2, 6, 6), (Convolution(5, (3, 3), function=Function.TANH), MaxPool((2, 2), (2, 2)), Flatten(), Dense(4))
)
RATE = 0.0625


def problem(topology: Network) -> tuple[Weights, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(5)
    inputs = to_q3_12(rng.normal(size=(BATCHES, BATCH, topology.inputs)), "inputs")
    weights = GlobalNetwork.initialise(topology, 1.0, 5).weights
    return weights, inputs, rng.integers(0, topology.classes, (BATCHES, BATCH))


def of_torch(parameters: Iterable[torch.Tensor], optimiser: Optimiser) -> torch.optim.Optimizer:
    if isinstance(optimiser, Adagrad):
        return torch.optim.Adagrad(parameters, RATE, weight_decay=optimiser.weight_decay)
    momentum = optimiser.momentum if isinstance(optimiser, Momentum) else 0.0
    return torch.optim.SGD(parameters, RATE, momentum=momentum, weight_decay=optimiser.weight_decay)


def stepped(
    topology: Network, optimiser: Optimiser, weights: Weights, inputs: np.ndarray, labels: np.ndarray
) -> Weights:
    """Weights after all batches with gradients written out and PyTorch's optimiser, in float64."""
    parameters = [torch.tensor(matrix, requires_grad=True) for matrix in weights]
    descent = of_torch(parameters, optimiser)
    for x, y in zip(from_q3_12(inputs), labels, strict=True):
        shaped = x.reshape(-1, *topology.input_shape)
        gradients = reference.gradients(topology, [p.detach().numpy() for p in parameters], shaped, y)
        for parameter, gradient in zip(parameters, gradients, strict=True):
            parameter.grad = torch.from_numpy(gradient)
        descent.step()
    return [parameter.detach().numpy() for parameter in parameters]


@pytest.mark.parametrize("topology", [DENSE, MAPS], ids=["dense", "maps"])
@pytest.mark.parametrize("weight_decay", [0.0, 0.125])
@pytest.mark.parametrize("kind", [Sgd, Momentum, Adagrad])
def test_float32_steps_as_torch_does_whatever_the_pushes(
    kind: type[Optimiser], weight_decay: float, topology: Network
) -> None:
    optimiser = kind(weight_decay=weight_decay)
    weights, inputs, labels = problem(topology)
    worker = PytorchBackend(topology, optimiser=optimiser)
    found, state = [matrix.copy() for matrix in weights], []
    for first, last in ((0, 1), (1, 4), (4, BATCHES)):
        given = [matrix.copy() for matrix in state]
        trained = worker.train(found, inputs[first:last], labels[first:last], RATE, 1, state)
        assert all(np.array_equal(before, after) for before, after in zip(given, state, strict=True))
        found = [w + change for w, change in zip(found, trained.difference, strict=True)]
        before = state or [np.zeros_like(change) for change in trained.state_difference]
        state = [kept + change for kept, change in zip(before, trained.state_difference, strict=True)]
    assert len(state) == optimiser.state * len(weights)
    wanted = stepped(topology, optimiser, weights, inputs, labels)
    for got, after, start in zip(found, wanted, weights, strict=True):
        assert np.abs(after - start).max() > 0.01
        np.testing.assert_allclose(got, after, atol=5e-5)
