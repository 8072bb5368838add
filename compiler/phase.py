"""Phases of a program: what has been chosen for a step, and why."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import Enum

from deep3.hdl.contract.config import EngineConfig
from deep3.hdl.contract.instruction import Instruction
from deep3.hdl.contract.program import Mode

from .cycles import issue_to_issue_cycles

__all__ = ["MIN_TILE_CYCLES", "Orientation", "Phase", "cheapest", "column_pieces", "tile_cycles", "tiles"]

MIN_TILE_CYCLES = 4
"""The accumulator memory reads a sum back no sooner."""


class Orientation(Enum):
    """Which operand stays in the array: A the weights or errors, B the samples."""

    A = "A"
    B = "B"


@dataclass(frozen=True)
class Phase:
    """What one step of a network does in one direction, after the choice of its schedule.

    Attributes
    ----------
    mode, layer
        What it computes.
    orientation, instructions
        How; more than one instruction where the loops of one do not walk everything.
    macs
        Useful multiply-adds of one batch, biases not counted.
    ideal_cycles
        Cycles in which the array is fed, with tiles padded to whole rows and columns, biases not counted.
    why
        What was weighed, in words; empty where there was no choice.
    """

    mode: Mode
    layer: int
    orientation: Orientation
    instructions: tuple[Instruction, ...]
    macs: int
    ideal_cycles: int
    why: str = ""


def cheapest(
    mode: Mode,
    layer: int,
    candidates: Sequence[Sequence[Instruction]],
    config: EngineConfig,
    macs: int,
    ideal_cycles: int,
) -> Phase:
    """The candidate with the fewest cycles, of equals the first."""
    weighed = [(program_cycles(candidate, config), candidate) for candidate in candidates]
    chosen = min(weighed, key=lambda pair: pair[0])[1]
    widths = {candidate[0].tile_width: cycles for cycles, candidate in sorted(weighed, key=lambda pair: -pair[0])}
    best, *others = sorted(widths, key=lambda width: widths[width])
    why = f"{best} columns a tile take {widths[best]} cycles"
    if others:
        why += f", {others[0]} would take {widths[others[0]]}"
    return Phase(mode, layer, Orientation.A, tuple(chosen), macs, ideal_cycles, why)


def program_cycles(instructions: Sequence[Instruction], config: EngineConfig) -> int:
    """Cycles of instructions that follow each other."""
    return sum(issue_to_issue_cycles(instruction, config) for instruction in instructions)


def column_pieces(count: int, columns: int) -> Iterator[list[tuple[int, int, int]]]:
    """Ways to cut ``count`` elements into tiles of one width and a rest: lists of (first, tiles, width)."""
    for tiles_needed in range(tiles(count, columns), tiles(count, columns) + 2):
        widths = {min(columns, count), tiles(count, tiles_needed)}
        for width in sorted(widths, reverse=True):
            whole, rest = divmod(count, width)
            yield [(0, whole, width)] + ([(count - rest, 1, rest)] if rest else [])


def tile_cycles(time_count: int, tile_width: int) -> int:
    """Least issue period of a tile: its columns are loaded while the one before is streamed."""
    return max(time_count, tile_width, MIN_TILE_CYCLES)


def tiles(elements: int, width: int) -> int:
    """Tiles of so many elements."""
    return -(-elements // width)
