"""Lowered networks on the golden engine against the dense computation; laws of schedules and cycles."""

import math
import re

import numpy as np
import pytest
from dense_reference import Dense, Randomness
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from deep3.compiler.cycles import run_cycles
from deep3.compiler.layout import DoesNotFit
from deep3.compiler.lowering import Lowered, Orientation, lower, quantise_rate
from deep3.compiler.network.network import Network
from deep3.hdl.contract.config import EngineConfig
from deep3.hdl.contract.instruction import Instruction
from deep3.hdl.contract.program import Counter, Function, Loss, Mode, Space, counter_word
from deep3.sim.golden.engine.engine import Engine

INPUT_SCALE = 4096


@st.composite
def cases(draw: st.DrawFn) -> tuple[Network, EngineConfig, int]:
    config = EngineConfig(
        rows=draw(st.integers(2, 9)), columns=draw(st.integers(2, 9)), accumulator_words=16, max_layers=4,
        activation_entries=draw(st.sampled_from([64, 512])), exponential_entries=draw(st.sampled_from([16, 64, 256])),
    )  # fmt: skip
    sizes = (*draw(st.lists(st.integers(1, 21), min_size=1, max_size=3)), draw(st.integers(2, 12)))
    functions = (*(draw(st.sampled_from(Function)) for _ in sizes[2:]), Function.IDENTITY)
    network = Network.dense(sizes, functions, draw(st.sampled_from([Loss.SOFTMAX, Loss.MSE])))
    return network, config, draw(st.integers(1, 20))


def random_problem(network: Network, batches: int, batch: int, weight_scale: float, seed: int) -> tuple[
    np.ndarray, np.ndarray, list[np.ndarray]
]:  # fmt: skip
    """Q3.12 samples [batches, batch, inputs], labels [batches, batch], weights with bias [outputs, inputs + 1]."""
    rng = np.random.default_rng(seed)
    samples = np.clip(rng.normal(0, INPUT_SCALE, (batches, batch, network.inputs)), -32768, 32767).astype(np.int16)
    labels = rng.integers(0, network.classes, (batches, batch)).astype(np.uint16)
    shapes = [(after, before + 1) for before, after in zip(network.sizes, network.sizes[1:], strict=False)]
    weights = [np.clip(rng.normal(0, weight_scale, s), -32768, 32767).astype(np.int16) for s in shapes]
    return samples, labels, weights


def loaded_engine(lowered: Lowered, samples: np.ndarray, labels: np.ndarray, weights: list[np.ndarray]) -> Engine:
    layout = lowered.layout
    engine = Engine(layout.config)
    parameters = [(array[:, :-1], array[:, -1]) for array in weights]
    engine.write(Space.PROGRAM, 0, lowered.image())
    engine.write(Space.ACTIVATION, 0, layout.borders().view(np.uint16))
    engine.write(Space.ACTIVATION, layout.inputs.base, layout.padded_inputs(samples).view(np.uint16).ravel())
    engine.write(Space.LABEL, 0, labels.ravel())
    engine.write(Space.WEIGHT, 0, layout.pack_weights(parameters).view(np.uint16))
    return engine


def read_weights(engine: Engine, lowered: Lowered) -> list[np.ndarray]:
    image = engine.read(Space.WEIGHT, 0, lowered.layout.weights[-1].end).view(np.int16)
    return [np.column_stack(pair) for pair in lowered.layout.unpack_weights(image)]


def saturations(engine: Engine, instructions: int) -> int:
    words = [engine.read(Space.COUNTER, counter_word(i, saturations=True), 2) for i in range(instructions)]
    return sum(int(low) + (int(high) << 16) for low, high in words)


@settings(max_examples=40)
@given(cases(), st.sampled_from([2000, 20000]), st.integers(1, (1 << 32) - 1), st.floats(0.01, 0.9))
def test_training_equals_the_dense_computation(
    case: tuple[Network, EngineConfig, int], weight_scale: float, seed: int, rate: float
) -> None:
    network, config, batch = case
    lowered = lower(network, config, batch)
    samples, labels, weights = random_problem(network, 2, batch, weight_scale, seed)
    engine = loaded_engine(lowered, samples, labels, weights)
    quantised = quantise_rate(rate, batch)
    engine.start(lowered.training.start(lowered.layout, 3, quantised, seed=seed))

    dense = Dense(network, config, [array.astype(np.int64) for array in weights])
    random = Randomness(config.columns, seed)
    correct = sum(
        dense.train(samples[i % 2].astype(np.int64), labels[i % 2], lowered.training.phases, quantised, random)
        for i in range(3)
    )
    for ours, theirs in zip(read_weights(engine, lowered), dense.weights, strict=True):
        np.testing.assert_array_equal(ours, theirs)
    assert engine.counter(Counter.CORRECT) == correct
    assert engine.batches_done == 3
    assert saturations(engine, len(lowered.training.instructions)) == dense.clips.count


@settings(max_examples=25)
@given(cases(), st.sampled_from([2000, 20000]), st.integers(1, (1 << 32) - 1))
def test_forward_and_classify_equal_the_dense_computation(
    case: tuple[Network, EngineConfig, int], weight_scale: float, seed: int
) -> None:
    network, config, batch = case
    lowered = lower(network, config, batch, buffers=2)
    layout = lowered.layout
    samples, labels, weights = random_problem(network, 2, batch, weight_scale, seed)
    engine = loaded_engine(lowered, samples, labels, weights)
    dense = Dense(network, config, [array.astype(np.int64) for array in weights])
    outputs = [dense.forward(batch_samples.astype(np.int64))[-1] for batch_samples in samples]

    engine.start(lowered.forward.start(layout, 1))
    words = engine.read(Space.ACTIVATION, layout.outputs.base, layout.outputs.words).view(np.int16)
    np.testing.assert_array_equal(layout.outputs.take(words), outputs[0])

    engine.start(lowered.classify.start(layout, 2))
    classes = engine.read(Space.LABEL, 0, 2 * batch).reshape(2, batch)
    np.testing.assert_array_equal(classes, np.argmax(outputs, axis=2))


def executable(instruction: Instruction, config: EngineConfig) -> bool:
    return (
        1 <= instruction.time_count <= config.accumulator_words
        and instruction.tile_cycles >= max(instruction.time_count, instruction.tile_width, 4)
        and 1 <= instruction.last_reduction_width <= config.rows
        and 1 <= instruction.last_outer_width <= instruction.tile_width <= config.columns
    )


@given(cases())
def test_instructions_keep_the_limits_of_the_engine(case: tuple[Network, EngineConfig, int]) -> None:
    network, config, batch = case
    lowered = lower(network, config, batch)
    programs = [lowered.training, lowered.classify, lowered.forward]
    for program in programs:
        assert all(executable(instruction, config) for instruction in program.instructions)
        assert all(Instruction.decode(i.encode()) == i for i in program.instructions)
        losses = [i for i in program.instructions if i.loss is not Loss.NONE]
        assert len(losses) == (0 if program is lowered.forward else 1)
        assert all(phase.orientation is Orientation.B for phase in program.phases for i in phase.instructions if i.loss)
    assert programs[0].first_instruction == 0
    assert [program.first_instruction for program in programs[1:]] == [program.end for program in programs[:2]]
    assert len(lowered.image()) == 32 * programs[-1].end


@given(cases())
def test_work_and_ideal_cycles_bound_the_schedule(case: tuple[Network, EngineConfig, int]) -> None:
    network, config, batch = case
    program = lower(network, config, batch).training
    pairs = list(zip(network.sizes, network.sizes[1:], strict=False))
    forward = batch * sum(a * b for a, b in pairs)
    assert program.macs == 2 * forward + batch * sum(a * b for a, b in pairs[1:])
    assert program.macs <= program.ideal_cycles * config.rows * config.columns
    assert program.ideal_cycles < run_cycles(program.instructions, config, 1)


@settings(max_examples=20)
@given(cases(), st.integers(1, 5))
def test_cycle_counters_follow_the_closed_form(case: tuple[Network, EngineConfig, int], batches: int) -> None:
    network, config, batch = case
    lowered = lower(network, config, batch)
    engine = loaded_engine(lowered, *random_problem(network, 2, batch, 2000, seed=1))
    engine.start(lowered.training.start(lowered.layout, batches, (100, 0)))
    assert engine.counter(Counter.CYCLES) == run_cycles(lowered.training.instructions, config, batches)


def test_a_backward_pass_precedes_the_update_of_its_weights() -> None:
    phases = lower(Network.uniform((5, 4, 3, 2)), EngineConfig(), 8).training.phases
    assert [(phase.mode, phase.layer) for phase in phases] == [
        (Mode.FORWARD, 0), (Mode.FORWARD, 1), (Mode.FORWARD, 2),
        (Mode.BACKWARD, 2), (Mode.UPDATE, 2), (Mode.BACKWARD, 1), (Mode.UPDATE, 1), (Mode.UPDATE, 0),
    ]  # fmt: skip


def test_an_engine_without_loss_unit_gets_a_forward_program_only() -> None:
    lowered = lower(Network.uniform((5, 4, 3)), EngineConfig(loss_unit=False), 8)
    assert lowered.training.phases == lowered.classify.phases == ()
    assert [phase.mode for phase in lowered.forward.phases] == [Mode.FORWARD, Mode.FORWARD]


def test_programs_that_do_not_fit_are_named() -> None:
    config = EngineConfig(accumulator_words=16, max_layers=2)
    with pytest.raises(DoesNotFit) as caught:
        lower(Network.uniform((100, 100, 16)), config, 64, 1)
    assert str(caught.value) == (
        "programs do not fit: 36 needed, the engine has 16 instructions (max_layers);"
        " a deeper accumulator or a smaller batch needs fewer"
    )


@given(st.floats(1e-6, 300), st.integers(1, 4093))
def test_the_rate_is_quantised_closely_or_refused(learning_rate: float, batch: int) -> None:
    rate = learning_rate / batch
    assume(rate < 0.9999)
    if rate < 16 / 2**28:
        with pytest.raises(ValueError, match=r"^learning_rate must be between \S+ and \S+ in batches of \d+, not \S+$"):
            quantise_rate(learning_rate, batch)
        return
    mantissa, shift = quantise_rate(learning_rate, batch)
    assert math.isclose(mantissa / 2 ** (16 + 4 * shift), rate, rel_tol=1 / 31)
    assert 16 <= mantissa <= 65535
    assert shift == 3 or mantissa >= 4095


@pytest.mark.parametrize("learning_rate", [0.0, -0.1, 64.0, math.nan, math.inf])
def test_rates_out_of_reach_are_named(learning_rate: float) -> None:
    message = f"learning_rate must be between 3.81e-06 and 63.999 in batches of 64, not {learning_rate!r}"
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        quantise_rate(learning_rate, 64)
