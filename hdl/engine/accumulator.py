"""Accumulator memory of a column group: adds the column sums of successive reduction tiles, one vector a cycle."""

from amaranth import Cat, Module, Signal, signed
from amaranth.lib import data, wiring
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out

from deep3.hdl.cells.pipeline import NO_COLLISION_LOGIC, delay
from deep3.hdl.contract.geometry import ACCUMULATOR_BITS
from deep3.hdl.contract.timing import ACCUMULATE_CYCLES

__all__ = ["Accumulator"]

class Accumulator(wiring.Component):
    """Read, add, write back.

    Parameters
    ----------
    width : int
        Columns.
    depth : int
        Partial sums kept a column: time steps of a tile.
    sum_width_bits : int
        Bits of a column sum.

    Members
    -------
    valid : In(1), address : In(log2(depth)), first : In(1)
        A time step; ``first`` starts its sum from zero. The same address comes again after `REVISIT_CYCLES` at the
        earliest.
    sums : In(width x signed(sum_width_bits))
        The column sums of that time step, `READ_AHEAD_CYCLES` later.
    totals : Out(width x signed(40))
        The accumulated sums, `ACCUMULATE_CYCLES` after the address. One vector a cycle.
    """

    def __init__(self, width: int, depth: int, sum_width_bits: int) -> None:
        self.width = width
        self.depth = depth
        self.sum_width_bits = sum_width_bits
        super().__init__({
            "valid": In(1),
            "address": In(range(depth)),
            "first": In(1),
            "sums": In(data.ArrayLayout(signed(sum_width_bits), width)),
            "totals": Out(data.ArrayLayout(signed(ACCUMULATOR_BITS), width)),
        })

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.submodules.memory = memory = Memory(
            shape=ACCUMULATOR_BITS * self.width, depth=self.depth, init=[], attrs=NO_COLLISION_LOGIC
        )
        write = memory.write_port()
        read = memory.read_port(transparent_for=())
        stored = Signal(ACCUMULATOR_BITS * self.width, reset_less=True)
        # A time step that starts from zero clears what it read: one register with a synchronous reset, no multiplexer
        # in front of the adder.
        first = delay(m, self.first, 1, name="first")
        m.d.comb += [read.addr.eq(self.address), read.en.eq(1)]
        m.d.sync += stored.eq(read.data)
        with m.If(first):
            m.d.sync += stored.eq(0)
        totals = []
        for column in range(self.width):
            total = Signal(signed(ACCUMULATOR_BITS), name=f"total_{column}", reset_less=True)
            old = stored.word_select(column, ACCUMULATOR_BITS).as_signed()
            m.d.sync += total.eq(old + self.sums[column])
            m.d.comb += self.totals[column].eq(total)
            totals.append(total)
        m.d.comb += [
            write.addr.eq(delay(m, self.address, ACCUMULATE_CYCLES, name="address")),
            write.en.eq(delay(m, self.valid, ACCUMULATE_CYCLES, name="valid", reset_less=False)),
            write.data.eq(Cat(*totals)),
        ]
        return m
