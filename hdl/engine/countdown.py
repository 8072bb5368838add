"""A counter that knows the last of a number of steps before it comes."""

from amaranth import Module, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

__all__ = ["Countdown"]


class Countdown(wiring.Component):
    """Marks the first and the last of every ``count`` steps, from registers.

    Comparisons are made a step ahead, and those of ``count`` a cycle ahead, so that they end in a register and not in
    whatever the last step sets in motion.

    Parameters
    ----------
    count_bits : int

    Members
    -------
    count : In(count_bits)
        Steps, at least 1, as they were a cycle before ``begin`` and before each last step.
    begin : In(1)
        The next step is the first.
    step : In(1)
        A step is taken in this cycle.
    first, last : Out(1)
        The step that is taken now, or next, is the first or the last.
    """

    def __init__(self, count_bits: int) -> None:
        self.count_bits = count_bits
        super().__init__({"count": In(count_bits), "begin": In(1), "step": In(1), "first": Out(1), "last": Out(1)})

    def elaborate(self, platform: object) -> Module:
        m = Module()
        after = Signal(self.count_bits)
        rest = Signal(self.count_bits, reset_less=True)
        single = Signal(reset_less=True)
        m.d.sync += [rest.eq(self.count - 1), single.eq(self.count == 1)]
        with m.If(self.begin | (self.step & self.last)):
            m.d.sync += [after.eq(rest), self.first.eq(1), self.last.eq(single)]
        with m.Elif(self.step):
            m.d.sync += [after.eq(after - 1), self.first.eq(0), self.last.eq(after == 1)]
        return m
