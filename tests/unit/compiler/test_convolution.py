"""Networks with convolution and pooling on the golden engine against a direct computation of all their values."""

import numpy as np
import pytest
from convolution_reference import Direct
from dense_reference import Randomness
from drained_words import as_weights, drained
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from map_networks import CIFAR_QUICK, LENET, configs, networks

from deep3.compiler.layout import DoesNotFit
from deep3.compiler.lowering import Lowered, lower, quantise_rate
from deep3.compiler.network.network import Network
from deep3.hdl.contract.config import EngineConfig
from deep3.hdl.contract.program import Mode, Space
from deep3.sim.golden.engine.engine import Engine


def words(rng: np.random.Generator, shape: tuple[int, ...], scale: float) -> np.ndarray:
    return np.clip(rng.normal(0, scale, shape), -32768, 32767).astype(np.int16)


def random_weights(network: Network, rng: np.random.Generator, scale: float) -> list[np.ndarray]:
    return [words(rng, shape, scale) for shape in network.weight_shapes]


def loaded(lowered: Lowered, samples: np.ndarray, labels: np.ndarray, weights: list[np.ndarray]) -> Engine:
    layout = lowered.layout
    engine = Engine(layout.config)
    parameters = [(array[:, :-1], array[:, -1]) for array in weights]
    engine.write(Space.PROGRAM, 0, lowered.image())
    engine.write(Space.ACTIVATION, 0, layout.borders().view(np.uint16))
    engine.write(Space.ACTIVATION, layout.inputs.base, layout.padded_inputs(samples).view(np.uint16).ravel())
    engine.write(Space.LABEL, 0, labels.ravel())
    engine.write(Space.WEIGHT, 0, layout.pack_weights(parameters).view(np.uint16))
    return engine


def lowered_or_not(network: Network, config: EngineConfig, batch: int, buffers: int) -> Lowered:
    try:
        return lower(network, config, batch, buffers)
    except DoesNotFit:
        assume(False)
        raise


def direct(lowered: Lowered, weights: list[np.ndarray]) -> Direct:
    at_once = frozenset(step.layer + 1 for step in lowered.layout.steps if step.pool)
    layout = lowered.layout
    return Direct(layout.network, layout.config, [matrix.astype(np.int64) for matrix in weights], at_once)


def outputs(engine: Engine, lowered: Lowered) -> np.ndarray:
    layout = lowered.layout
    engine.start(lowered.forward.start(layout, 1))
    return layout.outputs.take(engine.read(Space.ACTIVATION, layout.outputs.base, layout.outputs.words).view(np.int16))


@settings(max_examples=120)
@given(networks(), configs(), st.integers(1, 7), st.sampled_from([500, 3000, 20000]), st.integers(0, 1 << 32))
def test_outputs_equal_the_direct_computation(
    network: Network, config: EngineConfig, batch: int, scale: float, seed: int
) -> None:
    lowered = lowered_or_not(network, config, batch, 1)
    rng = np.random.default_rng(seed)
    samples = words(rng, (1, batch, network.inputs), 4096)
    weights = random_weights(network, rng, scale)
    engine = loaded(lowered, samples, np.zeros(batch, np.uint16), weights)
    stored = direct(lowered, weights).forward(samples[0])
    np.testing.assert_array_equal(outputs(engine, lowered), stored[-1].behind)
    for tensor, step in zip(lowered.layout.hidden, stored, strict=False):
        held = tensor.take(engine.read(Space.ACTIVATION, tensor.base, tensor.words).view(np.int16))
        np.testing.assert_array_equal(held, step.behind.reshape(batch, -1))


def random_of(lowered: Lowered, random: Randomness) -> list[np.ndarray]:
    """The random word of every weight of the network's matrices, in the order in which the program writes them."""
    layout = lowered.layout
    found: dict[int, int] = {}
    for instruction in lowered.training.instructions:
        if instruction.mode is Mode.UPDATE:
            words = drained(instruction, instruction.out, random, layout.config.banks)
            assert not words.keys() & found.keys()
            found |= words
    return as_weights(layout, found)


@settings(max_examples=120)
@given(
    networks(), configs(), st.integers(1, 7), st.sampled_from([1000, 5000]), st.integers(1, (1 << 32) - 1),
    st.floats(0.01, 0.9),
)  # fmt: skip
def test_training_equals_the_direct_computation(
    network: Network, config: EngineConfig, batch: int, scale: float, seed: int, rate: float
) -> None:
    train_and_compare(network, config, batch, scale, seed, rate)


def train_and_compare(
    network: Network, config: EngineConfig, batch: int, scale: float, seed: int, rate: float
) -> None:
    """Every weight after three batches; and that nothing was written but what lies in tensors."""
    lowered = lowered_or_not(network, config, batch, 2)
    layout = lowered.layout
    rng = np.random.default_rng(seed)
    samples = words(rng, (2, batch, network.inputs), 4096)
    labels = rng.integers(0, network.classes, (2, batch)).astype(np.uint16)
    weights = random_weights(network, rng, scale)
    engine = loaded(lowered, samples, labels, weights)
    quantised = quantise_rate(rate, batch)
    engine.start(lowered.training.start(layout, 3, quantised, seed=seed))

    reference = direct(lowered, weights)
    random = Randomness(config.columns, seed)
    for turn in range(3):
        sums = reference.sums(reference.forward(samples[turn % 2]), labels[turn % 2].astype(np.int64))
        reference.update(sums, random_of(lowered, random), quantised)
    image = engine.read(Space.WEIGHT, 0, layout.weights[-1].end).view(np.int16)
    for ours, theirs in zip(layout.unpack_weights(image), reference.weights, strict=True):
        np.testing.assert_array_equal(np.column_stack(ours), theirs)
    borders = layout.borders()
    there = engine.read(Space.ACTIVATION, 0, len(borders)).view(np.int16)
    constant = np.ones(len(borders), bool)
    for tensor in layout.hidden:
        marks = tensor.image(np.ones((tensor.rows, tensor.width), np.int16), False)
        blank = tensor.image(np.zeros((tensor.rows, tensor.width), np.int16), False)
        constant[tensor.base : tensor.end] = marks == blank
    np.testing.assert_array_equal(there[constant], borders[constant])


@pytest.mark.parametrize(("rows", "columns"), [(8, 8), (16, 8)])
def test_lenet_classifies_as_the_direct_computation(rows: int, columns: int) -> None:
    config = EngineConfig(
        rows=rows, columns=columns, activation_bank_words=16384, weight_bank_words=8192, max_layers=16, convolution=True
    )
    lowered = lower(LENET, config, 8, 1)
    rng = np.random.default_rng(1)
    samples = words(rng, (1, 8, LENET.inputs), 4096)
    weights = random_weights(LENET, rng, 600)
    engine = loaded(lowered, samples, np.zeros(8, np.uint16), weights)
    np.testing.assert_array_equal(outputs(engine, lowered), direct(lowered, weights).forward(samples[0])[-1].behind)


def test_a_batch_of_cifar_quick_is_exact() -> None:
    banks = 8
    config = EngineConfig(
        activation_bank_words=(1 << 18) // banks, weight_bank_words=(1 << 18) // banks,
        error_bank_words=(1 << 18) // banks, max_layers=16, convolution=True,
    )  # fmt: skip
    train_and_compare(CIFAR_QUICK, config, batch=2, scale=400, seed=7, rate=0.01)
