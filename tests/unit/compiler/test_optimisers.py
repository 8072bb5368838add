"""Optimisers with a state on the golden engine against a direct computation of all their values."""

import numpy as np
import pytest
from convolution_reference import Direct, saturate
from dense_reference import Randomness
from drained_words import as_weights, drained
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from random_networks import dense_networks, map_networks

from deep3.compiler.layout import DoesNotFit, Layout
from deep3.compiler.lowering import Lowered, lower, quantise_rate
from deep3.compiler.network.layers import Convolution, Dense, Dropout, Flatten, MaxPool
from deep3.compiler.network.network import Network
from deep3.compiler.optimisers.optimiser import Momentum, Optimiser, OptimiserError
from deep3.hdl.contract.config import EngineConfig
from deep3.hdl.contract.instruction import Instruction
from deep3.hdl.contract.program import Function, Memory, Mode, Space
from deep3.sim.golden.engine.engine import Engine

Matrices = list[np.ndarray]

NETWORKS = st.one_of(dense_networks(), map_networks()).filter(
    lambda network: not any(isinstance(layer, Dropout) for layer in network.layers)
)


@st.composite
def configs(draw: st.DrawFn) -> EngineConfig:
    """Some have so little room for errors that matrices are trained in parts."""
    return EngineConfig(
        rows=draw(st.integers(2, 9)), columns=draw(st.integers(2, 9)),
        accumulator_words=draw(st.sampled_from([16, 64])),
        activation_bank_words=8192, weight_bank_words=8192, error_bank_words=1024, max_layers=16, convolution=True,
    )  # fmt: skip


def words(rng: np.random.Generator, shape: tuple[int, ...], scale: float) -> np.ndarray:
    return np.clip(rng.normal(0, scale, shape), -32768, 32767).astype(np.int16)


def lowered_or_not(network: Network, config: EngineConfig, batch: int, optimiser: Optimiser) -> Lowered:
    try:
        return lower(network, config, batch, 2, optimiser)
    except DoesNotFit:
        assume(False)
        raise


class Run:
    """Batches of noise on the golden engine, and what a direct computation starts from."""

    def __init__(self, lowered: Lowered, rng: np.random.Generator, scale: float, seed: int) -> None:
        self.lowered = lowered
        layout, network = lowered.layout, lowered.layout.network
        self.samples = words(rng, (2, layout.batch, network.inputs), 4096)
        self.labels = rng.integers(0, network.classes, (2, layout.batch)).astype(np.uint16)
        weights = [words(rng, shape, scale) for shape in network.weight_shapes]
        at_once = frozenset(step.layer + 1 for step in layout.steps if step.pool)
        self.direct = Direct(network, layout.config, [each.astype(np.int64) for each in weights], at_once)
        self.random = Randomness(layout.config.columns, seed)
        self.seed = seed
        self.engine = engine = Engine(layout.config)
        noise = rng.integers(0, 1 << 16, layout.config.error_words).astype(np.uint16)
        engine.write(Space.ERROR, 0, noise)
        engine.write(Space.PROGRAM, 0, lowered.image())
        engine.write(Space.ACTIVATION, 0, layout.borders().view(np.uint16))
        engine.write(Space.ACTIVATION, layout.inputs.base, layout.padded_inputs(self.samples).view(np.uint16).ravel())
        engine.write(Space.LABEL, 0, self.labels.ravel())
        parameters = [(array[:, :-1], array[:, -1]) for array in weights]
        engine.write(Space.WEIGHT, 0, layout.pack_weights(parameters).view(np.uint16))

    def train(self, batches: int, rate: tuple[int, int]) -> None:
        self.engine.start(self.lowered.training.start(self.lowered.layout, batches, rate, seed=self.seed))

    def sums(self, turn: int) -> Matrices:
        stored = self.direct.forward(self.samples[turn % 2])
        return self.direct.sums(stored, self.labels[turn % 2].astype(np.int64))

    def held(self, base: int) -> Matrices:
        """Matrices in the engine, of weights or of a state, from this address on."""
        layout = self.lowered.layout
        image = self.engine.read(Space.WEIGHT, base, layout.weights[-1].end).view(np.int16)
        return [np.column_stack(parts).astype(np.int64) for parts in layout.unpack_weights(image)]


def kind(layout: Layout, instruction: Instruction) -> str:
    """What an UPDATE writes: gradients or new values to scratch, weights, or the state."""
    if instruction.output_memory is Memory.ERROR:
        return "scratch"
    return "state" if instruction.out.base >= layout.state[0].base else "weights"


def random_words(run: Run) -> dict[str, Matrices]:
    """Of one batch: the random word that meets each weight where something is written for it."""
    layout = run.lowered.layout
    offset = layout.state[0].base - layout.weights[0].base
    found: dict[str, dict[int, int]] = {"scratch": {}, "weights": {}, "state": {}}
    for instruction in run.lowered.training.instructions:
        if instruction.mode is not Mode.UPDATE:
            continue
        what = kind(layout, instruction)
        walk = instruction.aux if what == "scratch" else instruction.out
        moved = 0 if what == "weights" else offset
        met = drained(instruction, walk, run.random, layout.config.banks)
        place = {address - moved: word for address, word in met.items()}
        assert not place.keys() & found[what].keys()
        found[what] |= place
    return {what: as_weights(layout, place) for what, place in found.items()}


def gradient_step(sums: np.ndarray, rate: tuple[int, int], random: np.ndarray) -> np.ndarray:
    return ((saturate(sums >> 14, 18) * rate[0] >> (4 * rate[1])) + random) >> 16


def check_momentum(run: Run, momentum: float, rate: tuple[int, int]) -> None:
    """Three batches."""
    run.train(3, rate)
    velocities = [np.zeros_like(each) for each in run.direct.weights]
    for turn in range(3):
        sums, random = run.sums(turn), random_words(run)
        for index, old in enumerate(velocities):
            new = saturate(old - gradient_step(sums[index], rate, random["scratch"][index]), 16)
            run.direct.weights[index] = saturate(run.direct.weights[index] + new, 16)
            decayed = (-2 * new * round(momentum * 32768) + random["state"][index]) >> 16
            velocities[index] = saturate(-decayed, 16)
    for ours, theirs in zip(run.held(0), run.direct.weights, strict=True):
        np.testing.assert_array_equal(ours, theirs)
    for ours, theirs in zip(run.held(run.lowered.layout.state[0].base), velocities, strict=True):
        np.testing.assert_array_equal(ours, theirs)


@settings(max_examples=100)
@given(
    NETWORKS, configs(), st.integers(1, 7), st.sampled_from([500, 5000, 20000]), st.integers(1, (1 << 32) - 1),
    st.floats(0.01, 0.9), st.floats(0.001, 0.999),
)  # fmt: skip
def test_momentum_equals_the_direct_computation(
    network: Network, config: EngineConfig, batch: int, scale: float, seed: int, rate: float, momentum: float
) -> None:
    lowered = lowered_or_not(network, config, batch, Momentum(momentum))
    check_momentum(Run(lowered, np.random.default_rng(seed), scale, seed), momentum, quantise_rate(rate, batch))


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


def test_what_does_not_fit_is_named() -> None:
    flat = EngineConfig()
    network = Network.uniform((10, 20, 5))
    with pytest.raises(DoesNotFit, match=r"^Momentum\(momentum=0\.9\) does not fit: convolution needed, the engine"):
        lower(network, flat, 4, 1, Momentum(0.9))
    small = EngineConfig(weight_bank_words=1024, convolution=True)
    wide = Network.uniform((100, 50, 10))
    lower(wide, small, 4, 1)
    with pytest.raises(DoesNotFit, match=r"^weights and the optimiser's state do not fit: \d+ needed, the engine has"):
        lower(wide, small, 4, 1, Momentum(0.9))
