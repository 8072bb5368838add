"""Contents of the function tables of post lanes and loss unit (docs/engine.md, Arithmetic and Loss unit)."""

import math
from functools import cache

from .config import EngineConfig

__all__ = ["activation_tables", "exp2_table", "lane_tables", "log2_table", "root_table"]


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
def root_table() -> tuple[int, ...]:
    """2^16 / sqrt(s), at most 65535, for s from 0 to 32767 in four segments of 64 entries: of steps of 1, 8, 64 and 512
    the middles."""
    middles = [(1 << 3 * segment) * (index + 0.5) - 0.5 for segment in range(4) for index in range(64)]
    return tuple(min(65535, round(65536 / math.sqrt(middle or 1))) for middle in middles)


def lane_tables(config: EngineConfig) -> tuple[int, ...]:
    """All that the table memory of a pair of lanes holds."""
    return activation_tables(config.activation_entries) + (root_table() if config.adagrad else ())


@cache
def exp2_table(entries: int) -> tuple[int, ...]:
    """2^(-f / entries) in U1.15 for f = 0 .. entries - 1."""
    return tuple(round(32768 * 2 ** (-f / entries)) for f in range(entries))


@cache
def log2_table(entries: int) -> tuple[int, ...]:
    """log2(1 + x) with 8 fraction bits in the middle of each of ``entries`` intervals of [0, 1), but 0 in the first:
    a sum of 1.0 leaves its only class with probability 1."""
    return (0, *(round(256 * math.log2(1 + (f + 0.5) / entries)) for f in range(1, entries)))
