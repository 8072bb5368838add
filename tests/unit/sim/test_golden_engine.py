"""The golden engine: the loop nest of `hdl.contract.program` word by word, runs, counters, refusals."""

import dataclasses

import dense_reference as dense
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deep3.compiler.lowering import Lowered, lower
from deep3.compiler.network.network import Network
from deep3.hdl.contract.config import EngineConfig
from deep3.hdl.contract.instruction import Instruction
from deep3.hdl.contract.nest import Walk
from deep3.hdl.contract.program import (
    Counter,
    Format,
    Function,
    Memory,
    Mode,
    ProgramError,
    Space,
    StartParameters,
    counter_word,
)
from deep3.sim.golden.engine.engine import Engine

CONFIG = EngineConfig(rows=3, columns=4, activation_bank_words=1024, weight_bank_words=1024, error_bank_words=1024)
"""4 banks, 4096 words in each memory."""


def walks(base: int, reduction: bool) -> st.SearchStrategy[Walk]:
    """Walks of up to 4 x 4 x 4 steps that stay within 1365 words of ``base``, backwards too."""
    stride = st.integers(-40, 40)
    return st.builds(
        Walk, base=st.just(base), inner=st.tuples(stride), reduction=st.tuples(stride if reduction else st.just(0)),
        outer=st.tuples(stride),
        lane_step=st.integers(0, 5), buffered=st.booleans(),
    )  # fmt: skip


@st.composite
def nests(draw: st.DrawFn) -> Instruction:
    """Any FORWARD nest, convolution-like ones too, that reads A and W and writes each word of E at most once."""
    time, width, outer = (draw(st.integers(1, 4)) for _ in range(3))
    return Instruction(
        mode=Mode.FORWARD, time_count=time, reduction_count=draw(st.integers(1, 4)), outer_count=outer,
        tile_cycles=4, tile_width=width, last_reduction_width=draw(st.integers(1, CONFIG.rows)),
        last_outer_width=draw(st.integers(1, width)), stream=draw(walks(500, True)), load=draw(walks(500, True)),
        stream_memory=Memory.ACTIVATION, load_memory=Memory.WEIGHT, output_memory=Memory.ERROR,
        out=Walk(700, inner=(1,), outer=(200,), lane_step=draw(st.integers(1, 5)), buffered=draw(st.booleans())),
        format=draw(st.sampled_from(Format)), function=draw(st.sampled_from(Function)),
    )  # fmt: skip


def nest_results(instruction: Instruction, a: np.ndarray, w: np.ndarray, offset: int) -> dict[int, int]:
    """Address to value of everything that the nest writes."""

    def word(walk: Walk, t: int, k: int, n: int, lane: int) -> int:
        lanes = lane * (walk.lane_step * CONFIG.banks + 1)
        start = walk.base + (offset if walk.buffered else 0)
        return start + t * sum(walk.inner) + k * sum(walk.reduction) + n * sum(walk.outer) + lanes

    results = {}
    for n in range(instruction.outer_count):
        last = n == instruction.outer_count - 1
        for t in range(instruction.time_count):
            for c in range(instruction.last_outer_width if last else instruction.tile_width):
                total = 0
                for k in range(instruction.reduction_count):
                    final = k == instruction.reduction_count - 1
                    for r in range(instruction.last_reduction_width if final else CONFIG.rows):
                        x = a[word(instruction.stream, t, k, n, r)]
                        total += int(x) * int(w[word(instruction.load, c, k, n, r)])
                clips = dense.Clips()
                shift = 15 if instruction.format is Format.Q7_8 else 11
                y = clips.saturate((clips.saturate(total >> shift, 18) + 1) >> 1, 16)
                if instruction.format is Format.Q3_12:
                    y = dense.activation(y, instruction.function, CONFIG.activation_entries)
                results[word(instruction.out, t, 0, n, c)] = y
    return results


@settings(max_examples=60)
@given(nests(), st.integers(0, 2**32 - 1))
def test_any_walk_gives_what_the_loop_nest_says(instruction: Instruction, seed: int) -> None:
    rng = np.random.default_rng(seed)
    a, w = rng.integers(-32768, 32768, (2, 4096)).astype(np.int16)
    engine = Engine(CONFIG)
    engine.write(Space.ACTIVATION, 0, a.view(np.uint16))
    engine.write(Space.WEIGHT, 0, w.view(np.uint16))
    engine.write(Space.PROGRAM, 0, np.array(instruction.encode(), np.uint16))
    engine.start(StartParameters(0, 1, batches=2, buffers=2, buffer_words=1500))
    expected = np.zeros(4096, np.int64)
    for offset in (0, 1500):
        for address, value in nest_results(instruction, a, w, offset).items():
            expected[address] = value
    np.testing.assert_array_equal(engine.read(Space.ERROR, 0, 4096).view(np.int16), expected)


def small() -> tuple[Lowered, Engine]:
    """A network with random weights, two buffers of random samples and labels."""
    rng = np.random.default_rng(5)
    lowered = lower(Network.uniform((6, 5, 3)), CONFIG, batch=4, buffers=2)
    layout = lowered.layout
    engine = Engine(CONFIG)
    engine.write(Space.PROGRAM, 0, lowered.image())
    engine.write(Space.ACTIVATION, 0, layout.borders().view(np.uint16))
    samples = layout.padded_inputs(rng.integers(-8000, 8000, (2, 4, 6)).astype(np.int16))
    engine.write(Space.ACTIVATION, layout.inputs.base, samples.view(np.uint16).ravel())
    engine.write(Space.LABEL, 0, rng.integers(0, 3, 8).astype(np.uint16))
    engine.write(Space.WEIGHT, 0, rng.integers(-2000, 2000, layout.weights[-1].end).astype(np.int16).view(np.uint16))
    return lowered, engine


def weights(engine: Engine) -> list[int]:
    return engine.read(Space.WEIGHT, 0, CONFIG.weight_words).tolist()


def test_a_streamed_run_waits_for_batches_and_ends_like_a_resident_one() -> None:
    lowered, resident = small()
    parameters = lowered.training.start(lowered.layout, 5, (9000, 0), seed=3)
    resident.start(parameters)
    _, streamed = small()
    streamed.start(dataclasses.replace(parameters, resident=False))
    seen = [(streamed.busy, streamed.batches_done)]
    for batches in (1, 0, 3, 1):
        streamed.commit(batches)
        seen.append((streamed.busy, streamed.batches_done))
    assert seen == [(True, 0), (True, 1), (True, 1), (True, 4), (False, 5)]
    assert weights(streamed) == weights(resident)
    assert streamed.read(Space.COUNTER, 0, 100).tolist() == resident.read(Space.COUNTER, 0, 100).tolist()


def test_start_is_ignored_while_a_run_is_on_and_clears_what_was_committed() -> None:
    lowered, engine = small()
    parameters = lowered.training.start(lowered.layout, 2, (9000, 0), resident=False)
    engine.commit(2)
    engine.start(parameters)
    assert (engine.busy, engine.batches_done) == (True, 0)
    before = weights(engine)
    engine.start(dataclasses.replace(parameters, resident=True))
    assert weights(engine) == before
    engine.abort()
    assert not engine.busy
    engine.start(dataclasses.replace(parameters, resident=True))
    assert (engine.busy, engine.batches_done) == (False, 2)


def test_without_a_seed_the_random_words_go_on() -> None:
    lowered, once = small()
    once.start(lowered.training.start(lowered.layout, 4, (9000, 0), seed=8))
    _, twice = small()
    twice.start(lowered.training.start(lowered.layout, 2, (9000, 0), seed=8))
    twice.start(lowered.training.start(lowered.layout, 2, (9000, 0)))
    assert weights(twice) == weights(once)
    _, restarted = small()
    restarted.start(lowered.training.start(lowered.layout, 2, (9000, 0), seed=8))
    restarted.start(lowered.training.start(lowered.layout, 2, (9000, 0), seed=8))
    assert weights(restarted) != weights(once)


def test_power_up_acts_as_seed_one() -> None:
    lowered, fresh = small()
    fresh.start(lowered.training.start(lowered.layout, 1, (9000, 0)))
    _, seeded = small()
    seeded.start(lowered.training.start(lowered.layout, 1, (9000, 0), seed=1))
    assert weights(fresh) == weights(seeded)


def test_counters_stand_where_the_program_format_says() -> None:
    lowered, engine = small()
    engine.start(lowered.training.start(lowered.layout, 3, (9000, 0), seed=8))
    words = engine.read(Space.COUNTER, 0, counter_word(CONFIG.max_instructions)).astype(np.int64)
    values = words[0::2] + (words[1::2] << 16)
    assert values[Counter.BATCHES] == 3
    assert values[Counter.CYCLES] == engine.counter(Counter.CYCLES)
    slots = range(len(lowered.training.instructions))
    busy = sum(values[counter_word(slot) // 2] for slot in slots)
    # One cycle seeds the random words, one sees that all batches are done.
    assert busy + values[Counter.FETCH_WAIT] + 2 == values[Counter.CYCLES]
    assert (values[counter_word(len(slots)) // 2 :] == 0).all()


def test_every_memory_gives_back_what_was_written() -> None:
    engine = Engine(CONFIG)
    rng = np.random.default_rng(1)
    for space in (Space.ACTIVATION, Space.WEIGHT, Space.ERROR, Space.LABEL, Space.PROGRAM):
        words = rng.integers(0, 65536, 50).astype(np.uint16)
        engine.write(space, 7, words)
        assert engine.read(space, 7, 50).tolist() == words.tolist()


def test_words_may_lie_in_a_packet() -> None:
    engine = Engine(CONFIG)
    engine.write(Space.ERROR, 3, np.frombuffer(b"\x01\x80\x02\x00", "<u2"))
    assert engine.read(Space.ERROR, 3, 2).tolist() == [0x8001, 2]


@pytest.mark.parametrize(
    ("space", "address", "message"),
    [
        (Space.ERROR, 4095, r"^words of ERROR must be between 0 and 4095, not 4095\.\.4096$"),
        (Space.LABEL, -1, r"^words of LABEL must be between 0 and 1023, not -1\.\.0$"),
        (Space.COUNTER, 0, "^space must be one that can be written, not COUNTER$"),
    ],
)
def test_writes_outside_a_space_are_named(space: Space, address: int, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Engine(CONFIG).write(space, address, np.zeros(2, np.uint16))


def test_a_memory_that_two_walks_read_is_named() -> None:
    """Gateware reads one of them."""
    lowered, engine = small()
    program = lowered.training.instructions
    slot = next(slot for slot, each in enumerate(program) if each.mode is Mode.UPDATE)
    changed = dataclasses.replace(program[slot], stream_memory=Memory.WEIGHT)
    encoding = CONFIG.encoding
    engine.write(Space.PROGRAM, slot * encoding.words, np.array(changed.encode(encoding), np.uint16))
    with pytest.raises(ProgramError, match=r"^aux_memory must be another than stream and load read, not WEIGHT$"):
        engine.start(lowered.training.start(lowered.layout, 1, (9000, 0)))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"instruction_count": 0}, "instruction_count must be between 1 and 64, not 0"),
        ({"first_instruction": 60, "instruction_count": 5}, "instruction_count must be between 1 and 4, not 5"),
        ({"buffers": 0}, "buffers must be 1 or more, not 0"),
        ({"buffer_words": 4010, "batches": 2, "buffers": 2}, "addresses of ACTIVATION must be below 4096, not 4099"),
    ],
)
def test_impossible_runs_are_named(changes: dict[str, int], message: str) -> None:
    lowered, engine = small()
    parameters = dataclasses.replace(lowered.training.start(lowered.layout, 1), **changes)
    with pytest.raises(ProgramError) as caught:
        engine.start(parameters)
    assert str(caught.value) == message
