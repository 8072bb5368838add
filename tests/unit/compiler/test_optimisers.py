"""Optimisers with a state on the golden engine against a direct computation of all their values."""

from dataclasses import replace

import numpy as np
import pytest
from convolution_reference import saturate
from dense_reference import root
from engine_training import Run, decayed, engines, gradient_step, lowered_or_not, random_words
from hypothesis import given, settings
from hypothesis import strategies as st
from random_networks import dense_networks, map_networks

from deep3.compiler.layout import DoesNotFit
from deep3.compiler.lowering import lower, quantise_rate
from deep3.compiler.network.layers import Convolution, Dense, Dropout, Flatten, MaxPool
from deep3.compiler.network.network import Network
from deep3.compiler.optimisers.optimiser import Adagrad, Momentum, OptimiserError, Sgd
from deep3.hdl.contract.config import EngineConfig
from deep3.hdl.contract.program import Function, Space

NETWORKS = st.one_of(dense_networks(), map_networks()).filter(
    lambda network: not any(isinstance(layer, Dropout) for layer in network.layers)
)


DECAYS = st.one_of(st.just(0.0), st.floats(0.002, 0.045))


def check_decay(run: Run, rate: tuple[int, int]) -> None:
    """Three batches."""
    run.train(3, rate)
    for turn in range(3):
        sums, random = run.sums(turn), random_words(run)
        for index, old in enumerate(run.direct.weights):
            step = saturate(-gradient_step(sums[index], rate, random["scratch"][index]), 16)
            run.direct.weights[index] = saturate(old + decayed(run, step, old, rate, random, index), 16)
    for ours, theirs in zip(run.held(0), run.direct.weights, strict=True):
        np.testing.assert_array_equal(ours, theirs)


@settings(max_examples=60)
@given(
    NETWORKS, engines(), st.integers(1, 40), st.sampled_from([500, 5000, 20000]), st.integers(1, (1 << 32) - 1),
    st.floats(0.01, 0.9), st.floats(0.002, 0.045),
)  # fmt: skip
def test_descent_with_weight_decay_equals_the_direct_computation(
    network: Network, config: EngineConfig, batch: int, scale: float, seed: int, rate: float, decay: float
) -> None:
    lowered = lowered_or_not(network, config, batch, Sgd(weight_decay=decay))
    check_decay(Run(lowered, np.random.default_rng(seed), scale, seed), quantise_rate(rate, batch))


def check_momentum(run: Run, momentum: float, rate: tuple[int, int]) -> None:
    """Three batches."""
    run.train(3, rate)
    velocities = [np.zeros_like(each) for each in run.direct.weights]
    for turn in range(3):
        sums, random = run.sums(turn), random_words(run)
        for index, old in enumerate(velocities):
            new = saturate(old - gradient_step(sums[index], rate, random["scratch"][index]), 16)
            new = decayed(run, new, run.direct.weights[index], rate, random, index)
            run.direct.weights[index] = saturate(run.direct.weights[index] + new, 16)
            less = (-2 * new * round(momentum * 32768) + random["state"][index]) >> 16
            velocities[index] = saturate(-less, 16)
    for ours, theirs in zip(run.held(0), run.direct.weights, strict=True):
        np.testing.assert_array_equal(ours, theirs)
    for ours, theirs in zip(run.held(run.lowered.layout.state[0].base), velocities, strict=True):
        np.testing.assert_array_equal(ours, theirs)


@settings(max_examples=100)
@given(
    NETWORKS, engines(), st.integers(1, 7), st.sampled_from([500, 5000, 20000]), st.integers(1, (1 << 32) - 1),
    st.floats(0.01, 0.9), st.floats(0.001, 0.999), DECAYS,
)  # fmt: skip
def test_momentum_equals_the_direct_computation(
    network: Network, config: EngineConfig, batch: int, scale: float, seed: int, rate: float, momentum: float,
    decay: float,
) -> None:  # fmt: skip
    lowered = lowered_or_not(network, config, batch, Momentum(momentum, weight_decay=decay))
    check_momentum(Run(lowered, np.random.default_rng(seed), scale, seed), momentum, quantise_rate(rate, batch))


def check_adagrad(run: Run, rate: tuple[int, int]) -> None:
    """Three batches."""
    run.train(3, rate)
    batch = run.lowered.layout.batch
    own = min(65535, round(2**20 / batch)), 0
    squares = [np.zeros_like(each) for each in run.direct.weights]
    for turn in range(3):
        sums, random = run.sums(turn), random_words(run)
        for index, old in enumerate(squares):
            gradient = saturate(-gradient_step(sums[index], own, random["scratch"][index]), 16)
            gradient = decayed(run, gradient, run.direct.weights[index], own, random, index)
            new = saturate(old + ((gradient * gradient + random["state"][index]) >> 16), 16)
            roots = np.vectorize(root, otypes=[np.int64])(new)
            step = saturate(-((-2 * gradient * roots + random["root"][index]) >> 16), 16)
            moved = ((-2 * step * rate[0] >> 4 * rate[1]) + random["weights"][index]) >> 16
            run.direct.weights[index] = saturate(run.direct.weights[index] - moved, 16)
            squares[index] = new
    for ours, theirs in zip(run.held(run.lowered.layout.state[0].base), squares, strict=True):
        np.testing.assert_array_equal(ours, theirs)
    for ours, theirs in zip(run.held(0), run.direct.weights, strict=True):
        np.testing.assert_array_equal(ours, theirs)


@settings(max_examples=60)
@given(
    NETWORKS, engines(), st.integers(1, 40), st.sampled_from([500, 5000, 20000]), st.integers(1, (1 << 32) - 1),
    st.floats(0.001, 0.2), DECAYS,
)  # fmt: skip
def test_adagrad_equals_the_direct_computation(
    network: Network, config: EngineConfig, batch: int, scale: float, seed: int, rate: float, decay: float
) -> None:
    lowered = lowered_or_not(network, config, batch, Adagrad(weight_decay=decay))
    check_adagrad(Run(lowered, np.random.default_rng(seed), scale, seed), quantise_rate(rate, batch, Adagrad()))


WIDE = Network.uniform((300, 61, 5))
MANY_MAPS = Network((8, 5, 5), (Convolution(83, (3, 3), function=Function.TANH), Flatten(), Dense(5)))
ROWS_TOGETHER = Network((1, 20, 20), (Convolution(7, (5, 5)), MaxPool((2, 2), (2, 2)), Flatten(), Dense(5)))


@pytest.mark.parametrize("network", [WIDE, MANY_MAPS])
def test_what_has_no_room_for_scratch_is_trained_in_parts(network: Network) -> None:
    config = EngineConfig(
        rows=4, columns=3, activation_bank_words=8192, weight_bank_words=16384, error_bank_words=2048, max_layers=16,
        convolution=True,
    )  # fmt: skip
    lowered = lower(network, config, 4, 2, Momentum(0.9))
    assert lowered.layout.scratch(0).rows < lowered.layout.weights[0].rows
    check_momentum(Run(lowered, np.random.default_rng(5), 3000, 5), 0.9, quantise_rate(0.3, 4))
    lowered = lower(network, replace(config, adagrad=True), 4, 2, Adagrad(weight_decay=0.01))
    check_adagrad(Run(lowered, np.random.default_rng(5), 3000, 5), quantise_rate(0.1, 4, Adagrad()))


def test_words_that_a_kernel_lacks_stay_zero() -> None:
    config = EngineConfig(
        rows=16, columns=8, activation_bank_words=8192, weight_bank_words=8192, max_layers=16, convolution=True
    )
    lowered = lower(ROWS_TOGETHER, config, 4, 2, Momentum(0.9))
    layout = lowered.layout
    assert layout.rows_together > 1
    run = Run(lowered, np.random.default_rng(5), 3000, 5)
    check_momentum(run, 0.9, quantise_rate(0.3, 4))
    there = run.engine.read(Space.WEIGHT, 0, layout.weights[0].end).view(np.int16)
    ones = [(np.ones_like(each[:, :-1]), np.ones_like(each[:, -1])) for each in run.held(0)]
    trained = layout.pack_weights([(w.astype(np.int16), b.astype(np.int16)) for w, b in ones])
    assert not there[trained[: layout.weights[0].end] == 0].any()


@pytest.mark.parametrize("momentum", [0, 1, 1.5, -0.5, True, "0.9", float("nan")])
def test_a_momentum_out_of_range_is_refused_in_one_line(momentum: object) -> None:
    message = f"^momentum must be between 0.0001 and 0.9999, not {momentum!r}$"
    with pytest.raises(OptimiserError, match=message):
        Momentum(momentum)  # type: ignore[arg-type]


@pytest.mark.parametrize("decay", [-0.1, 1.5, True, "0.1", float("nan")])
def test_a_weight_decay_out_of_range_is_refused_in_one_line(decay: object) -> None:
    with pytest.raises(OptimiserError, match=f"^weight-decay must be between 0 and 1, not {decay!r}$"):
        Sgd(weight_decay=decay)  # type: ignore[arg-type]


def test_what_does_not_fit_is_named() -> None:
    flat = EngineConfig()
    network = Network.uniform((10, 20, 5))
    with pytest.raises(DoesNotFit, match=r"^momentum 0\.9 does not fit: convolution needed, the engine"):
        lower(network, flat, 4, 1, Momentum(0.9))
    with pytest.raises(DoesNotFit, match=r"^adagrad does not fit: the engine has none \(adagrad = false\)$"):
        lower(network, EngineConfig(convolution=True), 4, 1, Adagrad())
    with pytest.raises(DoesNotFit, match=r"^sgd with weight decay 0\.01 does not fit: convolution needed, the engine"):
        lower(network, flat, 4, 1, Sgd(weight_decay=0.01))
    for decay in (0.0002, 0.6):
        message = rf"^weight-decay must be between 0\.000244 and 0\.49998 on an engine in batches of 4, not {decay}$"
        with pytest.raises(OptimiserError, match=message):
            lower(network, EngineConfig(convolution=True), 4, 1, Sgd(weight_decay=decay))
    small = EngineConfig(weight_bank_words=1024, convolution=True)
    wide = Network.uniform((100, 50, 10))
    lower(wide, small, 4, 1)
    with pytest.raises(DoesNotFit, match=r"^weights and the optimiser's state do not fit: \d+ needed, the engine has"):
        lower(wide, small, 4, 1, Momentum(0.9))
