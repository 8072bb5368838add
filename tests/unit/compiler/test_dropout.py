"""Dropout on the golden engine against a direct computation of all its values; what cannot be dropped."""

import numpy as np
import pytest
from convolution_reference import saturate
from engine_training import Run, engines, gradient_step, lowered_or_not, random_words
from hypothesis import given, settings
from hypothesis import strategies as st
from random_networks import map_networks

from deep3.compiler.dropout import engine_weights, kept, network_weights
from deep3.compiler.layout import DoesNotFit
from deep3.compiler.lowering import lower, quantise_rate
from deep3.compiler.network.layers import Convolution, Dense, Dropout, Flatten, Layer, MaxPool, MeanPool
from deep3.compiler.network.network import Network
from deep3.compiler.optimisers.optimiser import SGD
from deep3.compiler.steps import steps
from deep3.hdl.contract.config import EngineConfig
from deep3.hdl.contract.program import Function

NETWORKS = map_networks().filter(
    lambda network: any(isinstance(layer, Dropout) and layer.probability for layer in network.layers)
)
CONFIG = EngineConfig(
    activation_bank_words=8192, weight_bank_words=8192, max_layers=16, convolution=True, dropout=True
)
TANH = Function.TANH


def check(run: Run, rate: tuple[int, int]) -> None:
    """Three batches."""
    run.train(3, rate)
    for turn in range(3):
        run.drop()
        sums, random = run.sums(turn), random_words(run)["weights"]
        for index, old in enumerate(run.direct.weights):
            run.direct.weights[index] = saturate(old - gradient_step(sums[index], rate, random[index]), 16)
    for ours, theirs in zip(run.held(0), run.direct.weights, strict=True):
        np.testing.assert_array_equal(ours, theirs)


@settings(max_examples=100)
@given(
    NETWORKS, engines(), st.integers(1, 7), st.sampled_from([500, 5000]), st.integers(1, (1 << 32) - 1),
    st.floats(0.01, 0.9),
)  # fmt: skip
def test_training_with_dropout_equals_the_direct_computation(
    network: Network, config: EngineConfig, batch: int, scale: float, seed: int, rate: float
) -> None:
    lowered = lowered_or_not(network, config, batch, SGD)
    check(Run(lowered, np.random.default_rng(seed), scale, seed), quantise_rate(rate, batch))


@pytest.mark.parametrize(
    "layers",
    [
        # Behind maxima that are taken as results leave the array, before such that are not, twice, behind means.
        (Convolution(6, (3, 3), function=TANH), MaxPool((2, 2), (2, 2)), Dropout(0.5)),
        (Convolution(6, (3, 3), function=TANH), Dropout(0.3), MaxPool((2, 2), (2, 2)), Dropout(0.5)),
        (Convolution(6, (3, 3)), Dropout(0.3), Dropout(0.5), Convolution(5, (2, 2), function=TANH)),
        (Convolution(6, (3, 3)), MeanPool((3, 3), (2, 2), function=TANH), Dropout(0.25)),
        (MaxPool((3, 3), (2, 2)), Dropout(0.25)),
    ],
)  # fmt: skip
def test_dropout_beside_pools(layers: tuple[Layer, ...]) -> None:
    network = Network((2, 8, 8), (*layers, Flatten(), Dense(9, TANH), Dropout(0.4), Dense(5)))
    check(Run(lower(network, CONFIG, 4, 2), np.random.default_rng(1), 3000, 77), quantise_rate(0.3, 4))


def test_evaluation_drops_nothing() -> None:
    network = Network((4,), (Dense(5, TANH), Dropout(0.5), Dense(3)))
    lowered = lower(network, CONFIG, 4, 1)
    for program in (lowered.classify, lowered.forward):
        assert not any(instruction.dropout_threshold for instruction in program.instructions)


def test_the_share_that_is_dropped_is_the_probability() -> None:
    network = Network((4,), (Dense(200, TANH), Dropout(0.3), Dense(3)))
    run = Run(lower(network, CONFIG, 60, 2), np.random.default_rng(1), 3000, 5)
    run.drop()
    assert run.drops is not None
    # 12,000 values: the standard deviation of the share is 0.0042.
    assert abs(run.drops[0].mean() - 77 / 256) < 0.017


def test_weights_behind_dropout_are_larger_in_training() -> None:
    layers = (Convolution(3, (2, 2)), Dropout(0.5), MaxPool((2, 2), (2, 2)), Dropout(0.25), Flatten(), Dense(4))
    network = Network((1, 6, 6), layers)
    assert kept(steps(network)) == (1.0, 0.5 * 0.75)
    weights = [np.random.default_rng(2).normal(size=shape) for shape in network.weight_shapes]
    inside = engine_weights(steps(network), weights)
    np.testing.assert_array_equal(inside[0], weights[0])
    np.testing.assert_allclose(inside[1][:, :-1] * 0.375, weights[1][:, :-1])
    np.testing.assert_array_equal(inside[1][:, -1], weights[1][:, -1])
    for ours, theirs in zip(network_weights(steps(network), inside), weights, strict=True):
        np.testing.assert_allclose(ours, theirs)


@pytest.mark.parametrize(
    ("layers", "message"),
    [
        (
            (Dropout(0.5), Flatten(), Dense(3)),
            "layer 0 does not fit: dropout of inputs; the engine drops results of layers",
        ),
        (
            (Convolution(2, (1, 1)), Dropout(0.5), MeanPool((2, 2), (2, 2), function=TANH), Flatten(), Dense(3)),
            "layer 2 does not fit: tanh of dropped values behind layer 0",
        ),
        (
            (Flatten(), Dense(3), Dropout(0.5)),
            "dropout behind layer 1 does not fit: a layer with weights needed behind it",
        ),
        (
            (Flatten(), Dense(3), Dropout(0.001), Dense(3)),
            "layer 2 does not fit: probability must be between 0.002 and 0.998, not 0.001",
        ),
    ],
)  # fmt: skip
def test_what_cannot_be_dropped_is_refused_in_one_line(layers: tuple[Layer, ...], message: str) -> None:
    with pytest.raises(DoesNotFit) as caught:
        lower(Network((1, 4, 4), layers), CONFIG, 2, 1)
    assert str(caught.value) == message


def test_an_engine_without_dropout_refuses_it() -> None:
    network = Network((4,), (Dense(5), Dropout(0.5), Dense(3)))
    message = r"^layers do not fit: dropout needed, the engine has none \(dropout = false\)$"
    with pytest.raises(DoesNotFit, match=message):
        lower(network, EngineConfig(convolution=True), 4, 1)
