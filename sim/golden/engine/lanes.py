"""Post lanes: what becomes of a finished sum. Twin of the lanes of the array (docs/engine.md, Arithmetic).

`post` does what the mode of an instruction says, with one of `forward`, `backward` and `update`.

`forward`, `backward` and `update` take int64 tensors of any shape (vectors x lanes as a rule) that hold
wrapped 40-bit accumulators, and return int64 values of 16 bits and the mask of the lanes that were clipped.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import torch
from torch import Tensor

from deep3.hdl.contract.program import Format, Function, Mode

from .fixed import saturate, window

__all__ = [
    "Setting", "activate", "backward", "derivative", "derivative_table", "forward", "post", "tanh_table", "update",
]  # fmt: skip

_ONE = 4096
"""1.0 in Q3.12."""
_FORWARD_SHIFT = {Format.Q3_12: 11, Format.Q7_8: 15}
_BACKWARD_SHIFT = 10
_UPDATE_SHIFT = 14


@dataclass(frozen=True)
class Setting:
    """What stands at the lanes while an instruction runs: the ports of `hdl.engine.lanes.PostLanes` of these names."""

    mode: Mode
    format: Format
    function: Function
    rate_mantissa: int
    rate_shift: int


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
    return torch.tensor([round(16384 * slope) for slope in slopes], dtype=torch.int64)


def activate(y: Tensor, function: Function, entries: int) -> Tensor:
    """Activation function, Q3.12 in and out; tanh and sigmoid share a table of ``entries`` points."""
    if function is Function.IDENTITY:
        return y
    if function is Function.RELU:
        return y.clamp(min=0)
    step_bits = 15 - (entries.bit_length() - 1) + int(function is Function.SIGMOID)
    index = ((y.abs() + (1 << (step_bits - 1))) >> step_bits).clamp(max=entries - 1)
    odd = torch.sign(y) * tanh_table(entries)[index]
    return odd if function is Function.TANH else (_ONE + odd + 1) >> 1


def derivative(h: Tensor, function: Function, entries: int) -> Tensor:
    """Derivative of the activation function in U1.14, from the stored activation ``h`` in Q3.12."""
    if function is Function.IDENTITY:
        return torch.full_like(h, 16384)
    if function is Function.RELU:
        return (h > 0).to(torch.int64) << 14
    half = entries // 2
    step_bits = 12 - (half.bit_length() - 1)
    index = ((h.abs() + (1 << (step_bits - 1))) >> step_bits).clamp(max=half - 1)
    return derivative_table(function, entries)[index]


def forward(accumulators: Tensor, format: Format, function: Function, entries: int) -> tuple[Tensor, Tensor]:
    """FORWARD: round half up to Q3.12 and apply the activation, or round to Q7.8 logits (identity).

    Parameters
    ----------
    accumulators
        Sums with 24 fraction bits.
    entries
        ``EngineConfig.activation_entries``.
    """
    seen, window_clipped = window(accumulators, _FORWARD_SHIFT[format])
    y, y_clipped = saturate((seen + 1) >> 1, 16)
    values = activate(y, function, entries) if format is Format.Q3_12 else y
    return values, window_clipped | y_clipped


def backward(accumulators: Tensor, h: Tensor, function: Function, entries: int) -> tuple[Tensor, Tensor]:
    """BACKWARD: the sum (26 fraction bits) times the derivative at activation ``h``, rounded to Q1.14."""
    seen, window_clipped = window(accumulators, _BACKWARD_SHIFT)
    errors, error_clipped = saturate((seen * derivative(h, function, entries) + (1 << 15)) >> 16, 16)
    return errors, window_clipped | error_clipped


def update(
    accumulators: Tensor, weights: Tensor, random: Tensor, rate_mantissa: int, rate_shift: int
) -> tuple[Tensor, Tensor]:
    """UPDATE: the new weights ``sat16(W - dW)``, dW rounded stochastically by the 16-bit words ``random``.

    Parameters
    ----------
    accumulators
        Gradient sums with 26 fraction bits.
    weights
        Q3.12.
    rate_mantissa, rate_shift
        The rate is ``rate_mantissa / 2^(16 + 4 rate_shift)``, see `hdl.contract.program.StartParameters`.
    """
    seen, window_clipped = window(accumulators, _UPDATE_SHIFT)
    step = (((seen * rate_mantissa) >> (4 * rate_shift)) + random) >> 16
    new, weight_clipped = saturate(weights - step, 16)
    return new, window_clipped | weight_clipped


def post(
    setting: Setting,
    accumulators: Tensor,
    aux: Callable[[], Tensor],
    random: Callable[[], Tensor],
    entries: int,
) -> tuple[Tensor, Tensor]:
    """What the instruction makes of its sums.

    Parameters
    ----------
    aux
        Yields activations or weights; called in BACKWARD and UPDATE, which use them.
    random
        Yields 16-bit words, and so moves on to the next; called in UPDATE.
    entries
        ``EngineConfig.activation_entries``.
    """
    if setting.mode is Mode.FORWARD:
        return forward(accumulators, setting.format, setting.function, entries)
    if setting.mode is Mode.BACKWARD:
        return backward(accumulators, aux(), setting.function, entries)
    return update(accumulators, aux(), random(), setting.rate_mantissa, setting.rate_shift)
