"""`compiler.cycles`: what docs/engine.md says of the shortest instruction, and that none waits for its successor."""

from dataclasses import replace
from pathlib import Path

import pytest

from deep3.compiler.cycles import instruction_cycles, run_cycles
from deep3.hdl.contract.config import EngineConfig
from deep3.hdl.contract.program import Instruction, Memory, Mode, Walk
from deep3.hdl.contract.timing import fetch_cycles

SHORTEST = Instruction(
    mode=Mode.FORWARD, time_count=1, reduction_count=1, outer_count=1, tile_cycles=4, tile_width=1,
    last_reduction_width=1, last_outer_width=1, stream=Walk(), load=Walk(), stream_memory=Memory.ACTIVATION,
    load_memory=Memory.WEIGHT,
)  # fmt: skip
DOCUMENT = Path(__file__).parents[3] / "docs" / "engine.md"


@pytest.mark.parametrize(("rows", "columns"), [(2, 2), (8, 4), (3, 7), (16, 16)])
def test_an_instruction_takes_what_the_document_says(rows: int, columns: int) -> None:
    config = EngineConfig(rows=rows, columns=columns)
    longer = replace(SHORTEST, outer_count=3, reduction_count=2, tile_cycles=7, tile_width=2)
    assert "9 + tile_width + outer_count * reduction_count * tile_cycles + flush" in DOCUMENT.read_text("utf-8")
    assert "flush = 29 + rows + ceil(columns / 4)" in DOCUMENT.read_text("utf-8")
    flush = 29 + rows + -(-columns // 4)
    assert instruction_cycles(longer, config) == 9 + 2 + 3 * 2 * 7 + flush
    assert run_cycles([SHORTEST, longer], config, 5) == fetch_cycles() + 5 * (9 + 1 + 4 + 9 + 2 + 42 + 2 * flush) + 1


def test_the_next_instruction_is_fetched_before_the_shortest_ends() -> None:
    shortest_cycles = instruction_cycles(SHORTEST, EngineConfig(rows=2, columns=2))
    assert (shortest_cycles, fetch_cycles() + 2) == (46, 36)
    assert "That is 46 at least; the next one is fetched in 36." in DOCUMENT.read_text("utf-8")
