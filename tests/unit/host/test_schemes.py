"""Which neurons workers get, and how what they bring back is joined: the laws of each scheme."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from map_networks import networks

from deep3.compiler.network.network import Network
from deep3.compiler.network.subsample import local_sizes, taken_from
from deep3.host.global_network.blocks import Sample, Weights, gather, scatter_add, touchers
from deep3.host.global_network.global_network import GlobalNetwork
from deep3.host.global_network.sampling import Turn
from deep3.host.global_network.schemes import SCHEMES, Change, Joining

DENSE = Network.uniform((5, 12, 9, 3))
RATIOS = st.sampled_from([0.1, 0.25, 0.4, 0.75, 1.0])
SEEDS = st.integers(0, 1000)


def draw_all(scheme: str, topology: Network, ratio: float, workers: int, rounds: int, seed: int = 1) -> list[Sample]:
    """Of every worker in one round."""
    own = [np.random.default_rng([seed, number]) for number in range(workers)]
    turns = [Turn(number, workers, rounds, seed, own[number]) for number in range(workers)]
    return [SCHEMES[scheme].draw(topology, ratio, turn) for turn in turns]


def changes_for(topology: Network, samples: list[Sample], seed: int) -> list[Change]:
    rng = np.random.default_rng(seed)
    zeros = [np.zeros(shape, np.float32) for shape in topology.weight_shapes]
    drawn = [[rng.normal(size=part.shape).astype(np.float32) for part in gather(topology, zeros, s)] for s in samples]
    return list(zip(samples, drawn, strict=True))


def means(topology: Network, changes: list[Change]) -> Weights:
    """Of every weight over those that have it, one weight at a time."""
    sums = [np.zeros(shape, np.float32) for shape in topology.weight_shapes]
    counts = [np.zeros(shape, np.float32) for shape in topology.weight_shapes]
    for sample, difference in changes:
        scatter_add(topology, sums, sample, difference)
        scatter_add(topology, counts, sample, [np.ones_like(matrix) for matrix in difference])
    return [total / np.maximum(count, 1) for total, count in zip(sums, counts, strict=True)]


@pytest.mark.parametrize("scheme", SCHEMES)
@given(topology=networks(), ratio=RATIOS, workers=st.integers(1, 5), seed=SEEDS)
@settings(max_examples=20)
def test_every_worker_gets_a_local_network(
    scheme: str, topology: Network, ratio: float, workers: int, seed: int
) -> None:
    sizes = taken_from(topology)
    for sample in draw_all(scheme, topology, ratio, workers, seed):
        assert tuple(map(len, sample)) == local_sizes(sizes, ratio)
        for index, size in zip(sample, sizes, strict=True):
            assert np.all(np.diff(index) > 0)
            assert 0 <= index[0] <= index[-1] < size


@given(RATIOS, st.integers(1, 9), SEEDS)
def test_dealt_neurons_go_to_as_many_workers_as_any_other_or_to_one_more(ratio: float, workers: int, seed: int) -> None:
    samples = draw_all("disjoint", DENSE, ratio, workers, 3, seed)
    for layer, size in list(enumerate(taken_from(DENSE)))[1:-1]:
        owners = np.bincount(np.concatenate([sample[layer] for sample in samples]), minlength=size)
        assert owners.max() - owners.min() <= 1
    again = draw_all("disjoint", DENSE, ratio, workers, 4, seed)
    assert ratio == 1 or str(samples) != str(again)


def test_windows_roll_over_all_neurons_alike() -> None:
    drawn = [draw_all("rolling", DENSE, 0.25, 2, number) for number in range(12)]
    assert [sample[1].tolist() for sample in drawn[0]] == [[0, 1, 2], [6, 7, 8]]
    assert drawn[10][0][1].tolist() == [0, 10, 11]
    for worker in range(2):
        assert np.bincount(np.concatenate([samples[worker][1] for samples in drawn])).tolist() == [3] * 12


@given(networks(), RATIOS, st.integers(1, 4), SEEDS)
@settings(max_examples=40)
def test_touchers_are_those_that_take_a_weight(topology: Network, ratio: float, workers: int, seed: int) -> None:
    samples = draw_all("add", topology, ratio, workers, 0, seed)
    counts = [np.zeros(shape, np.float32) for shape in topology.weight_shapes]
    for sample in samples:
        scatter_add(topology, counts, sample, [np.ones_like(part) for part in gather(topology, counts, sample)])
    for sample, found in zip(samples, touchers(topology, samples), strict=True):
        for wanted, each in zip(gather(topology, counts, sample), found, strict=True):
            np.testing.assert_array_equal(each, wanted)


@given(networks(), RATIOS, st.integers(1, 4), SEEDS)
@settings(max_examples=40)
def test_averages_are_those_of_the_workers_that_had_a_weight(
    topology: Network, ratio: float, workers: int, seed: int
) -> None:
    network = GlobalNetwork.initialise(topology, ratio, seed)
    before = network.copy()
    changes = changes_for(topology, draw_all("average", topology, ratio, workers, 0, seed), seed)
    SCHEMES["average"].join(network, changes, Joining(9.0, 0.0, []))
    for now, was, mean in zip(network.weights, before.weights, means(topology, changes), strict=True):
        np.testing.assert_allclose(now, was + mean, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("momentum", [0.0, 0.5, 0.9])
def test_momentum_between_rounds_is_that_of_pytorch(momentum: float) -> None:
    network = GlobalNetwork.initialise(DENSE, 0.5, 1)
    parameters = [torch.tensor(matrix, requires_grad=True) for matrix in network.weights]
    descent = torch.optim.SGD(parameters, lr=1.0, momentum=momentum, nesterov=momentum > 0)
    joining = Joining(1.0, momentum, [np.zeros_like(matrix) for matrix in network.weights])
    for number in range(4):
        changes = changes_for(DENSE, draw_all("nesterov", DENSE, 0.5, 3, number), number)
        SCHEMES["nesterov"].join(network, changes, joining)
        for parameter, mean in zip(parameters, means(DENSE, changes), strict=True):
            parameter.grad = torch.from_numpy(-mean)
        descent.step()
    for matrix, parameter in zip(network.weights, parameters, strict=True):
        np.testing.assert_allclose(matrix, parameter.detach().numpy(), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(("scheme", "others", "share"), [("add", 4.0, 1), ("guarded", 4.0, 0.25), ("guarded", 0.5, 1)])
def test_updates_that_come_alone_are_added(scheme: str, others: float, share: float) -> None:
    network = GlobalNetwork.initialise(DENSE, 0.5, 1)
    before = network.copy()
    (change,) = changes_for(DENSE, draw_all(scheme, DENSE, 0.5, 1, 0), 2)
    SCHEMES[scheme].join(network, [change], Joining(others, 0.0, []))
    found = gather(DENSE, [now - was for now, was in zip(network.weights, before.weights, strict=True)], change[0])
    for part, difference in zip(found, change[1], strict=True):
        np.testing.assert_allclose(part, share * difference, rtol=1e-5, atol=1e-6)
    assert not SCHEMES[scheme].synchronous
