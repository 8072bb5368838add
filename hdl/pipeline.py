"""Delays by registers: latency is free in a feed-forward pipeline, so every unit uses it to stay short between them."""

from amaranth import Module, Shape, Signal, Value, ValueLike
from amaranth.hdl import ValueCastable
from amaranth.lib import stream
from amaranth.lib.fifo import SyncFIFO

__all__ = ["NO_COLLISION_LOGIC", "delay", "elastic"]

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


def elastic(m: Module, name: str, source: stream.Interface, sink: stream.Interface) -> None:
    """Connects two streams with room for two transfers between them, without a loss of rate.

    ``ready`` then comes from a register: chains of units that each wait for the next do not become one long path.
    """
    m.submodules[name] = fifo = SyncFIFO(width=len(Value.cast(source.payload)), depth=2)
    m.d.comb += [
        fifo.w_data.eq(source.payload),
        fifo.w_en.eq(source.valid),
        source.ready.eq(fifo.w_rdy),
        Value.cast(sink.payload).eq(fifo.r_data),
        sink.valid.eq(fifo.r_rdy),
        fifo.r_en.eq(sink.ready),
    ]
