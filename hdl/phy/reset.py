"""Reset of an Ethernet PHY: long enough for its straps to be read and its clock to settle."""

from amaranth import Module, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import Out

__all__ = ["RESET_SECONDS", "PhyReset"]

RESET_SECONDS = 0.02
"""At least; the longest that a data sheet asks of the PHYs here is 10 ms (KSZ9031RNX, 88E1111, RTL8211E)."""


class PhyReset(wiring.Component):
    """Holds a PHY in reset for `RESET_SECONDS` to twice that after the reset of ``sync``.

    Parameters
    ----------
    clock_hz
        Of ``sync``.

    Members
    -------
    reset_n : Out(1)

    Raises
    ------
    TypeError, ValueError
        For a clock that is not a positive integer.
    """

    def __init__(self, clock_hz: int) -> None:
        if type(clock_hz) is not int:
            raise TypeError(f"clock_hz must be an integer, not {clock_hz!r}")
        if clock_hz < 1:
            raise ValueError(f"clock_hz must be at least 1, not {clock_hz!r}")
        self.counter_bits = int(clock_hz * RESET_SECONDS).bit_length()
        super().__init__({"reset_n": Out(1)})

    def elaborate(self, platform: object) -> Module:
        m = Module()
        count = Signal(self.counter_bits + 1)
        with m.If(~count[-1]):
            m.d.sync += count.eq(count + 1)
        m.d.comb += self.reset_n.eq(count[-1])
        return m
