"""Post lanes: what becomes of a finished sum. Twin of `hdl.engine.lanes.PostLanes` (docs/engine.md, Arithmetic).

`post` evaluates the row of `hdl.contract.lane_operations` that belongs to an instruction, on int64 tensors of any shape
(vectors x lanes as a rule).
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache

import torch
from torch import Tensor

from deep3.hdl.contract.lane_operations import Addend, Base, Factor, Multiplicand, lane_operation
from deep3.hdl.contract.program import Format, Function, Mode

from .fixed import saturate, window, wrap

__all__ = ["Setting", "derivative_table", "dropped", "post", "tanh_table"]

_ONE = 4096
"""1.0 in Q3.12."""

_SMALLEST = 32768
"""How far 16-bit words reach below zero."""

_SLOPE_ONE = 16384
"""1.0 in U1.14."""

_ADDENDS = {Addend.ZERO: 0, Addend.SIGMOID: (_ONE + 1) << 15}


@dataclass(frozen=True)
class Setting:
    """What stands at the lanes while an instruction runs: the ports of `hdl.engine.lanes.PostLanes` of these names."""

    mode: Mode
    format: Format
    function: Function
    rate_mantissa: int
    rate_shift: int
    dropout_threshold: int = 0
    position_bits: int = 0

    @property
    def drops(self) -> bool:
        """Whether results are dropped at random."""
        return self.mode is Mode.FORWARD and self.dropout_threshold > 0


_ROOTS = torch.tensor(
    [
        min(65535, round(65536 / math.sqrt((1 << 3 * segment) * (index + 0.5) - 0.5))) if segment or index else 65535
        for segment in range(4)
        for index in range(64)
    ],
    dtype=torch.int64,
)
"""2^16 over the root of a sum of squares, in four segments of steps of 1, 8, 64 and 512."""


@cache
def tanh_table(entries: int) -> Tensor:
    """tanh in Q3.12 at ``entries`` equidistant points of [0, 8)."""
    return torch.tensor([round(_ONE * math.tanh(8 * i / entries)) for i in range(entries)], dtype=torch.int64)


@cache
def derivative_table(function: Function, entries: int) -> Tensor:
    """The derivative of tanh or sigmoid in U1.14 at ``entries // 2`` equidistant activations in [0, 1).

    Raises
    ------
    ValueError
        For a function whose derivative is not tabulated.
    """
    if function not in (Function.TANH, Function.SIGMOID):
        raise ValueError(f"function must be TANH or SIGMOID, not {function!r}")
    points = [2 * i / entries for i in range(entries // 2)]
    slopes = [1 - x * x if function is Function.TANH else x * (1 - x) for x in points]
    return torch.tensor([round(_SLOPE_ONE * slope) for slope in slopes], dtype=torch.int64)


def post(
    setting: Setting,
    accumulators: Tensor,
    aux: Callable[[], Tensor],
    random: Callable[[], Tensor],
    entries: int,
) -> tuple[Tensor, Tensor]:
    """What the instruction makes of its sums: int64 values of 16 bits, and the mask of the lanes that were clipped.

    Parameters
    ----------
    accumulators
        Wrapped 40-bit sums: 24 fraction bits in FORWARD, 26 in BACKWARD and UPDATE.
    aux
        Yields Q3.12 activations or weights; called in BACKWARD and UPDATE, which use them.
    random
        Yields 16-bit words, and so moves on to the next; called in UPDATE.
    entries
        ``EngineConfig.activation_entries``.
    """
    row = lane_operation(setting.mode, setting.format, setting.function)
    seen, clipped = window(accumulators, row.window_shift)
    if setting.mode is Mode.FORWARD:
        operand, y_clipped = saturate((seen + 1) >> 1, 16)
        clipped = clipped | y_clipped
    else:
        operand = aux()
    base = _base(row.base, operand)
    if row.b is Factor.ZERO:
        return base, clipped
    if row.b is Factor.TABLE:
        return _look_up(_all_activations(setting.function, entries), operand), clipped
    factor = wrap(seen, 17) if row.b is Factor.WINDOW else _multiplier(row.b, setting, operand, entries)
    product = _multiplicand(row.a, seen, operand) * factor
    if row.b is Factor.WINDOW:
        values, result_clipped = saturate(base + ((product + random()) >> 16), 16)
    elif row.addend is Addend.RANDOM:
        shift = 4 * setting.rate_shift if row.b is Factor.RATE else 0
        step = ((product >> shift) + random()) >> 16
        values, result_clipped = saturate(base - step, 16)
    else:
        # Low bits that are to hold a position are rounded away.
        addend = 1 << 15 + setting.position_bits if row.addend is Addend.HALF else _ADDENDS[row.addend]
        values, result_clipped = saturate(base + ((product + addend) >> 16), 16)
    return values, clipped | result_clipped


def dropped(setting: Setting, random: Callable[[], Tensor]) -> Tensor | None:
    """Which results of FORWARD are to become 0, bool; None, without asking for random words, where none is."""
    return (random() & 0xFF) < setting.dropout_threshold if setting.drops else None


def _base(base: Base, operand: Tensor) -> Tensor:
    if base is Base.ZERO:
        return torch.zeros_like(operand)
    return operand.clamp(min=0) if base is Base.POSITIVE_Y else operand


def _multiplicand(a: Multiplicand, seen: Tensor, operand: Tensor) -> Tensor:
    if a is Multiplicand.WINDOW:
        return seen
    return torch.sign(operand) << (16 if a is Multiplicand.SIGN else 15)


def _multiplier(b: Factor, setting: Setting, operand: Tensor, entries: int) -> Tensor | int:
    if b is Factor.RATE:
        return setting.rate_mantissa
    if setting.dropout_threshold and setting.mode is Mode.BACKWARD:
        kept = replace(setting, dropout_threshold=0)
        return _multiplier(b, kept, operand, entries) * (operand != 0).to(torch.int64)
    if b is Factor.ROOT:
        return _ROOTS[_root_index(operand)]
    if b is Factor.ONE:
        return _SLOPE_ONE
    if b is Factor.STEP:
        return (operand > 0).to(torch.int64) * _SLOPE_ONE
    return _look_up(_all_slopes(setting.function, entries), operand)


def _look_up(values: Tensor, operand: Tensor) -> Tensor:
    """From the values for every 16-bit operand, from the smallest on."""
    return values.index_select(0, (operand + _SMALLEST).flatten()).view(operand.shape)


@cache
def _all_slopes(function: Function, entries: int) -> Tensor:
    return derivative_table(function, entries)[_slope_index(torch.arange(-_SMALLEST, _SMALLEST), entries)]


@cache
def _all_activations(function: Function, entries: int) -> Tensor:
    """Of TANH and SIGMOID, which never clip."""
    row = lane_operation(Mode.FORWARD, Format.Q3_12, function)
    operand = torch.arange(-_SMALLEST, _SMALLEST)
    product = _multiplicand(row.a, operand, operand) * tanh_table(entries)[_tanh_index(operand, function, entries)]
    return (product + _ADDENDS[row.addend]) >> 16


def _root_index(sums: Tensor) -> Tensor:
    """The entry for a sum of squares, the last beyond the table."""
    size = sums.abs().clamp(max=32767)
    segment = sum((size >= limit).to(torch.int64) for limit in (64, 512, 4096))
    return 64 * segment + (size >> (3 * segment))


def _tanh_index(y: Tensor, function: Function, entries: int) -> Tensor:
    """The nearest point to y, for the sigmoid to y / 2; the last beyond the table."""
    step_bits = 15 - (entries.bit_length() - 1) + int(function is Function.SIGMOID)
    return ((y.abs() + (1 << (step_bits - 1))) >> step_bits).clamp(max=entries - 1)


def _slope_index(h: Tensor, entries: int) -> Tensor:
    """The nearest point to an activation, the last beyond the table."""
    half = entries // 2
    step_bits = 12 - (half.bit_length() - 1)
    return ((h.abs() + (1 << (step_bits - 1))) >> step_bits).clamp(max=half - 1)
