"""Contents of the function tables of post lanes and loss unit (docs/engine.md, Arithmetic and Loss unit)."""

import math
from functools import cache

__all__ = ["activation_tables", "exp2_table", "log2_table"]


@cache
def activation_tables(entries: int) -> tuple[int, ...]:
    """The table memory of a pair of lanes: tanh in Q3.12 at ``entries`` points of [0, 8), then the derivatives of tanh
    and of sigmoid in U1.14 at ``entries / 2`` activations in [0, 1) each."""
    tanh = [round(4096 * math.tanh(8 * i / entries)) for i in range(entries)]
    activations = [2 * i / entries for i in range(entries // 2)]
    tanh_slope = [round(16384 * (1 - x * x)) for x in activations]
    sigmoid_slope = [round(16384 * x * (1 - x)) for x in activations]
    return (*tanh, *tanh_slope, *sigmoid_slope)


@cache
def exp2_table(entries: int) -> tuple[int, ...]:
    """2^(-f / entries) in U1.15 for f = 0 .. entries - 1."""
    return tuple(round(32768 * 2 ** (-f / entries)) for f in range(entries))


@cache
def log2_table(entries: int) -> tuple[int, ...]:
    """log2(1 + x) with 8 fraction bits in the middle of each of ``entries`` intervals of [0, 1), but 0 in the first:
    a sum of 1.0 leaves its only class with probability 1."""
    return (0, *(round(256 * math.log2(1 + (f + 0.5) / entries)) for f in range(1, entries)))
