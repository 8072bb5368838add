"""What instructions that gather errors have in common: which pixels they write, and zeros where no window is."""

from typing import Any

from deep3.compiler.layout import Layout
from deep3.compiler.tensors import Maps
from deep3.hdl.contract.instruction import Instruction
from deep3.hdl.contract.program import Memory, Mode

from .constants import IDENTITY
from .loops import Level, Loop, Place, Strides, instruction, splits
from .windows import Run

__all__ = ["pixels", "without_windows", "written"]


def pixels(layout: Layout, number: int, down: Run, across: Run) -> tuple[list[Level], list[Level]]:
    """How out and aux move over the pixels of two runs and over samples, and from side to side."""
    out, aux = layout.errors_of(number - 1), layout.reads(number)
    assert isinstance(out, Maps)
    assert isinstance(aux, Maps)
    x = Strides(out=out.channels, aux=aux.channels)
    y = Strides(out=out.row_pitch, aux=aux.row_pitch)
    free = [
        Level(across.count, x.times(across.step)),
        Level(down.count, y.times(down.step)),
        Level(layout.batch, Strides(out=out.pitch, aux=aux.pitch)),
    ]
    return free, [Level(across.sides, x.times(across.side_first)), Level(down.sides, y.times(down.side_first))]


def written(layout: Layout, number: int, down: Run, across: Run, first: int) -> dict[str, Any]:
    """Fields of an instruction: what it writes, and what of the values that were read is needed for that."""
    before = layout.steps[number - 1]
    out, aux = layout.errors_of(number - 1), layout.reads(number)
    assert isinstance(out, Maps)
    assert isinstance(aux, Maps)
    return {
        "mode": Mode.BACKWARD, "function": before.function, "position_bits": before.position_bits,
        "out": Place(out.memory, out.at(down.first, across.first) + first),
        "aux": Place(aux.memory, aux.at(down.first, across.first) + first, 1, aux.buffered),
    }  # fmt: skip


def without_windows(
    layout: Layout, number: int, down: Run, across: Run, first: int, count: int, tile_width: int
) -> list[Instruction]:
    """No error comes to these pixels: a zero for each, the product of any word with one."""
    free, fixed = pixels(layout, number, down, across)
    fixed.append(Level(count, Strides(out=tile_width, aux=tile_width)))
    config, errors = layout.config, layout.errors_of(number)
    return [
        instruction(
            split, Loop(), config=config, tile_width=tile_width, column_stride=0,
            stream=Place(errors.memory, errors.base), load=Place(Memory.WEIGHT, layout.constants[IDENTITY]),
            **written(layout, number, down, across, first), last_reduction_width=1,
        )
        for split in splits(free, fixed, config, tile_width)
    ]  # fmt: skip
