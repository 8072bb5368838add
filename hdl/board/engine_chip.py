"""A chip of three pins around an engine, so that it can be placed and routed without its link."""

from amaranth import Cat, Module, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from deep3.hdl.contract.config import EngineConfig
from deep3.hdl.engine.engine import Engine

__all__ = ["EngineChip"]


class EngineChip(wiring.Component):
    """The engine between two shift registers: nothing of it can be optimised away, and every path in and out of it
    starts and ends at a register.

    Parameters
    ----------
    config : EngineConfig

    Members
    -------
    serial_in : In(1), serial_out : Out(1)
        Inputs of the host bus are shifted in continuously; its outputs are folded into one bit.
    """

    def __init__(self, config: EngineConfig) -> None:
        self.config = config
        super().__init__({"serial_in": In(1), "serial_out": Out(1)})

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.submodules.engine = engine = Engine(self.config)
        bus = engine.bus
        inputs = [
            bus.write.valid, bus.write.payload.as_value(), bus.read.valid, bus.read.payload.as_value(),
            bus.read_data.ready, bus.start, bus.parameters.as_value(), bus.commit, bus.commit_batches, bus.abort,
        ]  # fmt: skip
        outputs = [
            bus.write.ready, bus.read.ready, bus.read_data.valid, bus.read_data.payload, bus.busy, bus.batches_done,
        ]  # fmt: skip
        shifted = Signal(sum(len(value) for value in inputs))
        m.d.sync += shifted.eq(Cat(self.serial_in, shifted))
        m.d.comb += Cat(*inputs).eq(shifted)
        captured = Signal(sum(len(value) for value in outputs))
        m.d.sync += captured.eq(Cat(*outputs))
        m.d.sync += self.serial_out.eq(captured.xor())
        return m
