"""Cycles of instructions by hand, from the latencies of the units, to which the benches hold the RTL."""

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deep3.compiler.cycles import instruction_cycles, loss_wait_cycles, run_cycles
from deep3.hdl.contract.config import EngineConfig
from deep3.hdl.contract.instruction import Instruction
from deep3.hdl.contract.nest import Walk
from deep3.hdl.contract.program import Loss, Memory, Mode
from deep3.hdl.contract.timing import block_cycles, drain_cycles, fetch_cycles, flush_cycles

DOCUMENT = Path(__file__).parents[3] / "docs" / "engine.md"
SMALL = EngineConfig(rows=4, columns=4)
LARGE = EngineConfig(rows=8, columns=13)


SHORTEST = Instruction(
    mode=Mode.FORWARD, time_count=1, reduction_count=1, outer_count=1, tile_cycles=4, tile_width=1,
    last_reduction_width=1, last_outer_width=1,
    stream=Walk(), load=Walk(), stream_memory=Memory.ACTIVATION, load_memory=Memory.WEIGHT,
)  # fmt: skip


def instruction(loss: Loss = Loss.NONE, tile_cycles: int = 6, last_outer_width: int = 3) -> Instruction:
    """Six tiles of five steps."""
    return replace(
        SHORTEST, loss=loss, time_count=5, reduction_count=2, outer_count=3, tile_cycles=tile_cycles, tile_width=4,
        last_outer_width=last_outer_width,
    )  # fmt: skip


def test_latencies_by_hand() -> None:
    # 10 to read, 3 rows more, 3 for a sum, 1 to accumulate, 14 in a lane.
    assert (drain_cycles(SMALL), flush_cycles(SMALL)) == (31, 34)
    # 7 rows more, and four groups of columns, each a cycle behind the one before.
    assert (drain_cycles(LARGE), flush_cycles(LARGE)) == (38, 41)
    assert fetch_cycles(SMALL) == 34
    # Two passes of 20 and the gap of 6; 2 and the 10 of an error, less one; 16 labels of 3.
    assert [block_cycles(20, 4), block_cycles(2, 4), block_cycles(1, 16)] == [46, 11, 19]


@pytest.mark.parametrize(
    ("loss", "tile_cycles", "last_outer_width", "config", "wait", "cycles"),
    [
        (Loss.NONE, 6, 3, SMALL, 0, 9 + 4 + 36 + 34),
        # The last class leaves 32 cycles after its issue, the errors 14 later; 35 of it are tile and flush.
        (Loss.MSE, 6, 3, SMALL, 11, 9 + 4 + 36 + 34 + 11),
        (Loss.SOFTMAX, 6, 3, SMALL, 27, 9 + 4 + 36 + 34 + 27),
        (Loss.ARGMAX, 6, 3, SMALL, 3, 9 + 4 + 36 + 34 + 3),
        (Loss.ARGMAX, 6, 1, SMALL, 1, 9 + 4 + 36 + 34 + 1),
        (Loss.SOFTMAX, 20, 3, SMALL, 13, 9 + 4 + 120 + 34 + 13),
        (Loss.MSE, 20, 3, SMALL, 0, 9 + 4 + 120 + 34),
        (Loss.NONE, 6, 3, LARGE, 0, 9 + 4 + 36 + 41),
        (Loss.SOFTMAX, 6, 3, LARGE, 27, 9 + 4 + 36 + 41 + 27),
    ],
)
def test_instructions_by_hand(
    loss: Loss, tile_cycles: int, last_outer_width: int, config: EngineConfig, wait: int, cycles: int
) -> None:
    one = instruction(loss, tile_cycles, last_outer_width)
    assert loss_wait_cycles(one, config) == wait
    assert instruction_cycles(one, config) == cycles


def test_runs_by_hand() -> None:
    program = [instruction(), instruction(Loss.MSE)]
    assert run_cycles(program, SMALL, 0) == 2
    assert run_cycles(program, SMALL, 1) == 34 + 83 + 94 + 1
    assert run_cycles(program, SMALL, 3) == 34 + 3 * (83 + 94) + 1


@given(st.integers(2, 16), st.integers(2, 16))
def test_the_next_instruction_is_fetched_before_the_shortest_ends(rows: int, columns: int) -> None:
    config = EngineConfig(rows=rows, columns=columns)
    assert instruction_cycles(SHORTEST, config) >= fetch_cycles(config) + 2


@pytest.mark.parametrize(("rows", "columns"), [(2, 2), (8, 4), (3, 7), (16, 16)])
def test_an_instruction_takes_what_the_document_says(rows: int, columns: int) -> None:
    config = EngineConfig(rows=rows, columns=columns)
    longer = replace(SHORTEST, outer_count=3, reduction_count=2, tile_cycles=7, tile_width=2)
    assert "9 + tile_width + outer_count * reduction_count * tile_cycles + flush" in DOCUMENT.read_text("utf-8")
    assert "flush = 29 + rows + ceil(columns / 4)" in DOCUMENT.read_text("utf-8")
    flush = 29 + rows + -(-columns // 4)
    assert instruction_cycles(longer, config) == 9 + 2 + 3 * 2 * 7 + flush
    batch_cycles = 9 + 1 + 4 + 9 + 2 + 42 + 2 * flush
    assert run_cycles([SHORTEST, longer], config, 5) == fetch_cycles(config) + 5 * batch_cycles + 1


def test_the_document_says_how_short_an_instruction_can_be() -> None:
    config = EngineConfig(rows=2, columns=2)
    assert (instruction_cycles(SHORTEST, config), fetch_cycles(config) + 2) == (46, 36)
    assert "That is 46 at least; the next one is fetched in 36." in DOCUMENT.read_text("utf-8")


@given(st.integers(2, 16), st.integers(2, 16))
def test_short_instructions_of_an_engine_with_convolution_wait_for_the_next(rows: int, columns: int) -> None:
    config = EngineConfig(rows=rows, columns=columns, convolution=True)
    assert "flush = 32 + rows + ceil(columns / 4)" in DOCUMENT.read_text("utf-8")
    assert "fetched in 84 cycles" in " ".join(DOCUMENT.read_text("utf-8").split())
    cycles = 9 + 1 + 4 + 32 + rows + -(-columns // 4)
    assert instruction_cycles(SHORTEST, config) == cycles
    long = replace(SHORTEST, time_count=100, tile_cycles=100)
    # Behind the last instruction of a run there is none to wait for.
    assert run_cycles([SHORTEST, long], config, 2) == 82 + 2 * (84 + cycles + 96) + 1
    assert run_cycles([long, SHORTEST], config, 2) == 82 + (cycles + 96 + 84) + (cycles + 96 + cycles) + 1


@pytest.mark.parametrize("columns", [2, 16])
@pytest.mark.parametrize("classes", [2, 3, 7, 10, 256])
def test_the_document_tells_how_long_a_loss_needs_for_a_block(classes: int, columns: int) -> None:
    assert "reduction_count * tile_cycles >= max(2 C + 6, C + 9, columns + 3)" in DOCUMENT.read_text("utf-8")
    assert block_cycles(classes, columns) == max(2 * classes + 6, classes + 9, columns + 3)
