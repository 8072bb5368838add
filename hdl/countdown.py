"""A counter that knows the last of a number of steps before it comes."""

from amaranth import Module, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from .program import COUNT_BITS

__all__ = ["Countdown"]


class Countdown(wiring.Component):
    """Marks the first and the last of every ``count`` steps, from registers.

    The comparison is made a step ahead, so that it ends in a register and not in whatever the last step sets in motion.

    Members
    -------
    count : In(COUNT_BITS)
        Steps, at least 1; taken with ``begin`` and after each last step.
    begin : In(1)
        The next step is the first.
    step : In(1)
        A step is taken in this cycle.
    first, last : Out(1)
        The step that is taken now, or next, is the first or the last.
    """

    count: In(COUNT_BITS)
    begin: In(1)
    step: In(1)
    first: Out(1)
    last: Out(1)

    def elaborate(self, platform: object) -> Module:
        m = Module()
        after = Signal(COUNT_BITS)
        with m.If(self.begin | (self.step & self.last)):
            m.d.sync += [after.eq(self.count - 1), self.first.eq(1), self.last.eq(self.count == 1)]
        with m.Elif(self.step):
            m.d.sync += [after.eq(after - 1), self.first.eq(0), self.last.eq(after == 1)]
        return m
