"""The vectors that an instruction issues: a walk over its tiles, step by step."""

from collections.abc import Iterator
from itertools import zip_longest
from typing import NamedTuple

from deep3.hdl.contract.instruction import Instruction
from deep3.hdl.contract.nest import Depth
from deep3.hdl.contract.timing import SETUP_CYCLES

from .levels import advancing_level

__all__ = ["LoadIssue", "StreamIssue", "steps"]


class StreamIssue(NamedTuple):
    """One vector of the streamed operand, see `hdl.engine.sequencer.stream_issue_layout`."""

    tile_start: bool
    first: bool
    last: bool
    last_time: bool
    last_outer: bool
    level: int


class LoadIssue(NamedTuple):
    """One vector of the stationary operand, see `hdl.engine.sequencer.load_issue_layout`."""

    column: int
    edge: bool
    last: bool
    level: int


class _Tile(NamedTuple):
    outer: int
    reduction: int


def steps(instruction: Instruction, depth: Depth) -> Iterator[tuple[StreamIssue | None, LoadIssue | None]]:
    """What is issued in each cycle, from the one after the instruction was accepted until the end of its last tile.

    Operands are loaded one tile ahead of the stream.
    """
    for _ in range(SETUP_CYCLES - 1):
        yield None, None
    for column in range(instruction.tile_width):
        yield None, _load(instruction, depth, _Tile(0, 0), column)
    following = _tiles(instruction)
    next(following)
    for tile, ahead in zip_longest(_tiles(instruction), following):
        for cycle in range(instruction.tile_cycles):
            stream = _stream(instruction, depth, tile, cycle) if cycle < instruction.time_count else None
            load = _load(instruction, depth, ahead, cycle) if ahead and cycle < instruction.tile_width else None
            yield stream, load


def _tiles(instruction: Instruction) -> Iterator[_Tile]:
    for outer in range(instruction.outer_count):
        for reduction in range(instruction.reduction_count):
            yield _Tile(outer, reduction)


def _stream(instruction: Instruction, depth: Depth, tile: _Tile, time: int) -> StreamIssue:
    last_time = time == instruction.time_count - 1
    level = advancing_level(time, instruction.time_periods)
    return StreamIssue(
        tile_start=time == 0,
        first=tile.reduction == 0,
        last=_is_last(instruction, tile),
        last_time=last_time,
        last_outer=tile.outer == instruction.outer_count - 1,
        level=depth.time + _tile_level(instruction, depth, tile) if last_time else level,
    )


def _load(instruction: Instruction, depth: Depth, tile: _Tile, column: int) -> LoadIssue:
    last_column = column == instruction.tile_width - 1
    level = advancing_level(column, instruction.column_periods)
    last = _is_last(instruction, tile)
    return LoadIssue(
        column=column,
        edge=last or advancing_level(tile.reduction, instruction.reduction_periods) > 0,
        last=last,
        level=depth.column + _tile_level(instruction, depth, tile) if last_column else level,
    )


def _is_last(instruction: Instruction, tile: _Tile) -> bool:
    return tile.reduction == instruction.reduction_count - 1


def _tile_level(instruction: Instruction, depth: Depth, tile: _Tile) -> int:
    """The level that advances behind a tile: those of the reduction come first; behind the last tile of all, the level
    that would."""
    if not _is_last(instruction, tile):
        return advancing_level(tile.reduction, instruction.reduction_periods)
    return depth.reduction + advancing_level(tile.outer, instruction.outer_periods)
