"""Among the designs that fit a board: batches a push, boards, and the best that keeps the limits."""

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import TypeVar

from deep3.errors import Deep3Error

from .design import MOST_STALE_BATCHES, Design
from .step_time import BoardStep

__all__ = ["BUFFERS", "COMMUNICATION_SHARE", "NothingFits", "batches_a_push", "best_first", "counted_workers"]

BUFFERS = 2
"""One batch is on its way while the engine works on another."""
COMMUNICATION_SHARE = 0.1
"""A push has as many batches as keep the weights' way at this share of its time, and at most `MOST_STALE_BATCHES`."""

D = TypeVar("D", bound=Design)


class NothingFits(Deep3Error, ValueError):
    """No engine does what was asked: what is short, by how much, and the nearest that does."""


def best_first(found: Sequence[D]) -> list[D]:
    """The designs that keep the limits of their task, with the boards that they need for it, the best first.

    Raises
    ------
    NothingFits
        When none does.
    """
    kept = [design for design in map(_with_workers, found) if _keeps(design)]
    if not kept:
        raise NothingFits(_what_exceeds(found))
    return sorted(kept, key=lambda design: (design.objective, design.blocks, design.config.rows))


def batches_a_push(step: BoardStep, workers: int) -> int:
    """Batches a push: as many as keep the communication short, as few as that needs."""
    batch = max(step.batch_seconds, step.stream_seconds)
    wanted = math.ceil(step.communication_seconds * (1 - COMMUNICATION_SHARE) / (COMMUNICATION_SHARE * batch))
    return min(max(wanted, BUFFERS + 1), max(1, MOST_STALE_BATCHES // workers))


def _with_workers(design: D) -> D:
    """The design with as many workers as a limit on the time asks for, where the task leaves their number open."""
    seconds = design.task.limits.seconds if design.task.workers is None else None
    while seconds is not None and design.epoch_seconds > seconds and design.workers < MOST_STALE_BATCHES:
        needed = math.ceil(design.workers * design.epoch_seconds / seconds)
        workers = min(MOST_STALE_BATCHES, max(design.workers + 1, needed))
        design = replace(design, workers=workers, n_push=batches_a_push(design.step, workers))
    return design


def _keeps(design: Design) -> bool:
    limits = design.task.limits
    return not (
        (limits.seconds is not None and design.epoch_seconds > limits.seconds)
        or (limits.joules is not None and design.epoch_joules > limits.joules)
    )


def _what_exceeds(found: Sequence[Design]) -> str:
    task, board = found[0].task, found[0].board
    limits = task.limits
    parts = []
    if limits.seconds is not None:
        best = min(map(_with_workers, found), key=lambda design: design.epoch_seconds)
        if best.epoch_seconds > limits.seconds:
            time = f"{best.epoch_seconds:.3g} s with {counted_workers(best.workers)}"
            if task.workers is None:
                alone = min(found, key=lambda design: design.epoch_seconds)
                time = f"{alone.epoch_seconds:.3g} s with 1 worker and {time}, the most that may train together"
            parts.append(f"an epoch takes {time}; the limit is {limits.seconds:g} s")
    if limits.joules is not None:
        best = min(found, key=lambda design: design.epoch_joules)
        if best.epoch_joules > limits.joules:
            parts.append(f"an epoch takes {best.epoch_joules:.3g} J at the least; the limit is {limits.joules:g} J")
    nearest = "; ".join(parts) or "no design keeps both limits at once"
    return f"no engine on {board.key} keeps the limits: {nearest}"


def counted_workers(workers: int) -> str:
    """In words."""
    return "1 worker" if workers == 1 else f"{workers} workers"
