"""`hdl.contract.program`: what is encoded is decoded, what does not fit is refused."""

import re
from pathlib import Path

import pytest
from amaranth.lib.data import Const
from hypothesis import given
from hypothesis import strategies as st

from deep3.hdl.cells.layouts import instruction_layout, start_layout
from deep3.hdl.contract.config import EngineConfig
from deep3.hdl.contract.instruction import DEEP_ENCODING, FLAT_ENCODING, Instruction, instruction_fields
from deep3.hdl.contract.nest import Walk
from deep3.hdl.contract.program import (
    ADDRESS_BITS,
    START_FIELDS,
    Counter,
    Format,
    Function,
    Loss,
    Memory,
    Mode,
    ProgramError,
    Space,
    StartParameters,
    counter_word,
)

strides = st.integers(-(1 << (ADDRESS_BITS - 1)), (1 << (ADDRESS_BITS - 1)) - 1)
counts = st.integers(1, 2047)


def walks(reduction: bool) -> st.SearchStrategy[Walk]:
    return st.builds(
        Walk, base=st.integers(0, (1 << ADDRESS_BITS) - 1), inner=st.tuples(strides),
        reduction=st.tuples(strides if reduction else st.just(0)), outer=st.tuples(strides),
        lane_step=st.integers(0, (1 << 14) - 1), buffered=st.booleans(),
    )  # fmt: skip


instructions = st.builds(
    Instruction, mode=st.sampled_from(Mode), time_count=counts, reduction_count=counts, outer_count=counts,
    tile_cycles=counts, tile_width=st.integers(1, 16), last_reduction_width=st.integers(1, 16),
    last_outer_width=st.integers(1, 16), stream=walks(True), load=walks(True), stream_memory=st.sampled_from(Memory),
    load_memory=st.sampled_from(Memory), out=walks(False), output_memory=st.sampled_from(Memory), aux=walks(False),
    aux_memory=st.sampled_from(Memory), loss_out=walks(False), loss=st.sampled_from(Loss),
    format=st.sampled_from(Format), function=st.sampled_from(Function), label_base=st.integers(0, (1 << 14) - 1),
)  # fmt: skip
starts = st.builds(
    StartParameters, first_instruction=st.integers(0, 255), instruction_count=st.integers(0, 255),
    batches=st.integers(0, (1 << 32) - 1), buffers=st.integers(0, 8191),
    buffer_words=st.integers(0, (1 << ADDRESS_BITS) - 1), label_words=st.integers(0, (1 << 14) - 1),
    resident=st.booleans(), rate_mantissa=st.integers(0, 65535), rate_shift=st.integers(0, 3),
    seed=st.integers(0, (1 << 32) - 1),
)  # fmt: skip


@given(instructions)
def test_an_instruction_survives_encoding(instruction: Instruction) -> None:
    words = instruction.encode()
    assert len(words) == FLAT_ENCODING.words
    assert Instruction.decode(words) == instruction


@given(instructions)
def test_the_gateware_layout_reads_what_was_encoded(instruction: Instruction) -> None:
    layout = instruction_layout(FLAT_ENCODING)
    bits = sum(word << (16 * index) for index, word in enumerate(instruction.encode()))
    fields = Const(layout, bits & ((1 << layout.size) - 1))
    assert layout.size <= 16 * FLAT_ENCODING.words
    assert fields.time_count == instruction.time_count
    assert fields.label_base == instruction.label_base
    assert fields.load_base == instruction.load.base
    jump = sum(instruction.load.reduction) - (instruction.tile_width - 1) * sum(instruction.load.inner)
    assert fields.load_reduction_0 == jump % (1 << ADDRESS_BITS)


@given(starts)
def test_start_parameters_survive_encoding(start: StartParameters) -> None:
    payload = start.encode()
    assert len(payload) == 24
    assert start_layout().size <= 8 * 24
    assert StartParameters.decode(payload) == start


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"batches": -1}, "batches must be between 0 and 4294967295, not -1"),
        ({"rate_shift": 4}, "rate_shift must be between 0 and 3, not 4"),
        ({"rate_mantissa": 65536}, "rate_mantissa must be between 0 and 65535, not 65536"),
    ],
)
def test_start_values_that_do_not_fit_are_named(changes: dict[str, int], message: str) -> None:
    with pytest.raises(ProgramError) as caught:
        StartParameters(**{"first_instruction": 0, "instruction_count": 1, "batches": 1, **changes}).encode()
    assert str(caught.value) == message


def test_counter_words_do_not_overlap() -> None:
    words = [counter_word(index, saturations) for index in range(64) for saturations in (False, True)]
    assert words == list(range(16, 16 + 2 * 128, 2))


DOCUMENT = (Path(__file__).parents[3] / "docs" / "engine.md").read_text("utf-8")


def test_the_document_tells_the_bits_of_an_instruction_and_of_a_start() -> None:
    rows = re.findall(r"^\| ([\d, ]+) \| ([a-z_\d, ]+) \|$", DOCUMENT, re.MULTILINE)
    told = [
        (name, int(bits))
        for widths, names in rows
        for name, bits in zip(names.split(", "), widths.split(", "), strict=True)
    ]
    assert told == [*instruction_fields(FLAT_ENCODING), *instruction_fields(DEEP_ENCODING)]
    assert f"A slot holds {DEEP_ENCODING.words} words of these fields" in DOCUMENT
    start = re.search(r"least significant first: (batches [^.]*)\.", DOCUMENT)
    assert start is not None
    assert re.findall(r"(\w+) (\d+)", start[1]) == [(name, str(bits)) for name, bits in START_FIELDS]


def test_the_document_tells_the_counters_and_the_sizes_of_the_spaces() -> None:
    text = " ".join(DOCUMENT.split())
    assert ", ".join(f"{counter.name} {counter.value}" for counter in Counter) in text
    config = EngineConfig()
    slots = config.max_instructions
    names = {**vars(config), "banks": config.banks, "slots": slots}
    row = r"^\| ([0-5]) \| [^|]+ \| ([a-z0-9_*+ ]+?)(?:;[^|]*)? \|$"
    sizes = {space: eval(size, {}, names) for space, size in re.findall(row, DOCUMENT, re.MULTILINE)}
    assert sizes == {str(space.value): config.space_words(space) for space in Space}
    assert slots == min(1 << n for n in range(10) if 1 << n >= 6 * config.max_layers)
    assert [counter_word(5), counter_word(5, saturations=True)] == [16 + 4 * 5, 18 + 4 * 5]
