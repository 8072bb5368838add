"""The CPU worker for fully connected layers: compiled and NumPy, against PyTorch and against gradients written out."""

import warnings
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deep3.compiler.network import reference
from deep3.compiler.network.layers import Convolution, Dense, Dropout, Flatten, Layer
from deep3.compiler.network.network import Network
from deep3.compiler.optimisers.optimiser import SGD, Adagrad, Momentum, Optimiser, Sgd
from deep3.hdl.contract.config import EngineConfig
from deep3.hdl.contract.fixed_point import from_q3_12, to_q3_12
from deep3.hdl.contract.program import Function, Loss
from deep3.host.workers import compiled_push, dense
from deep3.host.workers.compiled_push import CompiledPush, PushBuildError, compiled_function
from deep3.host.workers.dense import DenseBackend, can_compile
from deep3.host.workers.dense_steps import DRAWN, DenseSteps
from deep3.host.workers.numpy_push import numpy_push
from deep3.host.workers.open import open_workers, parse_workers
from deep3.host.workers.pytorch import PytorchBackend
from deep3.host.workers.threads import THREADING_MULTIPLY_ADDS

BATCH = 6
OPTIMISERS: tuple[Optimiser, ...] = (
    SGD, Sgd(weight_decay=0.5), Momentum(0.5), Momentum(0.25, weight_decay=0.5), Adagrad(), Adagrad(weight_decay=0.5),
)  # fmt: skip


@pytest.fixture
def no_library(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A process that has compiled nothing, with an empty cache."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    caches = (compiled_function, can_compile)
    for cache in caches:
        cache.cache_clear()
    yield tmp_path
    for cache in caches:
        cache.cache_clear()


@st.composite
def dense_networks(draw: st.DrawFn, dropout: bool = False) -> Network:
    functions = st.sampled_from([Function.TANH, Function.RELU, Function.SIGMOID, Function.IDENTITY])
    inputs = draw(st.integers(1, 20))
    layers: list[Layer] = []
    for units in draw(st.lists(st.integers(1, 20), max_size=3)):
        if dropout and draw(st.booleans()):
            layers.append(Dropout(draw(st.sampled_from([0.0, 0.25, 0.5]))))
        layers.append(Dense(units, draw(functions)))
    layers.append(Dense(draw(st.integers(2, 9))))
    return Network((inputs,), tuple(layers), draw(st.sampled_from([Loss.SOFTMAX, Loss.MSE])))


def problem(network: Network, seed: int, batches: int = 3) -> tuple[list[np.ndarray], np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    weights = [rng.normal(0, 0.5, shape) for shape in network.weight_shapes]
    inputs = to_q3_12(rng.uniform(-2, 2, (batches, BATCH, network.inputs)), "inputs")
    return weights, inputs, rng.integers(0, network.classes, (batches, BATCH))


@settings(max_examples=60, deadline=None)
@given(dense_networks(), st.sampled_from(OPTIMISERS), st.booleans(), st.booleans(), st.integers(0, 2**32 - 1))
def test_a_push_is_that_of_pytorch(
    network: Network, optimiser: Optimiser, compiled: bool, has_state: bool, seed: int
) -> None:
    weights, inputs, labels = problem(network, seed)
    state = [np.abs(matrix) / 8 + 0.1 for matrix in weights] if has_state and optimiser.state else []
    wanted = PytorchBackend(network, optimiser=optimiser).train(weights, inputs, labels, 1 / 64, 1, state)
    got = DenseBackend(network, optimiser, compiled).train(weights, inputs, labels, 1 / 64, 1, state)
    assert len(got.state_difference) == len(wanted.state_difference)
    for here, there in zip(
        got.difference + got.state_difference, wanted.difference + wanted.state_difference, strict=True
    ):
        np.testing.assert_allclose(here, there, rtol=1e-3, atol=3e-5)
    assert abs(got.correct - wanted.correct) <= 1


@settings(max_examples=60, deadline=None)
@given(dense_networks(dropout=True), st.sampled_from(OPTIMISERS), st.integers(0, 2**32 - 1))
def test_compiled_and_numpy_compute_the_same(network: Network, optimiser: Optimiser, seed: int) -> None:
    weights, inputs, labels = problem(network, seed)
    state = [np.ones_like(matrix) for matrix in weights] if optimiser.state else []
    first, second = (
        DenseBackend(network, optimiser, compiled).train(weights, inputs, labels, 1 / 64, seed, state)
        for compiled in (True, False)
    )
    for here, there in zip(
        first.difference + first.state_difference, second.difference + second.state_difference, strict=True
    ):
        np.testing.assert_allclose(here, there, atol=1e-6, rtol=1e-5)


@settings(max_examples=40, deadline=None)
@given(dense_networks(dropout=True), st.booleans(), st.integers(0, 2**32 - 1))
def test_dropout_drops_what_was_drawn(network: Network, compiled: bool, seed: int) -> None:
    weights, inputs, labels = problem(network, seed, batches=1)
    drawn = DenseSteps(network, BATCH, SGD).draw(1, seed)
    dropouts = [layer for layer in network.layers if isinstance(layer, Dropout)]
    kept = [numbers[0] >= layer.probability * DRAWN for layer, numbers in zip(dropouts, drawn, strict=True)]
    gradients = reference.gradients(network, weights, from_q3_12(inputs[0]), labels[0], kept)
    got = DenseBackend(network, SGD, compiled).train(weights, inputs, labels, 0.25, seed)
    for change, gradient in zip(got.difference, gradients, strict=True):
        np.testing.assert_allclose(change, -0.25 * gradient, rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize("probability", [0.0, 0.25, 0.75])
def test_as_many_values_are_dropped_as_asked(probability: float) -> None:
    network = Network((2000,), (Dropout(probability), Dense(2)))
    weights = [np.zeros((2, 2001))]
    inputs, labels = np.full((1, BATCH, 2000), 4096, np.int16), np.zeros((1, BATCH), np.int64)
    changes = [DenseBackend(network).train(weights, inputs, labels, 1.0, seed).difference[0] for seed in (1, 1, 2)]
    # All inputs are 1, and the error of each output 1/2: the mean change of a weight is that without dropout.
    assert abs(changes[0][0, :-1].mean() - 0.5) < 0.02
    np.testing.assert_array_equal(changes[0], changes[1])
    assert (changes[0] != changes[2]).any() == (probability > 0)


@pytest.mark.parametrize(("function", "bound"), [(Function.TANH, 2e-7), (Function.SIGMOID, 2e-7)])
def test_activation_functions_keep_their_bound(function: Function, bound: float) -> None:
    """Every multiple of 2^-12 within 8 and, from larger weights, of 2^-9 within 64."""
    words = np.arange(-32768, 32768, 16, dtype=np.int16)
    net = DenseSteps(Network.uniform((1, 32, 2), function), len(words), SGD)
    factors = np.arange(32) / 4 + 0.25
    net.dense[0].weights[:, 0] = factors
    CompiledPush(net)(words.reshape(1, -1, 1), np.zeros((1, len(words)), np.int64), 0.0, [])
    z = np.outer(from_q3_12(words), factors)
    wanted = np.tanh(z) if function is Function.TANH else 1 / (1 + np.exp(-z))
    assert np.abs(net.steps[0].values[:, :-1] - wanted).max() < bound


def test_softmax_keeps_its_bound_and_takes_any_logits() -> None:
    words = np.arange(-32768, 32768, 16, dtype=np.int16)
    net = DenseSteps(Network.uniform((1, 2)), len(words), SGD)
    net.dense[0].weights[:, 0] = (0, 30)
    CompiledPush(net)(words.reshape(1, -1, 1), np.zeros((1, len(words)), np.int64), 0.0, [])
    found = net.errors[0].reshape(-1, 2) + np.array([1, 0])
    logit = 30 * from_q3_12(words)
    np.testing.assert_allclose(found[:, 1], np.exp(logit - np.logaddexp(0, logit)), atol=2e-7)


@pytest.mark.parametrize("compiled", [True, False])
def test_training_that_diverges_leaves_the_numbers_without_a_warning(compiled: bool) -> None:
    network = Network.uniform((5, 4, 3), Function.RELU, Loss.MSE)
    weights, inputs, labels = problem(network, 1, batches=40)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        trained = DenseBackend(network, SGD, compiled).train(weights, inputs, labels, 1e6, 1)
    assert not all(np.isfinite(change).all() for change in trained.difference)


@pytest.mark.parametrize("compiled", [True, False])
def test_samples_that_are_maps_come_flat(compiled: bool) -> None:
    maps, flat = Network((2, 3, 4), (Flatten(), Dense(3))), Network((24,), (Dense(3),))
    weights, inputs, labels = problem(flat, 2)
    first, second = (DenseBackend(each, SGD, compiled).train(weights, inputs, labels, 0.25, 1) for each in (maps, flat))
    np.testing.assert_array_equal(first.difference[0], second.difference[0])


def test_a_worker_takes_batches_of_another_size_and_keeps_nothing_of_the_last_push() -> None:
    network, optimiser = Network.uniform((5, 4, 3)), Momentum(0.5)
    weights, inputs, labels = problem(network, 3, batches=4)
    worker = DenseBackend(network, optimiser)
    first = worker.train(weights, inputs, labels, 0.25, 1)
    worker.train(weights, inputs[:, :2], labels[:, :2], 0.25, 1)
    second = worker.train(weights, inputs, labels, 0.25, 1)
    np.testing.assert_array_equal(first.difference[0], second.difference[0])


def test_wrong_batches_and_labels_are_refused() -> None:
    network = Network.uniform((5, 3))
    weights, inputs, labels = problem(network, 4)
    for wrong in (3, -1):
        with pytest.raises(ValueError, match="labels must be from 0 to 2"):
            DenseBackend(network).train(weights, inputs, np.full_like(labels, wrong), 0.25, 1)
    with pytest.raises(ValueError, match="batches must hold 6 samples of 5 words"):
        DenseBackend(network).train(weights, inputs[..., :4], labels, 0.25, 1)


def opened(network: Network, batch: int = 8) -> str:
    with ExitStack() as stack:
        (worker,) = open_workers(parse_workers(["cpu:1"]), network, EngineConfig(), batch, stack)
        return type(worker).__name__


def test_which_networks_are_compiled(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_WAIT_POLICY", "passive")
    assert opened(Network((4,), (Dropout(0.5), Dense(3)))) == "DenseBackend"
    assert opened(Network((1, 4, 4), (Convolution(2, (3, 3)), Flatten(), Dense(3)))) == "PytorchBackend"
    monkeypatch.setattr("deep3.host.workers.threads.usable_cores", lambda environment: 2)
    wide = Network.uniform((1000, 1000, 10))
    assert opened(wide, THREADING_MULTIPLY_ADDS // wide.training_multiply_adds - 1) == "DenseBackend"
    assert opened(wide, THREADING_MULTIPLY_ADDS // wide.training_multiply_adds + 1) == "PytorchBackend"


def test_without_a_compiler_numpy_computes_and_that_is_said_once(
    no_library: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("CXX", "no-such-compiler")
    for _ in range(2):
        assert opened(Network.uniform((4, 3))) == "DenseBackend"
    assert capfd.readouterr().err == (
        "deep3: cpu workers compute with NumPy, which takes longer: no-such-compiler: No such file or directory\n"
    )
    with pytest.raises(PushBuildError, match="no-such-compiler"):
        CompiledPush(DenseSteps(Network.uniform((4, 3)), 2, SGD))
    network = Network.uniform((4, 3))
    weights, inputs, labels = problem(network, 5)
    with ExitStack() as stack:
        (worker,) = open_workers(parse_workers(["cpu:1"]), network, EngineConfig(), BATCH, stack)
        assert np.abs(worker.train(weights, inputs, labels, 0.25, 1).difference[0]).max() > 0
    assert list((no_library / "deep3").iterdir()) == []


def test_a_compiler_that_fails_is_quoted_in_one_line(no_library: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = no_library / "broken.cpp"
    source.write_text("int f( {", encoding="utf-8")
    monkeypatch.setattr(compiled_push, "SOURCE", source)
    with pytest.raises(PushBuildError, match=r"fails: .*broken\.cpp:1.*error") as error:
        compiled_function()
    assert "\n" not in str(error.value)


def test_what_is_compiled_is_kept_for_the_next_process(no_library: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    compiled_function()
    compiled_function.cache_clear()
    monkeypatch.setenv("CXX", "no-such-compiler")
    compiled_function()
    assert dense.can_compile()


def test_numpy_push_counts_what_is_right() -> None:
    network = Network.uniform((3, 3))
    net = DenseSteps(network, 3, SGD)
    net.dense[0].weights[:, :3] = np.eye(3)
    words = (4096 * np.eye(3)).astype(np.int16)[np.newaxis]
    for push in (CompiledPush(net), lambda *rest: numpy_push(net, *rest)):
        assert push(words, np.array([[0, 1, 0]]), 0.0, []) == 2
