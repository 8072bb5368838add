"""Mutations that change nothing anybody can see, or nothing that a test of the unit should hold, each with why."""

from dataclasses import dataclass

__all__ = ["EQUIVALENTS", "Equivalent"]


@dataclass(frozen=True)
class Equivalent:
    """Mutations of a line: ``after`` names the mutated lines, none all of them; lines without the space around."""

    module: str
    before: str
    reason: str
    after: tuple[str, ...] = ()


EQUIVALENTS: tuple[Equivalent, ...] = (
    Equivalent(
        "compiler/schedule.py",
        "loss = 0 if product.loss is Loss.NONE else _tiles(block_cycles(time, config.columns), reduction_count)",
        "a period is at least MIN_TILE_CYCLES",
        (
            "loss = 1 if product.loss is Loss.NONE else _tiles(block_cycles(time, config.columns), reduction_count)",
            "loss = -1 if product.loss is Loss.NONE else _tiles(block_cycles(time, config.columns), reduction_count)",
        ),
    ),
)
