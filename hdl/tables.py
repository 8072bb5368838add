"""Contents of the function tables of the post lanes (docs/engine.md, Arithmetic)."""

import math
from functools import cache

__all__ = ["activation_tables"]


@cache
def activation_tables(entries: int) -> tuple[int, ...]:
    """The table memory of a pair of lanes: tanh in Q3.12 at ``entries`` points of [0, 8), then the derivatives of tanh
    and of sigmoid in U1.14 at ``entries / 2`` activations in [0, 1) each."""
    tanh = [round(4096 * math.tanh(8 * i / entries)) for i in range(entries)]
    activations = [2 * i / entries for i in range(entries // 2)]
    tanh_slope = [round(16384 * (1 - x * x)) for x in activations]
    sigmoid_slope = [round(16384 * x * (1 - x)) for x in activations]
    return (*tanh, *tanh_slope, *sigmoid_slope)
