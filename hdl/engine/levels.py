"""Counter of one loop of an instruction: which of its levels advances with a step."""

from amaranth import Module, Signal, unsigned
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from .countdown import Countdown

__all__ = ["Levels"]


class Levels(wiring.Component):
    """Counts the steps of a loop whose levels are cut by periods (`hdl.contract.nest`).

    Parameters
    ----------
    levels : int
    count_bits : int

    Members
    -------
    count : In(count_bits), periods : In((levels - 1) x count_bits)
        Steps, at least 1, and periods of the levels, 0 for a level that is not used; constant from a cycle before
        ``begin``.
    begin : In(1)
        The next step is the first.
    step : In(1)
        A step is taken in this cycle.
    first, last : Out(1)
        The step that is taken now, or next, is the first or the last.
    level : Out(range(levels))
        The level that advances with it; of no meaning with ``last``.
    inner_last : Out(1)
        The innermost level ends with it.

    Raises
    ------
    ValueError
        For no level.
    """

    def __init__(self, levels: int, count_bits: int) -> None:
        if levels < 1:
            raise ValueError(f"levels must be 1 or more, not {levels!r}")
        self.levels = levels
        self.count_bits = count_bits
        # Ports of one level have a bit that is never looked at: Verilog has no vectors without bits.
        periods = data.ArrayLayout(unsigned(count_bits), max(levels - 1, 1))
        super().__init__({
            "count": In(count_bits), "periods": In(periods),
            "begin": In(1), "step": In(1),
            "first": Out(1), "last": Out(1), "level": Out(range(max(levels, 2))), "inner_last": Out(1),
        })  # fmt: skip

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.submodules.whole = whole = Countdown(self.count_bits)
        m.d.comb += [
            whole.count.eq(self.count),
            whole.begin.eq(self.begin),
            whole.step.eq(self.step),
            self.first.eq(whole.first),
            self.last.eq(whole.last),
        ]
        # Outermost first: a level that ends starts all below it again.
        ends = whole.last
        for level in reversed(range(self.levels - 1)):
            m.submodules[f"period_{level}"] = period = Countdown(self.count_bits)
            m.d.comb += [
                period.count.eq(self.periods[level]),
                period.begin.eq(self.begin | (self.step & ends)),
                period.step.eq(self.step),
            ]
            above = Signal(name=f"ends_{level}")
            m.d.comb += above.eq(ends | period.last)
            ends = above
        m.d.comb += self.inner_last.eq(ends)
        for level in range(1, self.levels):
            with m.If(m.submodules[f"period_{level - 1}"].last):
                m.d.comb += self.level.eq(level)
        return m
