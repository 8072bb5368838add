"""Address walks from strides."""

import numpy as np
from numpy.typing import NDArray

from deep3.hdl.contract.program import ADDRESS_BITS, Walk

__all__ = ["walk_addresses"]


def walk_addresses(
    walk: Walk, inner_count: int, reduction_count: int, outer_count: int, offset: int
) -> NDArray[np.int64]:
    """Twin of `hdl.engine.walker.Walker`: the addresses of a whole walk, int64 [outer, reduction, inner], modulo
    2^ADDRESS_BITS. ``offset`` is that of the batch buffer."""
    outer, reduction, inner = np.indices((outer_count, reduction_count, inner_count))
    base = walk.base + (offset if walk.buffered else 0)
    addresses = base + outer * walk.outer + reduction * walk.reduction + inner * walk.inner
    return np.asarray(addresses & ((1 << ADDRESS_BITS) - 1), np.int64)
