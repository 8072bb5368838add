"""Loop nests of instructions out of levels: what is time, what is an outer tile, and what becomes of the walks."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any, NamedTuple

from deep3.compiler.phase import tile_cycles
from deep3.compiler.steps import Step
from deep3.hdl.contract.config import EngineConfig
from deep3.hdl.contract.instruction import Instruction, Mask
from deep3.hdl.contract.nest import DEEP, NOWHERE, Walk
from deep3.hdl.contract.program import Memory

__all__ = ["STILL", "Level", "Loop", "Place", "Split", "Strides", "instruction", "masked", "splits"]

class Strides(NamedTuple):
    """What a step of a level moves each walk by, in words; positions in places of a window."""

    stream: int = 0
    load: int = 0
    out: int = 0
    aux: int = 0
    positions: int = 0

    def times(self, steps: int) -> "Strides":
        """What so many steps move by."""
        return Strides(*(steps * stride for stride in self))

    def plus(self, other: "Strides") -> "Strides":
        """Both."""
        return Strides(*(a + b for a, b in zip(self, other, strict=True)))


STILL = Strides()


class Level(NamedTuple):
    """A level of a loop: so many steps of such strides."""

    steps: int
    strides: Strides


@dataclass(frozen=True)
class Loop:
    """Levels of a loop, innermost first.

    Attributes
    ----------
    ends
        Steps of the whole loop after which each level begins again.
    levels
        Their strides.
    """

    ends: tuple[int, ...] = ()
    levels: tuple[Strides, ...] = ()

    @property
    def count(self) -> int:
        """Steps."""
        return self.ends[-1] if self.ends else 1

    def then(self, level: Level, keep: bool = False) -> "Loop":
        """With a level around; one of a single step is left out, unless it is to be kept."""
        if level.steps == 1 and not keep:
            return self
        return self.until(self.count * level.steps, level.strides)

    def until(self, steps: int, strides: Strides) -> "Loop":
        """With a level around that ends after so many steps of the loop, perhaps amid a round of the one inside."""
        return Loop((*self.ends, steps), (*self.levels, strides))

    def along(self, walk: str) -> tuple[int, ...]:
        """Strides of a walk."""
        return tuple(getattr(strides, walk) for strides in self.levels)


class Place(NamedTuple):
    """Where the first vector of a walk lies, and the words from one lane to the next, 1 modulo the banks."""

    memory: Memory
    base: int
    lane_stride: int = 1
    buffered: bool = False


class Split(NamedTuple):
    """Levels as time and outer tiles; ``start`` is where all walks begin."""

    time: Loop
    outer: Loop
    start: Strides

    def tiles_cycles(self, tile_width: int) -> int:
        """Issue cycles for each reduction tile."""
        return self.outer.count * tile_cycles(self.time.count, tile_width)


def splits(
    free: Sequence[Level], fixed: Sequence[Level], config: EngineConfig, tile_width: int, window: Loop = Loop()
) -> list[Split]:
    """Every step of all levels, in instructions with as few issue cycles as there can be.

    Parameters
    ----------
    free
        Levels over which nothing but stream, out and aux moves: they may be time.
    fixed
        Levels of outer tiles.
    window
        Innermost levels of time.
    """
    return list(_splits(tuple(free), tuple(fixed), config, tile_width, window, STILL))


def _splits(
    free: tuple[Level, ...],
    fixed: tuple[Level, ...],
    config: EngineConfig,
    tile_width: int,
    window: Loop,
    start: Strides,
) -> Iterator[Split]:
    found = list(_arrangements(free, fixed, config, window, start))
    if found:
        yield min(found, key=lambda split: (split.tiles_cycles(tile_width), split.outer.count))
        return
    # Too many levels: the shortest is walked by instructions of its own.
    levels = free + fixed
    shortest = min((level.steps, index) for index, level in enumerate(levels) if level.steps > 1)[1]
    for step in range(levels[shortest].steps):
        moved = start.plus(levels[shortest].strides.times(step))
        once = (*levels[:shortest], Level(1, STILL), *levels[shortest + 1 :])
        yield from _splits(once[: len(free)], once[len(free) :], config, tile_width, window, moved)


def _arrangements(
    free: tuple[Level, ...], fixed: tuple[Level, ...], config: EngineConfig, window: Loop, start: Strides
) -> Iterator[Split]:
    """All that an engine can walk: some levels are time, of one of them perhaps a part."""
    free = tuple(level for level in free if level.steps > 1)
    for taken in range(min(len(free), DEEP.time - len(window.ends)) + 1):
        for chosen in combinations(range(len(free)), taken):
            for cut, inner in [(-1, 1), *((index, part) for index in chosen for part in _parts(free[index].steps))]:
                time, outer = window, Loop()
                for index, level in enumerate(free):
                    steps = inner if index == cut else level.steps if index in chosen else 1
                    time = time.then(Level(steps, level.strides))
                    outer = outer.then(Level(level.steps // steps, level.strides.times(steps)))
                for level in fixed:
                    outer = outer.then(level)
                if time.count <= config.accumulator_words and len(outer.ends) <= DEEP.outer:
                    yield Split(time, outer, start)


def _parts(count: int) -> Iterator[int]:
    return (part for part in range(2, count) if count % part == 0)


def masked(mask: Mask, step: Step, start: int) -> dict[str, Any]:
    """Fields of an instruction of which an operand is the errors of what ``step`` writes: where these are maxima, words
    count at the positions of a walk from ``start`` on."""
    return {"mask": mask, "mask_bits": step.position_bits, "positions": start} if step.position_bits else {}


def instruction(
    split: Split,
    reduction: Loop,
    *,
    config: EngineConfig,
    tile_width: int,
    column_stride: int,
    stream: Place,
    load: Place,
    out: Place,
    aux: Place | None = None,
    positions: int | None = None,
    **others: Any,
) -> Instruction:
    """An instruction whose walks begin at these places, and at this position.

    ``others`` are fields of the instruction by their names; unless they say otherwise, all lanes of the last reduction
    tile count.
    """
    time, outer, start = split
    banks = config.banks

    def walk(place: Place | None, name: str, inner: tuple[int, ...], reduced: bool) -> Walk:
        if place is None:
            return NOWHERE
        return Walk(
            base=place.base + getattr(start, name), inner=inner, reduction=reduction.along(name) if reduced else (),
            outer=outer.along(name), lane_step=(place.lane_stride - 1) // banks, buffered=place.buffered,
        )  # fmt: skip

    fields = {
        "time_count": time.count, "reduction_count": reduction.count, "last_reduction_width": config.rows,
        "last_outer_width": tile_width,
    } | others  # fmt: skip
    fields["tile_cycles"] = tile_cycles(fields["time_count"], tile_width)
    walked = NOWHERE
    if positions is not None:
        base = positions + start.positions
        walked = Walk(base=base, reduction=reduction.along("positions"), outer=outer.along("positions"))
    return Instruction(
        outer_count=outer.count, tile_width=tile_width,
        stream=walk(stream, "stream", time.along("stream"), True), stream_memory=stream.memory,
        load=walk(load, "load", (column_stride,), True), load_memory=load.memory,
        out=walk(out, "out", time.along("out"), False), output_memory=out.memory,
        aux=walk(aux, "aux", time.along("aux"), False), aux_memory=aux.memory if aux else Memory.NONE,
        time_periods=time.ends[:-1], reduction_periods=reduction.ends[:-1], outer_periods=outer.ends[:-1],
        positions=walked, **fields,
    )  # fmt: skip
