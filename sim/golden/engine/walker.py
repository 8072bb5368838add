"""Address walks from strides."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from deep3.hdl.contract.nest import Walk

__all__ = ["ONE_STEP", "Loop", "loop_digits", "loop_offsets", "walk_addresses"]

Loop = tuple[int, tuple[int, ...]]
"""Steps and periods, as `hdl.contract.instruction.Instruction.loop` gives them."""

ONE_STEP: Loop = (1, ())


def loop_digits(loop: Loop) -> NDArray[np.int64]:
    """Digits of every step of a loop (`hdl.contract.nest`), int64 [levels, steps]."""
    count, periods = loop
    rest = np.arange(count)
    found = []
    for period in reversed(periods):
        found.append(rest // period)
        rest = rest % period
    return np.stack([rest, *reversed(found)])


def loop_offsets(loop: Loop, strides: Sequence[int]) -> NDArray[np.int64]:
    """What a walk with these strides adds to its base at every step of a loop, int64 [steps]."""
    levels = loop_digits(loop)
    padded = np.zeros(len(levels), np.int64)
    padded[: len(strides)] = strides
    return padded @ levels


def walk_addresses(
    walk: Walk, inner: Loop, reduction: Loop, outer: Loop, offset: int, address_bits: int
) -> NDArray[np.int64]:
    """Twin of `hdl.engine.walker.Walker`: the addresses of a whole walk, int64 [outer, reduction, inner], modulo
    2^address_bits. ``offset`` is that of the batch buffer."""
    addresses = (
        walk.base
        + (offset if walk.buffered else 0)
        + loop_offsets(outer, walk.outer)[:, None, None]
        + loop_offsets(reduction, walk.reduction)[:, None]
        + loop_offsets(inner, walk.inner)
    )
    return np.asarray(addresses & ((1 << address_bits) - 1), np.int64)
