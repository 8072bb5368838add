"""Errors gathered from windows, direction by direction: which pixels are written, which windows are read for them."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from deep3.compiler.layout import Layout
from deep3.compiler.tensors import Maps
from deep3.hdl.contract.instruction import Instruction
from deep3.hdl.contract.program import Memory, Mode

from .constants import IDENTITY
from .loops import STILL, Level, Loop, Place, Strides, instruction, splits
from .windows import Run

__all__ = ["Direction", "candidates", "levels", "written"]

Pieces = Iterable[list[tuple[int, int, int]]]
Make = Callable[[Layout, int, Run, Run, int, int, int], list[Instruction]]


@dataclass(frozen=True)
class Direction:
    """Down or across: a run of pixels, and how walks move over the windows that cover them.

    Attributes
    ----------
    run
        Pixels and their windows.
    stride
        Of windows, in pixels.
    window
        From the errors of a window, or of a group of them, to those of the next.
    place
        From a place in a window to the next.
    tap
        From one window of a pixel to the one before, beside what they are apart.
    pool
        Windows whose errors lie together, 1 or 2.
    member
        Positions from one of those to the next.
    """

    run: Run
    stride: int
    window: Strides
    place: Strides
    tap: Strides = STILL
    pool: int = 1
    member: int = 0

    @property
    def start(self) -> Strides:
        """Where the first window of the first pixel is, from the first window there is."""
        return self._at(self.run.window, self.run.place)

    @property
    def pixel(self) -> Strides:
        """From a pixel of the run to the next."""
        return self.window.times(self.run.step // self.stride // self.pool)

    @property
    def side(self) -> Strides:
        """From a side of the run to the next."""
        there = self._at(self.run.window + self.run.side_window, self.run.place + self.run.side_place)
        return there.plus(self.start.times(-1))

    def taps(self, reduction: Loop) -> Loop:
        """With a loop over the windows of a pixel around, from the last window to the first."""
        step = self.place.times(self.stride).plus(self.tap)
        before = self.window.times(-1)
        if self.pool == 1 or self.run.taps == 1:
            return reduction.then(Level(self.run.taps, step.plus(before)))
        if self.run.window % 2:
            # The second of a pair comes first.
            pairs = reduction.then(Level(2, step.plus(Strides(positions=-self.member))))
        else:
            pairs = reduction.then(Level(2, step.plus(before).plus(Strides(positions=self.member))))
        if self.run.taps == 2:
            return pairs
        return pairs.until(reduction.count * self.run.taps, step.times(2).plus(before))

    def _at(self, window: int, place: int) -> Strides:
        group, member = divmod(window, self.pool)
        return self.window.times(group).plus(self.place.times(place)).plus(Strides(positions=member * self.member))


def candidates(
    layout: Layout, number: int, runs: Sequence[tuple[Run, Run]], pieces: Pieces, make: Make
) -> list[list[Instruction]]:
    """Programs for the errors of what a step reads, all of its ``runs`` of pixels: one for each way to cut its channels
    into (first, tiles, width). ``make`` is for pixels that windows cover."""
    return [
        [
            made
            for first, count, tile_width in piece
            for down, across in runs
            for made in (make if down.taps and across.taps else _without_windows)(
                layout, number, down, across, first, count, tile_width
            )
        ]
        for piece in pieces
    ]


def levels(
    layout: Layout, number: int, down: Direction, across: Direction, tiles: Level
) -> tuple[list[Level], list[Level]]:
    """Over the pixels of two runs and samples; over their sides and ``tiles`` of channels."""
    errors = layout.errors_of(number)
    (x, y, samples), (side_x, side_y) = _pixels(layout, number, down.run, across.run)
    free = [
        Level(x.steps, x.strides.plus(across.pixel)),
        Level(y.steps, y.strides.plus(down.pixel)),
        Level(samples.steps, samples.strides.plus(Strides(stream=errors.pitch))),
    ]
    fixed = [
        Level(side_x.steps, side_x.strides.plus(across.side)),
        Level(side_y.steps, side_y.strides.plus(down.side)),
        tiles,
    ]
    return free, fixed


def _pixels(layout: Layout, number: int, down: Run, across: Run) -> tuple[list[Level], list[Level]]:
    """How out and aux move over pixels and samples, and from side to side."""
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


def _without_windows(
    layout: Layout, number: int, down: Run, across: Run, first: int, count: int, tile_width: int
) -> list[Instruction]:
    """No error comes to these pixels: a zero for each, the product of any word with one."""
    free, fixed = _pixels(layout, number, down, across)
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
