"""Mutations that change nothing anybody can see, or nothing that a test of the unit should hold, each with why."""

from dataclasses import dataclass

from .mutations import Mutation

__all__ = ["EQUIVALENTS", "Equivalent", "is_equivalent"]


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
    Equivalent(
        "cost_model/boards.py",
        'FOLDER = Path(__file__).parents[1] / "constraints"',
        "in a checkout the folder of the package is a link to the one beside it",
        ('FOLDER = Path(__file__).parents[ 2] / "constraints"',),
    ),
    Equivalent(
        "hdl/contract/protocol.py",
        "ACK_INTERVAL = 8",
        "a choice that gateware, twin and host take from here; a unit test of it would repeat the number",
    ),
)


def is_equivalent(mutation: Mutation) -> bool:
    """Whether a mutation is listed, or only takes the guard from a ``zip`` of what is equally long."""
    if mutation.after == mutation.before.replace("strict=True", "strict=False"):
        return True
    return any(
        (one.module, one.before) == (mutation.module, mutation.before)
        and (not one.after or mutation.after in one.after)
        for one in EQUIVALENTS
    )
