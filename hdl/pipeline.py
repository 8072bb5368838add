"""Delays by registers: latency is free in a feed-forward pipeline, so every unit uses it to stay short between them."""

from amaranth import Module, Shape, Signal, Value, ValueLike
from amaranth.hdl import ValueCastable

__all__ = ["NO_COLLISION_LOGIC", "delay"]

NO_COLLISION_LOGIC = {"no_rw_check": "1"}
"""Attributes of a memory that never reads a word in the cycle that writes it: without them Yosys puts an address
comparator and a multiplexer behind every block RAM to return the old word."""


def delay(m: Module, value: ValueLike, cycles: int, *, name: str, reset_less: bool = True) -> Value:
    """``value`` as it was ``cycles`` cycles ago.

    Data needs no reset (``reset_less``); a control bit whose power-up value matters is delayed with it.
    """
    current: Value = Value.cast(value) if not isinstance(value, ValueCastable) else Value.cast(value.as_value())
    shape = Shape(len(current), signed=current.shape().signed)
    for stage in range(cycles):
        register = Signal(shape, name=f"{name}_{stage + 1}", reset_less=reset_less)
        m.d.sync += register.eq(current)
        current = register
    return current
