"""Which random word meets which weight: in the order in which a program drains its results."""

import numpy as np
from dense_reference import Randomness
from numpy.typing import NDArray

from deep3.compiler.layout import Layout
from deep3.hdl.contract.instruction import Instruction
from deep3.hdl.contract.nest import Walk, back

__all__ = ["as_weights", "drained"]


def drained(instruction: Instruction, walk: Walk, random: Randomness, banks: int) -> dict[int, int]:
    """The random word of every result of an instruction, by its address on ``walk``, aux or out; each once. Of a window
    that is the word of its last step."""
    found: dict[int, int] = {}
    lanes = walk.lane_step * banks + 1
    for outer in range(instruction.outer_count):
        last = outer == instruction.outer_count - 1
        width = instruction.last_outer_width if last else instruction.tile_width
        tile = walk.base + back(outer, instruction.outer_periods, walk.outer)
        for time in range(instruction.time_count):
            address = tile + back(time, instruction.time_periods, walk.inner)
            words = random.next_vector()
            if (time + 1) % instruction.window:
                continue
            for lane in range(width):
                assert address + lane * lanes not in found
                found[address + lane * lanes] = words[lane]
    return found


def as_weights(layout: Layout, found: dict[int, int]) -> list[NDArray[np.int64]]:
    """Words at addresses of weights, each once, as the network's matrices."""
    image = np.full(layout.weights[-1].end, -1, np.int64)
    image[list(found)] = list(found.values())
    # They have 16 bits, one more than weights: their halves are unpacked.
    halves = [layout.unpack_weights((image >> shift & 0xFF).astype(np.int16)) for shift in (0, 8)]
    missing = [np.column_stack(pair) for pair in layout.unpack_weights((image < 0).astype(np.int16))]
    assert not any(matrix.any() for matrix in missing)
    low, high = ([np.column_stack(pair).astype(np.int64) for pair in half] for half in halves)
    return [a + (b << 8) for a, b in zip(low, high, strict=True)]
