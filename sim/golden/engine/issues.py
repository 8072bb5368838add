"""The vectors that an instruction issues: a walk over its tiles, step by step."""

from collections.abc import Iterator
from itertools import zip_longest
from typing import NamedTuple

from deep3.hdl.contract.instruction import Instruction
from deep3.hdl.contract.timing import SETUP_CYCLES
from deep3.hdl.engine.walker import Level

__all__ = ["LoadIssue", "StreamIssue", "steps"]


class StreamIssue(NamedTuple):
    """One vector of the streamed operand, see `hdl.engine.sequencer.stream_issue_layout`."""

    tile_start: bool
    first: bool
    last: bool
    last_time: bool
    last_outer: bool
    level: Level


class LoadIssue(NamedTuple):
    """One vector of the stationary operand, see `hdl.engine.sequencer.load_issue_layout`."""

    column: int
    last: bool
    level: Level


class _Tile(NamedTuple):
    outer: int
    reduction: int


def steps(instruction: Instruction) -> Iterator[tuple[StreamIssue | None, LoadIssue | None]]:
    """What is issued in each cycle, from the one after the instruction was accepted until the end of its last tile.

    Operands are loaded one tile ahead of the stream.
    """
    for _ in range(SETUP_CYCLES - 1):
        yield None, None
    for column in range(instruction.tile_width):
        yield None, _load(instruction, _Tile(0, 0), column)
    following = _tiles(instruction)
    next(following)
    for tile, ahead in zip_longest(_tiles(instruction), following):
        for cycle in range(instruction.tile_cycles):
            stream = _stream(instruction, tile, cycle) if cycle < instruction.time_count else None
            load = _load(instruction, ahead, cycle) if ahead and cycle < instruction.tile_width else None
            yield stream, load


def _tiles(instruction: Instruction) -> Iterator[_Tile]:
    for outer in range(instruction.outer_count):
        for reduction in range(instruction.reduction_count):
            yield _Tile(outer, reduction)


def _stream(instruction: Instruction, tile: _Tile, time: int) -> StreamIssue:
    last_time = time == instruction.time_count - 1
    last = tile.reduction == instruction.reduction_count - 1
    return StreamIssue(
        tile_start=time == 0,
        first=tile.reduction == 0,
        last=last,
        last_time=last_time,
        last_outer=tile.outer == instruction.outer_count - 1,
        level=_level(last_time, last),
    )


def _load(instruction: Instruction, tile: _Tile, column: int) -> LoadIssue:
    last = tile.reduction == instruction.reduction_count - 1
    return LoadIssue(column, last, _level(column == instruction.tile_width - 1, last))


def _level(last_inner: bool, last_reduction: bool) -> Level:
    """The loop that advances next."""
    if not last_inner:
        return Level.INNER
    return Level.OUTER if last_reduction else Level.REDUCTION
