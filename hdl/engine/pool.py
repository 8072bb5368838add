"""What becomes of results on their way to the operand memories: maxima over windows of time, positions in low bits."""

from amaranth import Cat, Module, Mux, Signal, Value, signed, unsigned
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from deep3.hdl.cells.pipeline import delay
from deep3.hdl.contract.instruction import POSITION_BITS, WINDOW_BITS

__all__ = ["Pool"]


class Pool(wiring.Component):
    """The running maximum of every column.

    In FORWARD every ``window`` vectors of results in a row yield one, the largest of each column; its low
    ``position_bits`` hold which of them it was, from 0 on, the first of equals. With a window of 1 results pass as they
    are. In the other modes all pass, their low ``position_bits`` taken from the auxiliary words. Latency `POOL_CYCLES`,
    one vector a cycle, no back-pressure.

    Parameters
    ----------
    columns : int
    dropout : bool
        Whether values may be dropped.

    Members
    -------
    forward : In(1), window : In(WINDOW_BITS), position_bits : In(3)
        1 to 16 results; 0 to 4 bits. Constant from ``begin`` until the last result.
    begin : In(1)
        Two cycles or more before the first result of an instruction: a window that is not complete is forgotten.
    results : In(columns x signed(16)), valid : In(1)
    aux_positions : In(columns x POSITION_BITS)
        Low bits of the auxiliary words that belong to ``results``, with them.
    dropped : In(columns)
        With dropout only, with the results: where the last of a window has it, the maximum becomes 0.
    pooled : Out(columns x signed(16)), pooled_valid : Out(1)
        One cycle after the last result of a window.
    """

    def __init__(self, columns: int, dropout: bool = False) -> None:
        words = data.ArrayLayout(signed(16), columns)
        self.columns = columns
        self.dropout = dropout
        super().__init__({
            "forward": In(1), "window": In(WINDOW_BITS), "position_bits": In(3), "begin": In(1),
            "results": In(words), "valid": In(1),
            "aux_positions": In(data.ArrayLayout(unsigned(POSITION_BITS), columns)),
            "pooled": Out(words), "pooled_valid": Out(1),
        } | ({"dropped": In(columns)} if dropout else {}))  # fmt: skip

    def elaborate(self, platform: object) -> Module:
        m = Module()
        # Decoded ahead, and the window counted a result ahead: the way of a result into its register is one comparison
        # with what stands there, and the enable that follows from it.
        passing = Signal(reset_less=True)
        replaced = Signal(POSITION_BITS, reset_less=True)
        before_last = Signal(WINDOW_BITS, reset_less=True)
        m.d.sync += [passing.eq(~self.forward | (self.window == 1)), before_last.eq(self.window - 2)]
        for bit in range(POSITION_BITS):
            m.d.sync += replaced[bit].eq((bit < self.position_bits) & ~(self.forward & (self.window == 1)))
        begin = delay(m, self.begin, 1, name="begin", reset_less=False)
        index = Signal(POSITION_BITS, reset_less=True)
        first = Signal(reset_less=True)
        last = Signal(reset_less=True)
        with m.If(begin | (self.valid & last)):
            m.d.sync += [index.eq(0), first.eq(1), last.eq(passing)]
        with m.Elif(self.valid):
            m.d.sync += [index.eq(index + 1), first.eq(0), last.eq(index == before_last)]
        m.d.sync += self.pooled_valid.eq(self.valid & last)

        for column in range(self.columns):
            result = self.results[column]
            largest = Signal(signed(16), name=f"largest_{column}", reset_less=True)
            low = Signal(POSITION_BITS, name=f"low_{column}", reset_less=True)
            position = Mux(passing, self.aux_positions[column], index)
            # Of `result > largest` Yosys makes a test for equality besides.
            with m.If(self.valid & (first | (largest < result))):
                m.d.sync += [
                    largest.eq(result), low.eq((position & replaced) | (result[:POSITION_BITS] & ~replaced)),
                ]  # fmt: skip
            pooled: Value = Cat(low, largest[POSITION_BITS:])
            if self.dropout:
                kept = Signal(name=f"kept_{column}", reset_less=True)
                m.d.sync += kept.eq(~self.dropped[column])
                pooled = pooled & kept.replicate(16)
            m.d.comb += self.pooled[column].eq(pooled)
        return m
