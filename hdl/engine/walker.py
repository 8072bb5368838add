"""Address generator of one operand: one adder, one jump for each level of the loop nest."""

from amaranth import Array, Module, Mux, Signal, unsigned
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

__all__ = ["Walker"]


class Walker(wiring.Component):
    """Walks an operand.

    Parameters
    ----------
    levels : int
        Of all loops together.
    address_bits : int
    ahead : bool
        Choose the jump a cycle before it is added: ``address`` comes `hdl.contract.timing.WALK_CYCLES` later. Walkers
        of many levels need it.

    Members
    -------
    base, offset : In(address_bits), buffered : In(1)
        First address; ``offset`` is added where ``buffered``. Taken with ``begin``.
    jumps : In(levels x address_bits)
        Innermost level first, modulo 2^address_bits, constant during a walk.
    begin : In(1)
        Return to the first address in the next cycle.
    step : In(1), level : In(range(levels))
        ``address`` was used, and this level advances: show the next one in the next cycle.
    address : Out(address_bits)

    Raises
    ------
    ValueError
        For less than 2 levels, or no bits.
    """

    def __init__(self, levels: int, address_bits: int, *, ahead: bool = False) -> None:
        if levels < 2:
            raise ValueError(f"levels must be 2 or more, not {levels!r}")
        if address_bits < 1:
            raise ValueError(f"address_bits must be 1 or more, not {address_bits!r}")
        self.levels = levels
        self.address_bits = address_bits
        self.ahead = ahead
        super().__init__({
            "base": In(address_bits), "offset": In(address_bits), "buffered": In(1),
            "jumps": In(data.ArrayLayout(unsigned(address_bits), levels)),
            "begin": In(1), "step": In(1), "level": In(range(levels)),
            "address": Out(address_bits),
        })  # fmt: skip

    def elaborate(self, platform: object) -> Module:
        m = Module()
        jump = Signal(self.address_bits, reset_less=True)
        begin, step = Signal(), Signal()
        domain = m.d.sync if self.ahead else m.d.comb
        domain += [
            jump.eq(Array(self.jumps[level] for level in range(self.levels))[self.level]),
            begin.eq(self.begin),
            step.eq(self.step),
        ]
        with m.If(begin):
            m.d.sync += self.address.eq(self.base + Mux(self.buffered, self.offset, 0))
        with m.Elif(step):
            m.d.sync += self.address.eq(self.address + jump)
        return m
