"""Subsampling and aggregation: the laws of the parameter coordinator's bookkeeping."""

import numpy as np
import pytest
import torch
from drawn_sample import draw
from hypothesis import given, settings
from hypothesis import strategies as st

from deep3.compiler.network.network import Network
from deep3.compiler.network.subsample import NetworkError, local_sizes
from deep3.hdl.contract.program import Function, Loss
from deep3.host.global_network.global_network import GlobalNetwork
from deep3.host.workers.assignment import equal_assignments

SIZES = st.lists(st.integers(2, 12), min_size=2, max_size=5).map(tuple)
RATIOS = st.sampled_from([0.1, 0.25, 0.5, 0.75, 1.0])
STEP = 2.0**-12


def make(sizes: tuple[int, ...], ratio: float, seed: int = 0, function: Function = Function.TANH) -> GlobalNetwork:
    return GlobalNetwork.initialise(Network.uniform(sizes, function), ratio, seed)


def random_difference(network: GlobalNetwork, sample: tuple[np.ndarray, ...], seed: int) -> list[np.ndarray]:
    """Multiples of 2^-12, as a board returns them: their sums are exact in float32."""
    rng = np.random.default_rng(seed)
    steps = [rng.integers(-500, 500, matrix.shape) for matrix in network.local_weights(sample)]
    return [(step * STEP).astype(np.float32) for step in steps]


@given(SIZES, RATIOS, st.integers(0, 1000))
def test_a_sample_is_ascending_complete_at_both_ends_and_of_the_local_sizes(
    sizes: tuple[int, ...], ratio: float, seed: int
) -> None:
    sample = draw(Network.uniform(sizes), ratio, np.random.default_rng(seed))
    assert tuple(len(index) for index in sample) == local_sizes(sizes, ratio)
    for index, size in zip(sample, sizes, strict=True):
        assert np.all(np.diff(index) > 0)
        assert 0 <= index[0] <= index[-1] < size
    assert sample[0].tolist() == list(range(sizes[0]))
    assert sample[-1].tolist() == list(range(sizes[-1]))


def test_samples_of_a_seed_are_the_same_for_ever() -> None:
    rng = np.random.default_rng(1)
    drawn = [draw(Network.uniform((5, 8, 6, 3)), 0.5, rng)[1:-1] for _ in range(2)]
    hidden = [[index.tolist() for index in sample] for sample in drawn]
    assert hidden == [[[2, 3, 5, 7], [1, 3, 5]], [[1, 3, 4, 6], [0, 4, 5]]]


@given(SIZES, RATIOS, st.integers(0, 1000))
def test_addition_conserves_every_change(sizes: tuple[int, ...], ratio: float, seed: int) -> None:
    network = make(sizes, ratio, seed)
    for matrix in network.weights:
        matrix[:] = np.round(matrix / STEP) * STEP
    before = [matrix.sum() for matrix in network.weights]
    given_sum = [0.0] * len(before)
    rng = np.random.default_rng(seed)
    for push in range(4):
        sample = draw(Network.uniform(sizes), ratio, rng)
        difference = random_difference(network, sample, push)
        network.add(sample, difference)
        given_sum = [total + part.sum() for total, part in zip(given_sum, difference, strict=True)]
    after = [matrix.sum() for matrix in network.weights]
    assert after == [old + new for old, new in zip(before, given_sum, strict=True)]


@given(SIZES, RATIOS, st.integers(0, 1000))
def test_addition_changes_the_sampled_weights_and_no_others(
    sizes: tuple[int, ...], ratio: float, seed: int
) -> None:
    network = make(sizes, ratio, seed)
    before = network.copy()
    sample = draw(Network.uniform(sizes), ratio, np.random.default_rng(seed))
    difference = random_difference(network, sample, seed)
    network.add(sample, difference)
    for layer, (old, new) in enumerate(zip(before.weights, network.weights, strict=True)):
        expected = old.copy()
        for local_row, row in enumerate(sample[layer + 1]):
            for local_column, column in enumerate([*sample[layer], sizes[layer]]):
                expected[row, column] += difference[layer][local_row, local_column]
        assert np.array_equal(new, expected)


@given(SIZES, st.integers(0, 1000))
def test_the_order_of_additions_does_not_matter(sizes: tuple[int, ...], seed: int) -> None:
    first, second = make(sizes, 0.5, seed), make(sizes, 0.5, seed)
    for network in (first, second):
        for matrix in network.weights:
            matrix[:] = np.round(matrix / STEP) * STEP
    rng = np.random.default_rng(seed)
    samples = [draw(Network.uniform(sizes), 0.5, rng) for _ in range(3)]
    pushes = [(sample, random_difference(first, sample, n)) for n, sample in enumerate(samples)]
    for sample, difference in pushes:
        first.add(sample, difference)
    for sample, difference in reversed(pushes):
        second.add(sample, difference)
    assert all(np.array_equal(a, b) for a, b in zip(first.weights, second.weights, strict=True))


@given(SIZES, st.integers(0, 1000))
def test_ratio_one_is_the_whole_network(sizes: tuple[int, ...], seed: int) -> None:
    network = make(sizes, 1.0, seed)
    sample = draw(Network.uniform(sizes), 1.0, np.random.default_rng(seed))
    local = network.local_weights(sample)
    assert all(np.array_equal(a, b) for a, b in zip(local, network.weights, strict=True))
    assert network.local_topology() == network.topology
    local[0][:] = 9
    assert not np.array_equal(local[0], network.weights[0])


@given(SIZES, RATIOS, st.integers(0, 1000))
def test_initial_weights_fit_the_format_and_follow_the_seed(sizes: tuple[int, ...], ratio: float, seed: int) -> None:
    weights = make(sizes, ratio, seed).weights
    assert all(np.abs(matrix).max() < 8 for matrix in weights)
    assert all(not matrix[:, -1].any() for matrix in weights)
    again = make(sizes, ratio, seed).weights
    assert all(np.array_equal(a, b) for a, b in zip(weights, again, strict=True))


@settings(max_examples=20)
@given(st.integers(0, 1000), st.sampled_from([Function.TANH, Function.RELU, Function.SIGMOID]))
def test_outputs_equal_pytorch(seed: int, function: Function) -> None:
    network = make((5, 8, 6, 3), 0.5, seed, function)
    rng = np.random.default_rng(seed)
    for matrix in network.weights:
        matrix[:, -1] = rng.normal(size=len(matrix))
    x = rng.normal(size=(7, 5)).astype(np.float32)
    torch_function = {Function.TANH: torch.tanh, Function.RELU: torch.relu, Function.SIGMOID: torch.sigmoid}[function]
    hidden = torch.from_numpy(x).double()
    for layer, matrix in enumerate(network.weights):
        share = 1.0 if layer == 0 else 0.5
        weights = torch.from_numpy(matrix).double()
        hidden = share * hidden @ weights[:, :-1].T + weights[:, -1]
        hidden = torch_function(hidden) if layer < 2 else hidden
    assert np.allclose(network.outputs(x), hidden.numpy(), atol=1e-5)


@pytest.mark.parametrize("loss", [Loss.SOFTMAX, Loss.MSE])
def test_evaluation_equals_pytorch(loss: Loss) -> None:
    network = GlobalNetwork.initialise(Network.uniform((4, 6, 3), loss=loss), 1.0, 1)
    rng = np.random.default_rng(1)
    x, y = rng.normal(size=(50, 4)).astype(np.float32), rng.integers(0, 3, 50)
    outputs, labels = torch.from_numpy(network.outputs(x)).double(), torch.from_numpy(y)
    if loss is Loss.SOFTMAX:
        expected = torch.nn.functional.cross_entropy(outputs, labels)
    else:
        expected = 0.5 * (outputs - torch.nn.functional.one_hot(labels, 3)).square().sum(dim=1).mean()
    evaluation = network.evaluate(x, y)
    assert evaluation.loss == pytest.approx(float(expected), rel=1e-9)
    assert evaluation.accuracy == float((outputs.argmax(dim=1) == labels).double().mean())
    assert evaluation.samples == 50


def test_multiply_adds_of_a_batch() -> None:
    (assignment,) = equal_assignments(Network.uniform((5, 8, 3)), 0.5, 100, 10, 1, 1)
    assert assignment.batch_multiply_adds == 10 * (2 * (20 + 12) + 12)


@pytest.mark.parametrize("ratio", [0.0, -0.5, 1.5, float("nan")])
def test_a_ratio_out_of_range(ratio: float) -> None:
    with pytest.raises(NetworkError) as caught:
        local_sizes((4, 4, 2), ratio)
    assert str(caught.value) == f"ratio must be above 0 and at most 1, not {ratio!r}"
