"""Systolic array, weight stationary: partial sums move down the rows, operands from column group to column group.

Every wire between two stages is short: a partial sum goes to the next row through one register; a vector of operands
goes from a group of `GROUP_COLUMNS` columns to the next through one register, and inside a group straight into the
input registers of its multipliers. Hops of four columns rather than one keep three quarters of those registers away,
and rather than copies of one broadcast register they cannot be merged by synthesis, so they need no vendor attribute
to stay apart. Skew between rows and between groups is latency, never a stall.
"""

from amaranth import Module, Signal, signed, unsigned
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from deep3.hdl.cells.pipeline import delay
from deep3.hdl.cells.primitives import Multiplier
from deep3.hdl.contract.geometry import group_widths, sum_bits

__all__ = ["ColumnGroup", "SystolicArray"]

class ColumnGroup(wiring.Component):
    """Up to `GROUP_COLUMNS` columns of processing elements.

    Row r takes its operands r cycles after row 0. A stationary word waits in a shadow register until ``swap`` moves it
    into the multiplier, together with the first stream word that it meets.

    Parameters
    ----------
    rows, width : int
        Processing elements.
    first_column : int
        Index, in the array, of the group's first column.

    Members
    -------
    stream, load : In(rows x signed(16))
    swap, load_valid : In(rows)
    load_column : In(rows x 4)
        Column of the array that takes ``load``.
    next_stream, next_load, next_swap, next_load_valid, next_load_column : Out
        The same, one cycle later, for the next group.
    sums : Out(width x signed(36))
        Latency ``rows - 1 + SUM_CYCLES`` from the operands of row 0, one vector a cycle.
    """

    def __init__(self, rows: int, width: int, first_column: int) -> None:
        self.rows = rows
        self.width = width
        self.first_column = first_column
        words = data.ArrayLayout(signed(16), rows)
        columns = data.ArrayLayout(unsigned(4), rows)
        super().__init__({
            "stream": In(words), "load": In(words), "swap": In(rows), "load_valid": In(rows),
            "load_column": In(columns),
            "next_stream": Out(words), "next_load": Out(words), "next_swap": Out(rows), "next_load_valid": Out(rows),
            "next_load_column": Out(columns),
            "sums": Out(data.ArrayLayout(signed(sum_bits(rows)), width)),
        })  # fmt: skip

    def elaborate(self, platform: object) -> Module:
        m = Module()
        for name in ("stream", "load", "swap", "load_valid", "load_column"):
            source = getattr(self, name)
            hop = Signal(source.shape(), name=f"{name}_hop", reset_less=True)
            m.d.sync += hop.eq(source)
            m.d.comb += getattr(self, f"next_{name}").eq(hop)
        for column in range(self.width):
            partial = None
            for row in range(self.rows):
                shadow = Signal(signed(16), name=f"shadow_{row}_{column}", reset_less=True)
                with m.If(self.load_valid[row] & (self.load_column[row] == self.first_column + column)):
                    m.d.sync += shadow.eq(self.load[row])
                m.submodules[f"multiplier_{row}_{column}"] = multiplier = Multiplier(16, 16)
                m.d.comb += [
                    multiplier.a.eq(self.stream[row]),
                    multiplier.b.eq(shadow),
                    multiplier.b_enable.eq(self.swap[row]),
                ]
                total = Signal(signed(sum_bits(row + 1)), name=f"partial_{row}_{column}", reset_less=True)
                m.d.sync += total.eq(multiplier.p if partial is None else partial + multiplier.p)
                partial = total
            m.d.comb += self.sums[column].eq(partial)
        return m


class SystolicArray(wiring.Component):
    """``rows x columns`` processing elements.

    Parameters
    ----------
    rows, columns : int

    Members
    -------
    stream : In(rows x signed(16))
        Streamed operand, one vector a cycle.
    swap : In(1)
        High with the first vector of a tile: the loaded words become stationary.
    load : In(rows x signed(16)), load_valid : In(1), load_column : In(4)
        Stationary operand of one column of the next tile; at the latest in the cycle before ``swap``.
    sums : Out(columns x signed(36))
        Dot products; a column of group g has latency ``rows - 1 + SUM_CYCLES + g``, one vector a cycle.
    """

    def __init__(self, rows: int, columns: int) -> None:
        self.rows = rows
        self.columns = columns
        words = data.ArrayLayout(signed(16), rows)
        super().__init__({
            "stream": In(words), "swap": In(1), "load": In(words), "load_valid": In(1), "load_column": In(4),
            "sums": Out(data.ArrayLayout(signed(sum_bits(rows)), columns)),
        })  # fmt: skip

    def elaborate(self, platform: object) -> Module:
        m = Module()
        source = None
        first_column = 0
        for index, width in enumerate(group_widths(self.columns)):
            m.submodules[f"group_{index}"] = group = ColumnGroup(self.rows, width, first_column)
            if source is None:
                self._skew(m, group)
            else:
                for name in ("stream", "load", "swap", "load_valid", "load_column"):
                    m.d.comb += getattr(group, name).eq(getattr(source, f"next_{name}"))
            for column in range(width):
                m.d.comb += self.sums[first_column + column].eq(group.sums[column])
            source = group
            first_column += width
        return m

    def _skew(self, m: Module, group: ColumnGroup) -> None:
        """Row r of everything arrives r cycles late."""
        swap = self.swap
        load_valid = self.load_valid
        load_column = self.load_column
        for row in range(self.rows):
            m.d.comb += [
                group.stream[row].eq(delay(m, self.stream[row], row, name=f"stream_{row}")),
                group.load[row].eq(delay(m, self.load[row], row, name=f"load_{row}")),
                group.swap[row].eq(swap),
                group.load_valid[row].eq(load_valid),
                group.load_column[row].eq(load_column),
            ]
            swap = delay(m, swap, 1, name=f"swap_{row}")
            load_valid = delay(m, load_valid, 1, name=f"load_valid_{row}")
            load_column = delay(m, load_column, 1, name=f"load_column_{row}")
