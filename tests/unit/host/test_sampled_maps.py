"""Local networks with a share of the maps: the laws of gathering, of adding, and of what they compute."""

import numpy as np
import pytest
from drawn_sample import draw
from hypothesis import given, settings
from hypothesis import strategies as st
from map_networks import networks

from deep3.compiler.network import reference
from deep3.compiler.network.layers import Convolution, Dense, Dropout, Flatten, MaxPool
from deep3.compiler.network.network import Network
from deep3.compiler.network.subsample import local_network, taken_from
from deep3.host.global_network.global_network import GlobalNetwork
from deep3.host.workers.assignment import equal_assignments

RATIOS = st.sampled_from([0.1, 0.25, 0.5, 0.75, 1.0])
SEEDS = st.integers(0, 1000)
MAPS = Network(
    (2, 6, 6),
    (Convolution(4, (3, 3)), MaxPool((2, 2), (2, 2)), Dropout(0.5), Convolution(3, (1, 1)), Flatten(), Dense(5)),
)


def make(topology: Network, ratio: float, seed: int) -> GlobalNetwork:
    """With biases, unlike a network at its beginning."""
    network, rng = GlobalNetwork.initialise(topology, ratio, seed), np.random.default_rng(seed)
    for matrix in network.weights:
        matrix[:, -1] = rng.normal(size=len(matrix))
    return network


@given(networks(), RATIOS, SEEDS)
def test_the_weights_of_a_sample_are_those_of_the_local_network(topology: Network, ratio: float, seed: int) -> None:
    network, local = make(topology, ratio, seed), local_network(topology, ratio)
    sample = draw(topology, ratio, np.random.default_rng(seed))
    assert tuple(matrix.shape for matrix in network.local_weights(sample)) == local.weight_shapes
    assert (local.input_shape, local.classes) == (topology.input_shape, topology.classes)
    assert [shape[1:] for shape in local.shapes if len(shape) == 3] == [
        shape[1:] for shape in topology.shapes if len(shape) == 3
    ]
    for index, size in zip(sample, taken_from(topology), strict=True):
        assert np.all(np.diff(index) > 0)
        assert 0 <= index[0] <= index[-1] < size


@given(networks(), SEEDS)
def test_ratio_one_is_the_whole_network(topology: Network, seed: int) -> None:
    network = make(topology, 1.0, seed)
    sample = draw(topology, 1.0, np.random.default_rng(seed))
    assert network.local_topology() == topology
    for taken, whole in zip(network.local_weights(sample), network.weights, strict=True):
        np.testing.assert_array_equal(taken, whole)
        assert not np.shares_memory(taken, whole)


@given(networks(), RATIOS, SEEDS)
def test_what_is_gathered_is_added_where_it_was(topology: Network, ratio: float, seed: int) -> None:
    network = make(topology, ratio, seed)
    before = network.copy()
    sample = draw(topology, ratio, np.random.default_rng(seed))
    taken = network.local_weights(sample)
    network.add(sample, [np.zeros_like(matrix) for matrix in taken])
    for now, was in zip(network.weights, before.weights, strict=True):
        np.testing.assert_array_equal(now, was)
    network.add(sample, [np.full_like(matrix, 64.0) for matrix in taken])
    for now, was, part in zip(network.weights, before.weights, network.local_weights(sample), strict=True):
        changed = now != was
        assert changed.sum() == part.size
        np.testing.assert_array_equal(now[changed], was[changed] + 64.0)


@settings(max_examples=60)
@given(networks(), RATIOS, SEEDS)
def test_a_local_network_computes_what_the_global_one_does_without_the_maps_that_were_left_out(
    topology: Network, ratio: float, seed: int
) -> None:
    network = make(topology, ratio, seed)
    sample = draw(topology, ratio, np.random.default_rng(seed))
    x = np.random.default_rng(seed).normal(size=(3, *topology.input_shape))
    cut = [matrix.copy() for matrix in network.weights]
    for matrix, index, size in zip(cut, sample[:-1], taken_from(topology)[:-1], strict=True):
        left_out = np.setdiff1d(np.arange(size), index)
        matrix[:, :-1].reshape(len(matrix), size, -1)[:, left_out] = 0
    whole = reference.outputs(topology, cut, x)
    local = reference.outputs(network.local_topology(), network.local_weights(sample), x)
    np.testing.assert_allclose(local, whole, rtol=1e-5, atol=1e-5)


@settings(max_examples=30)
@given(networks(), RATIOS, SEEDS)
def test_a_model_is_as_a_whole_what_it_was(topology: Network, ratio: float, seed: int) -> None:
    given_weights = make(topology, 1.0, seed).weights
    network = GlobalNetwork.of_model(topology, ratio, given_weights)
    for kept, was in zip(network.evaluated_weights(), given_weights, strict=True):
        np.testing.assert_allclose(kept, was, rtol=1e-6)


def test_sampled_layers_are_scaled_and_begin_as_the_local_network_does() -> None:
    network = GlobalNetwork.initialise(MAPS, 0.5, seed=1)
    assert network.local_topology() == Network(
        (2, 6, 6),
        (Convolution(2, (3, 3)), MaxPool((2, 2), (2, 2)), Dropout(0.5), Convolution(2, (1, 1)), Flatten(), Dense(5)),
    )
    # Glorot: inputs and outputs that a weight meets in a local network, at each position of the kernel.
    limit = np.sqrt(6 / (9 * (2 + 2)))
    assert 0.8 * limit < np.abs(network.weights[0][:, :-1]).max() < limit
    shares = [
        now[:, :-1].sum() / was[:, :-1].sum()
        for now, was in zip(network.evaluated_weights(), network.weights, strict=True)
    ]
    assert shares == pytest.approx([1, 1 / 2, 2 / 3])
    (assignment,) = equal_assignments(MAPS, 0.5, 100, 10, 1, 1)
    assert assignment.batch_multiply_adds == 10 * network.local_topology().training_multiply_adds
    assert [len(index) for index in draw(MAPS, 0.5, np.random.default_rng(1))] == [2, 2, 2, 5]
