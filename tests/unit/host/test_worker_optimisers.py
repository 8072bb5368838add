"""What workers make of gradients: PyTorch's own optimisers step for step, and the engine after them."""

from collections.abc import Iterable
from contextlib import ExitStack

import numpy as np
import pytest
import torch

from deep3.compiler.network import reference
from deep3.compiler.network.layers import Convolution, Dense, Flatten, MaxPool
from deep3.compiler.network.network import Network
from deep3.compiler.optimisers.optimiser import Adagrad, Momentum, Optimiser, Sgd
from deep3.hdl.contract.config import EngineConfig
from deep3.hdl.contract.fixed_point import from_q3_12, to_q3_12
from deep3.hdl.contract.program import Function, Loss
from deep3.host.global_network.global_network import GlobalNetwork, Weights
from deep3.host.workers.open import open_workers, parse_workers
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
    parameters = [torch.tensor(matrix, dtype=torch.float64, requires_grad=True) for matrix in weights]
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


# Of maps that are pooled, near ties of noise fall out differently where activations are rounded.
@pytest.mark.parametrize(("topology", "tolerance"), [(DENSE, 0.12), (MAPS, 0.3)], ids=["dense", "maps"])
@pytest.mark.parametrize("optimiser", [Sgd(weight_decay=0.1), Momentum(0.75, weight_decay=0.1), Adagrad()], ids=str)
def test_the_engine_follows_float32_and_its_state_goes_on(
    optimiser: Optimiser, topology: Network, tolerance: float
) -> None:
    weights, inputs, labels = problem(topology)
    state = [np.full_like(matrix, 0.01) for matrix in weights] if optimiser.state else []
    config = EngineConfig(convolution=True, adagrad=True)
    float32 = PytorchBackend(topology, optimiser=optimiser).train(weights, inputs, labels, RATE, 3, state)
    anew = PytorchBackend(topology, optimiser=optimiser).train(weights, inputs, labels, RATE, 3)
    with ExitStack() as stack:
        (engine,) = open_workers(parse_workers(["golden"]), topology, config, BATCH, stack, optimiser=optimiser)
        first, again = (engine.train(weights, inputs, labels, RATE, 3, state) for _ in range(2))
    for name in ("difference", "state_difference"):
        found, repeated, wanted, other = (getattr(each, name) for each in (first, again, float32, anew))
        for a, b, c, d in zip(found, repeated, wanted, other, strict=True):
            assert np.array_equal(a, b)
            assert np.linalg.norm(a - c) < tolerance * np.linalg.norm(c)
            if optimiser.state and (name == "difference" or isinstance(optimiser, Momentum)):
                assert np.linalg.norm(d - c) > 2 * np.linalg.norm(a - c)


def test_sums_of_squares_end_where_the_engine_s_words_do() -> None:
    weights, inputs, labels = problem(DENSE)
    state = [np.full_like(matrix, 3.0) for matrix in weights]
    with ExitStack() as stack:
        config = EngineConfig(convolution=True, adagrad=True)
        (engine,) = open_workers(parse_workers(["golden"]), DENSE, config, BATCH, stack, optimiser=Adagrad())
        trained = engine.train(weights, inputs, labels, RATE, 3, state)
    assert not any(change.any() for change in trained.state_difference)
    assert trained.clipped == 0 or all(np.abs(change).max() < 1 for change in trained.difference)


@pytest.mark.parametrize("batch", [1, 5, 16, 100])
def test_a_word_of_adagrad_s_state_is_what_the_engine_adds(batch: int) -> None:
    """From zero, one batch: the state is the square of the mean gradient, on the engine to its rounding."""
    topology = Network.uniform((3, 4, 2), Function.IDENTITY)
    rng = np.random.default_rng(batch)
    weights = GlobalNetwork.initialise(topology, 1.0, 1).weights
    inputs = to_q3_12(0.3 * rng.normal(size=(1, batch, 3)) + 0.3, "inputs")
    labels = np.arange(batch)[np.newaxis] % 2
    config = EngineConfig(convolution=True, adagrad=True)
    with ExitStack() as stack:
        (engine,) = open_workers(parse_workers(["golden"]), topology, config, batch, stack, optimiser=Adagrad())
        found = engine.train(weights, inputs, labels, 0.01, 1).state_difference
    wanted = PytorchBackend(topology, optimiser=Adagrad()).train(weights, inputs, labels, 0.01, 1).state_difference
    for got, expected in zip(found, wanted, strict=True):
        np.testing.assert_allclose(got, expected, rtol=0.02, atol=2 * Adagrad().state_unit(batch))


@pytest.mark.parametrize("optimiser", [Sgd(weight_decay=0.05), Momentum(0.5, weight_decay=0.05)], ids=str)
def test_without_gradients_weights_decay_on_the_engine(optimiser: Optimiser) -> None:
    """Samples of zeros and targets that are reached: of the first layer there is nothing but its decay."""
    topology = Network.uniform((20, 12, 2), Function.IDENTITY, Loss.MSE)
    rng = np.random.default_rng(1)
    weights = [rng.uniform(-2, 2, shape) for shape in topology.weight_shapes]
    weights[1][:] = 0
    inputs, labels = np.zeros((50, BATCH, 20), np.int16), np.zeros((50, BATCH), np.int64)
    with ExitStack() as stack:
        config = EngineConfig(convolution=True)
        (engine,) = open_workers(parse_workers(["golden"]), topology, config, BATCH, stack, optimiser=optimiser)
        found = engine.train(weights, inputs, labels, RATE, 1).difference[0][:, :-1]
    wanted = PytorchBackend(topology, optimiser=optimiser).train(weights, inputs, labels, RATE, 1)
    expected = wanted.difference[0][:, :-1]
    assert np.abs(expected).max() > 0.1
    assert np.linalg.norm(found - expected) < 0.03 * np.linalg.norm(expected)
