"""Workers: float32 against hand-written gradients, the engine's twin against float32, and what cannot start."""

from contextlib import ExitStack

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from random_networks import map_networks

from deep3.compiler.network import reference
from deep3.compiler.network.layers import Dense, Dropout
from deep3.compiler.network.network import Network
from deep3.hdl.contract.config import EngineConfig
from deep3.hdl.contract.fixed_point import from_q3_12, to_q3_12
from deep3.hdl.contract.program import Function, Loss
from deep3.host.global_network.global_network import GlobalNetwork, Weights
from deep3.host.workers.base import Backend, BackendError
from deep3.host.workers.open import WorkerSpec, open_workers, parse_workers
from deep3.host.workers.pytorch import PytorchBackend

BATCHES, BATCH = 6, 8


def problem(topology: Network) -> tuple[Weights, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(5)
    inputs = to_q3_12(rng.normal(size=(BATCHES, BATCH, topology.inputs)), "inputs")
    return (
        GlobalNetwork.initialise(topology, 1.0, 5).weights,
        inputs,
        rng.integers(0, topology.classes, (BATCHES, BATCH)),
    )


def open_one(text: str, topology: Network, stack: ExitStack) -> Backend:
    return open_workers(parse_workers([text]), topology, EngineConfig(), BATCH, stack)[0]


def tanh_softmax_descent(weights: Weights, inputs: np.ndarray, labels: np.ndarray, rate: float) -> tuple[Weights, int]:
    """Stochastic gradient descent written out for two layers, in float64."""
    first, second = (matrix.copy() for matrix in weights)
    correct = 0
    for x, y in zip(from_q3_12(inputs), labels, strict=True):
        x_one = np.column_stack([x, np.ones(len(x))])
        hidden = np.tanh(x_one @ first.T)
        hidden_one = np.column_stack([hidden, np.ones(len(x))])
        logits = hidden_one @ second.T
        correct += int((logits.argmax(axis=1) == y).sum())
        error = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
        error[np.arange(len(y)), y] -= 1
        back = (error @ second[:, :-1]) * (1 - hidden**2)
        second -= rate * error.T @ hidden_one / len(x)
        first -= rate * back.T @ x_one / len(x)
    return [first - weights[0], second - weights[1]], correct


def test_float32_equals_the_gradients_written_out() -> None:
    topology = Network.uniform((7, 6, 4))
    weights, inputs, labels = problem(topology)
    trained = PytorchBackend(topology).train(weights, inputs, labels, 0.25, seed=1)
    expected, correct = tanh_softmax_descent(weights, inputs, labels, 0.25)
    for got, wanted in zip(trained.difference, expected, strict=True):
        assert np.abs(wanted).max() > 0.01
        assert np.allclose(got, wanted, atol=1e-5)
    assert trained.correct == correct
    assert trained.engine_cycles == 0


@settings(max_examples=40, deadline=None)
@given(map_networks(), st.integers(1, 2**32 - 1))
def test_float32_descends_along_the_gradients_of_any_network(network: Network, seed: int) -> None:
    rng = np.random.default_rng(seed)
    layers = tuple(layer for layer in network.layers if not isinstance(layer, Dropout))
    network = Network(network.input_shape, layers, network.loss)
    weights = [rng.normal(size=shape) for shape in network.weight_shapes]
    inputs = to_q3_12(rng.normal(size=(1, BATCH, network.inputs)), "inputs")
    labels = rng.integers(0, network.classes, (1, BATCH))
    trained = PytorchBackend(network).train(weights, inputs, labels, 0.25, seed)
    expected = reference.gradients(network, weights, from_q3_12(inputs[0]), labels[0])
    for got, gradient in zip(trained.difference, expected, strict=True):
        np.testing.assert_allclose(got, -0.25 * gradient, rtol=1e-2, atol=1e-3)


def test_dropout_keeps_its_share_and_the_mean() -> None:
    network = Network((2000,), (Dropout(0.25), Dense(2)))
    weights = [np.zeros((2, 2001))]
    inputs, labels = np.full((1, 1, 2000), 4096, np.int16), np.zeros((1, 1), np.int64)
    changes = [PytorchBackend(network).train(weights, inputs, labels, 1.0, seed).difference[0] for seed in (1, 1, 2)]
    kept = changes[0][0, :-1] != 0
    assert 0.7 < kept.mean() < 0.8
    # What is kept is divided by the share: the gradient of a weight is its input times the error, 1/2.
    np.testing.assert_allclose(changes[0][0, :-1][kept], 0.5 / 0.75, rtol=1e-5)
    np.testing.assert_array_equal(changes[0], changes[1])
    assert (changes[0] != changes[2]).any()


@pytest.mark.parametrize("function", [Function.TANH, Function.RELU, Function.SIGMOID])
@pytest.mark.parametrize("loss", [Loss.SOFTMAX, Loss.MSE])
def test_the_engine_follows_float32(function: Function, loss: Loss) -> None:
    topology = Network.uniform((7, 12, 4), function, loss)
    weights, inputs, labels = problem(topology)
    rate = 0.125
    with ExitStack() as stack:
        engine = open_one("golden", topology, stack).train(weights, inputs, labels, rate, seed=3)
    reference = PytorchBackend(topology).train(weights, inputs, labels, rate, seed=3)
    for got, wanted in zip(engine.difference, reference.difference, strict=True):
        # Stochastic rounding errs by less than one step of 2^-12 a batch, mostly in opposite directions.
        assert np.linalg.norm(got - wanted) < 0.1 * np.linalg.norm(wanted)
    assert abs(engine.correct - reference.correct) <= 2
    assert engine.engine_cycles > 0


def test_dropout_on_the_engine_changes_weights_as_float32_does_on_average() -> None:
    topology = Network((7,), (Dense(24, Function.TANH), Dropout(0.5), Dense(4)))
    weights, inputs, labels = problem(topology)
    config = EngineConfig(convolution=True, dropout=True)
    backends: list[Backend] = [PytorchBackend(topology)]
    with ExitStack() as stack:
        backends += open_workers(parse_workers(["golden"]), topology, config, BATCH, stack)
        changes = [
            [backend.train(weights, inputs, labels, 0.03, seed).difference for seed in range(1, 41)]
            for backend in backends
        ]
    # The engine descends along the gradient of its own weights, twice the network's behind the dropout of a half.
    for matrix, share in enumerate((1.0, 0.25)):
        float32, engine = (np.mean([found[matrix] for found in runs], axis=0) for runs in changes)
        float32[:, :-1] *= share
        assert np.linalg.norm(engine - float32) < 0.3 * np.linalg.norm(float32)
    assert any((one != other).any() for one, other in zip(changes[1][0], changes[1][1], strict=True))


def test_the_engine_repeats_with_the_seed() -> None:
    topology = Network.uniform((7, 6, 4))
    weights, inputs, labels = problem(topology)
    with ExitStack() as stack:
        backend = open_one("golden", topology, stack)
        first, again, other = (backend.train(weights, inputs, labels, 0.25, seed) for seed in (9, 9, 10))
    assert all(np.array_equal(a, b) for a, b in zip(first.difference, again.difference, strict=True))
    assert not all(np.array_equal(a, b) for a, b in zip(first.difference, other.difference, strict=True))


def test_rounding_on_the_way_to_the_engine_is_not_part_of_the_change() -> None:
    topology = Network.uniform((7, 6, 4))
    weights, inputs, labels = problem(topology)
    weights[0] += 0.3 / 4096
    weights[0][0, 0] = 11.0
    with ExitStack() as stack:
        trained = open_one("golden", topology, stack).train(weights, inputs, labels, 2.0**-12, seed=1)
    steps = [matrix * 4096 for matrix in trained.difference]
    assert all(np.array_equal(matrix, np.round(matrix)) for matrix in steps)
    assert all(np.abs(matrix).max() <= BATCHES for matrix in steps)
    assert trained.clipped >= 1


def test_a_rate_out_of_reach_of_the_engine() -> None:
    topology = Network.uniform((7, 6, 4))
    weights, inputs, labels = problem(topology)
    with ExitStack() as stack, pytest.raises(BackendError) as caught:
        open_one("golden", topology, stack).train(weights, inputs, labels, 50.0, seed=1)
    assert str(caught.value).startswith("golden engine: learning_rate must be between ")
    assert str(caught.value).endswith("not 50.0")


def test_a_network_too_large_for_the_engine() -> None:
    with ExitStack() as stack, pytest.raises(BackendError) as caught:
        open_one("golden", Network.uniform((600, 600, 10)), stack)
    assert str(caught.value).startswith("local network (600, 600, 10) on golden engine: weights do not fit: ")


def test_an_engine_without_loss_unit() -> None:
    config = EngineConfig(loss_unit=False)
    with ExitStack() as stack, pytest.raises(BackendError) as caught:
        open_workers(parse_workers(["golden"]), Network.uniform((7, 6, 4)), config, BATCH, stack)
    assert str(caught.value) == "golden engine cannot train: loss_unit of its configuration must be true, not False"


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has a GPU")
def test_cuda_without_a_gpu() -> None:
    with ExitStack() as stack, pytest.raises(BackendError) as caught:
        open_one("cuda", Network.uniform((7, 6, 4)), stack)
    assert str(caught.value) == (
        "worker cuda needs an NVIDIA GPU and a CUDA build of PyTorch, and PyTorch finds none; use --worker cpu"
    )


@pytest.mark.skipif(not torch.cuda.is_available(), reason="this machine has no GPU")
def test_cuda_follows_the_cpu() -> None:
    topology = Network.uniform((7, 6, 4))
    weights, inputs, labels = problem(topology)
    results = [PytorchBackend(topology, device).train(weights, inputs, labels, 0.25, 1) for device in ("cpu", "cuda")]
    for one, other in zip(results[0].difference, results[1].difference, strict=True):
        assert np.allclose(one, other, atol=1e-5)


def test_workers_by_name() -> None:
    assert parse_workers(["board:ecpix"]) == [WorkerSpec("board", "board:ecpix", "ecpix:54321")]
    assert parse_workers(["cpu:2", "golden", "board:192.168.1.7:4660", "cpu"]) == [
        WorkerSpec("cpu", "cpu-1"),
        WorkerSpec("cpu", "cpu-2"),
        WorkerSpec("golden", "golden-1"),
        WorkerSpec("board", "board:192.168.1.7:4660", "192.168.1.7:4660"),
        WorkerSpec("cpu", "cpu-3"),
    ]


@pytest.mark.parametrize(
    ("texts", "message"),
    [
        ([], "workers must be between 1 and 64, not 0"),
        (["cpu:40", "golden:40"], "workers must be between 1 and 64, not 80"),
        (
            ["gpu"],
            "worker must be one of cpu, cuda, golden, virtual, board:HOST[:PORT] or serial:PORT[:BAUD], not 'gpu'",
        ),
        (["cpu:0"], "worker count must be between 1 and 64, not '0' (in 'cpu:0')"),
        (["cpu:"], "worker count must be between 1 and 64, not '' (in 'cpu:')"),
        (["cpu:-1"], "worker count must be between 1 and 64, not '-1' (in 'cpu:-1')"),
        (["board"], "worker board must be board:HOST[:PORT] with a port between 1 and 65535, not 'board'"),
        (["board:a:0"], "worker board must be board:HOST[:PORT] with a port between 1 and 65535, not 'board:a:0'"),
    ],
)
def test_workers_that_cannot_be(texts: list[str], message: str) -> None:
    with pytest.raises(BackendError) as caught:
        parse_workers(texts)
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("texts", "message"),
    [
        (
            ["board:127.0.0.1", "cpu", "board:localhost:54321"],
            "worker board:localhost:54321 is the same board as board:127.0.0.1: name every board once",
        ),
        (
            ["serial:/dev/null", "serial:/dev/../dev/null:115200"],
            "worker serial:/dev/../dev/null:115200 is the same board as serial:/dev/null: name every board once",
        ),
    ],
)
def test_a_board_named_twice(texts: list[str], message: str) -> None:
    with pytest.raises(BackendError) as caught:
        parse_workers(texts)
    assert str(caught.value) == message


def test_boards_on_two_ports_of_a_host_are_two() -> None:
    assert len(parse_workers(["board:127.0.0.1:4660", "board:127.0.0.1:4661", "serial:/dev/null", "cpu"])) == 4
