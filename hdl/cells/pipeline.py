"""Delays by registers: latency is free in a feed-forward pipeline, so every unit uses it to stay short between them."""

from typing import Any

from amaranth import Module, Mux, Shape, Signal, Value, ValueLike
from amaranth.hdl import ValueCastable
from amaranth.lib import stream

__all__ = ["NO_COLLISION_LOGIC", "delay", "elastic", "history"]

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


def history(m: Module, value: Any, cycles: int, *, name: str) -> list[Any]:
    """``value``, a `Value` or a view, 0, 1, ... ``cycles`` cycles ago; zero before the first cycle."""
    stages = [value]
    for cycle in range(cycles):
        stage = Signal(value.shape(), name=f"{name}_{cycle + 1}")
        m.d.sync += stage.eq(stages[-1])
        stages.append(stage)
    return stages


def elastic(m: Module, name: str, source: stream.Interface, sink: stream.Interface) -> None:
    """Connects two streams with room for two transfers between them, one cycle later and without a loss of rate.

    What either side sees comes from a register: chains of units that each wait for the next do not become one long
    path.
    """
    payload = Value.cast(source.payload)
    current = Signal(len(payload), name=f"{name}_current", reset_less=True)
    spare = Signal(len(payload), name=f"{name}_spare", reset_less=True)
    valid, spare_valid = Signal(name=f"{name}_valid"), Signal(name=f"{name}_spare_valid")
    m.d.comb += [source.ready.eq(~spare_valid), sink.valid.eq(valid), Value.cast(sink.payload).eq(current)]
    with m.If(~valid | sink.ready):
        m.d.sync += [
            valid.eq(spare_valid | source.valid), current.eq(Mux(spare_valid, spare, payload)), spare_valid.eq(0),
        ]  # fmt: skip
    with m.Elif(~spare_valid):
        m.d.sync += [spare.eq(payload), spare_valid.eq(source.valid)]
