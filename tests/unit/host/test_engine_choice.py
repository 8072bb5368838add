"""Engines of golden and virtual workers: the default one wherever it fits, else the first of a few that does."""

from contextlib import ExitStack

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deep3.compiler.layout import most_buffers
from deep3.compiler.lowering import lower
from deep3.compiler.network.network import Network
from deep3.compiler.optimisers.optimiser import Adagrad, Momentum
from deep3.cost_model.engine_choice import able
from deep3.hdl.contract.config import EngineConfig
from deep3.host.workers.base import BackendError
from deep3.host.workers.engine_choice import choose_engine, engines, what_fits
from deep3.host.workers.open import engine_of, open_workers, parse_workers

ISOLET = Network.uniform((617, 64, 32, 26))


def holds(network: Network, config: EngineConfig, batch: int) -> bool:
    try:
        lower(network, config, batch, max(1, most_buffers(network, config, batch)))
    except ValueError:
        return False
    return True


@settings(max_examples=30, deadline=None)
@given(
    st.lists(st.integers(1, 700), min_size=1, max_size=10), st.integers(2, 256), st.sampled_from([1, 32, 200, 2000])
)
def test_the_choice_is_the_first_engine_that_holds_the_network(inner: list[int], classes: int, batch: int) -> None:
    network = Network.uniform((*inner, classes))
    fitting = [
        config for config in engines(batch, classes, len(network.layers)) if holds(network, config, batch)
    ]
    if fitting:
        assert choose_engine([network], batch) == fitting[0]
    else:
        with pytest.raises(BackendError):
            choose_engine([network], batch)


def test_a_network_that_fits_the_default_engine_keeps_it() -> None:
    assert choose_engine([Network.uniform((64, 64, 32, 10))], 32) == EngineConfig()


def test_a_larger_network_takes_all_memories_doubled() -> None:
    assert not holds(ISOLET, EngineConfig(), 32)
    assert choose_engine([ISOLET], 32) == EngineConfig(
        activation_bank_words=28672, weight_bank_words=8192, error_bank_words=8192
    )
    assert choose_engine([Network.uniform((64, 64, 32, 10)), ISOLET], 32) == choose_engine([ISOLET], 32)


def test_an_optimiser_brings_the_options_that_it_needs() -> None:
    network = Network.uniform((64, 64, 32, 10))
    assert choose_engine([network], 32, Momentum()) == EngineConfig(convolution=True)
    assert choose_engine([network], 32, Adagrad()) == EngineConfig(convolution=True, adagrad=True)
    small = able(network, EngineConfig(activation_entries=64), Adagrad())
    assert small == EngineConfig(activation_entries=128, convolution=True, adagrad=True)
    assert what_fits(network, EngineConfig(convolution=True), 32, Adagrad()).startswith("adagrad = true, ")


def test_the_engines_are_few() -> None:
    assert len(engines(32, 10, 3)) == 10
    assert {(config.rows, config.columns) for config in engines(4093, 256, 16)} == {(8, 8)}


def test_a_network_that_no_engine_holds() -> None:
    with pytest.raises(BackendError) as caught:
        choose_engine([Network.uniform((2000, 200, 10))], 32)
    assert str(caught.value) == (
        "no engine holds local network (2000, 200, 10): weights do not fit: 402210 needed, the engine has 262144 words "
        "(weight_bank_words x banks); a smaller --ratio, --hidden or --batch, or a --projection with fewer features, "
        "would fit"
    )


@pytest.mark.parametrize(
    ("workers", "given", "expected"),
    [
        (["golden", "cpu"], None, choose_engine([ISOLET], 32)),
        (["cpu"], None, EngineConfig()),
        (["golden", "board:10.0.0.7"], None, EngineConfig()),
        (["golden"], EngineConfig(rows=4), EngineConfig(rows=4)),
    ],
)
def test_a_given_engine_wins_and_a_board_is_what_it_is(
    workers: list[str], given: EngineConfig | None, expected: EngineConfig
) -> None:
    assert engine_of(parse_workers(workers), given, ISOLET, 32) == expected


def test_a_given_engine_that_is_too_small_is_refused_with_the_remedy() -> None:
    with ExitStack() as stack, pytest.raises(BackendError) as caught:
        open_workers(parse_workers(["golden"]), ISOLET, EngineConfig(), 32, stack)
    message = str(caught.value)
    assert "activation_bank_words = 7168, weight_bank_words = 6144, error_bank_words = 2048 would hold it" in message
    assert "leave --config out" in message
    assert holds(ISOLET, EngineConfig(weight_bank_words=6144), 32)
