"""`compiler.schedule`: of all orientations and tile widths the one with the fewest cycles."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deep3.compiler.cycles import instruction_cycles
from deep3.compiler.phase import Orientation, Phase
from deep3.compiler.schedule import Product, View, schedule
from deep3.hdl.contract.config import EngineConfig
from deep3.hdl.contract.program import Loss, Memory, Mode
from deep3.hdl.contract.timing import block_cycles

ACCUMULATOR_WORDS = 16


def product(p: int, q: int, k: int, loss: Loss = Loss.NONE) -> Product:
    """out[p, q] = left[p, k] * right[q, k], each matrix with an odd pitch."""
    left, right, out = (View(memory, 0, width | 1, 1, False) for memory, width in (
        (Memory.ACTIVATION, k), (Memory.WEIGHT, k), (Memory.ACTIVATION, q),
    ))  # fmt: skip
    return Product(Mode.FORWARD, 0, p, q, k, left, right, out, loss=loss)


def cycles(phase: Phase, config: EngineConfig) -> int:
    return sum(instruction_cycles(instruction, config) for instruction in phase.instructions)


def candidates(p: int, q: int, k: int, phase: Phase, config: EngineConfig) -> list[tuple[int, Orientation, int]]:
    """(cycles, orientation, tile width) of each schedule that there is, in the order in which equals are preferred."""
    loss = phase.instructions[0].loss
    found = []
    for orientation in [Orientation.B] if loss else list(Orientation):
        time, outer = (p, q) if orientation is Orientation.A else (q, p)
        chunks = -(-time // ACCUMULATOR_WORDS)
        reduction_count = -(-k // config.rows)
        for tile_width in range(min(config.columns, outer), 0, -1):
            outer_count = -(-outer // tile_width)
            total = 0
            for chunk in range(chunks):
                count = time * (chunk + 1) // chunks - time * chunk // chunks
                block = -(-block_cycles(count, config.columns) // reduction_count) if loss else 0
                total += instruction_cycles(
                    replace(
                        phase.instructions[0],
                        time_count=count, reduction_count=reduction_count, outer_count=outer_count,
                        tile_width=tile_width, tile_cycles=max(count, tile_width, 4, block),
                        last_outer_width=outer - (outer_count - 1) * tile_width,
                    ),
                    config,
                )  # fmt: skip
            found.append((total, orientation, tile_width))
    return found


@given(
    p=st.integers(1, 40), q=st.integers(1, 16), k=st.integers(1, 40),
    rows=st.integers(2, 16), columns=st.integers(2, 16),
    loss=st.sampled_from([Loss.NONE, Loss.NONE, Loss.MSE, Loss.SOFTMAX]),
)  # fmt: skip
def test_no_other_schedule_takes_fewer_cycles(p: int, q: int, k: int, rows: int, columns: int, loss: Loss) -> None:
    config = EngineConfig(rows=rows, columns=columns, accumulator_words=ACCUMULATOR_WORDS)
    phase = schedule(product(p, q, k, loss), config)
    everything = candidates(p, q, k, phase, config)
    chosen = (cycles(phase, config), phase.orientation, phase.instructions[0].tile_width)
    assert chosen == min(everything, key=lambda candidate: candidate[0])


@pytest.mark.parametrize(
    ("p", "q", "orientation", "tile_width"),
    [
        (4, 9, Orientation.B, 4),  # 4 cycles to load and one tile of 9; A takes 5 and two tiles of 5.
        (9, 9, Orientation.A, 5),  # Two tiles of 9 either way, and 5 columns are loaded sooner than 8.
        (8, 8, Orientation.A, 8),  # The same either way.
    ],
)
def test_schedules_by_hand(p: int, q: int, orientation: Orientation, tile_width: int) -> None:
    phase = schedule(product(p, q, 8), EngineConfig(rows=8, columns=8))
    assert (phase.orientation, phase.instructions[0].tile_width) == (orientation, tile_width)
