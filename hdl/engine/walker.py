"""Address generator of one operand: one adder, one jump for each level of the loop nest."""

from amaranth import Module, Mux, Signal
from amaranth.lib import enum, wiring
from amaranth.lib.wiring import In, Out

from deep3.hdl.contract.program import ADDRESS_BITS

__all__ = ["Level", "Walker"]


class Level(enum.Enum, shape=2):
    """The loop that advances when a vector has been issued; all loops inside it return to zero."""

    INNER = 0
    REDUCTION = 1
    OUTER = 2


class Walker(wiring.Component):
    """Walks an operand.

    Members
    -------
    base, offset : In(ADDRESS_BITS), buffered : In(1)
        First address; ``offset`` is added where ``buffered``. Taken with ``begin``.
    inner, reduction, outer : In(ADDRESS_BITS)
        Jumps modulo 2^ADDRESS_BITS, constant during a walk.
    begin : In(1)
        Return to the first address in the next cycle.
    step : In(1), level : In(Level)
        ``address`` was used; show the next one in the next cycle.
    address : Out(ADDRESS_BITS)
    """

    base: In(ADDRESS_BITS)
    offset: In(ADDRESS_BITS)
    buffered: In(1)
    inner: In(ADDRESS_BITS)
    reduction: In(ADDRESS_BITS)
    outer: In(ADDRESS_BITS)
    begin: In(1)
    step: In(1)
    level: In(Level)
    address: Out(ADDRESS_BITS)

    def elaborate(self, platform: object) -> Module:
        m = Module()
        jump = Signal(ADDRESS_BITS)
        with m.Switch(self.level):
            with m.Case(Level.INNER):
                m.d.comb += jump.eq(self.inner)
            with m.Case(Level.REDUCTION):
                m.d.comb += jump.eq(self.reduction)
            with m.Default():
                m.d.comb += jump.eq(self.outer)
        with m.If(self.begin):
            m.d.sync += self.address.eq(self.base + Mux(self.buffered, self.offset, 0))
        with m.Elif(self.step):
            m.d.sync += self.address.eq(self.address + jump)
        return m
