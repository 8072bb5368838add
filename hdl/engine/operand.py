"""Operand vectors on their way from the memories to the array: words at other positions count as 0, some are 1.0."""

from amaranth import Cat, Module, Signal, signed
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from deep3.hdl.contract.fixed_point import FRACTION_BITS
from deep3.hdl.contract.instruction import POSITION_BITS

__all__ = ["OperandMask"]


class OperandMask(wiring.Component):
    """Masks the words of an operand by the positions in their low bits.

    With ``masked``, a word whose low ``mask_bits`` are not those of ``position`` becomes 0; of the others these bits
    are cleared. Without it words pass. Forced words are 1.0 in Q3.12, whatever they were. Latency `MASK_CYCLES`, one
    vector a cycle, no back-pressure.

    Parameters
    ----------
    rows : int
    forced : bool
        Of a stream, where lanes may be forced.

    Members
    -------
    masked : In(1), mask_bits : In(3)
        0, 2 or 4 bits. Constant from a cycle before the first vector of an instruction, as is the next.
    width : In(5)
        With ``forced``: 1 to rows.
    words : In(rows x signed(16)), position : In(POSITION_BITS)
    force_lane : In(1), force_all : In(1)
        With ``forced``, beside ``words``: lane ``width - 1`` of them, or all lanes, are forced.
    result : Out(rows x signed(16))
    """

    def __init__(self, rows: int, forced: bool) -> None:
        words = data.ArrayLayout(signed(16), rows)
        self.rows = rows
        self.forced = forced
        ports = {
            "masked": In(1), "mask_bits": In(3), "words": In(words), "position": In(POSITION_BITS),
            "result": Out(words),
        }  # fmt: skip
        if forced:
            ports |= {"width": In(5), "force_lane": In(1), "force_all": In(1)}
        super().__init__(ports)

    def elaborate(self, platform: object) -> Module:
        m = Module()
        # Bits come in pairs: two of a word and two of its position are one small look-up.
        pairs = [slice(bit, bit + 2) for bit in range(0, POSITION_BITS, 2)]
        compared = Signal(len(pairs), reset_less=True)
        for index, pair in enumerate(pairs):
            m.d.sync += compared[index].eq(self.masked & (self.mask_bits > pair.start))
        last = Signal(self.rows, reset_less=True)
        if self.forced:
            m.d.sync += [last[lane].eq(self.width == lane + 1) for lane in range(self.rows)]
        for lane in range(self.rows):
            word = self.words[lane]
            result = Signal(signed(16), name=f"result_{lane}", reset_less=True)
            elsewhere = Signal(name=f"elsewhere_{lane}")
            differ = [compared[index] & (word[pair] != self.position[pair]) for index, pair in enumerate(pairs)]
            m.d.comb += [elsewhere.eq(Cat(*differ).any()), self.result[lane].eq(result)]
            m.d.sync += result.eq(word)
            for index, pair in enumerate(pairs):
                with m.If(compared[index]):
                    m.d.sync += result[pair].eq(0)
            with m.If(elsewhere):
                m.d.sync += result.eq(0)
            if self.forced:
                with m.If(self.force_all | (self.force_lane & last[lane])):
                    m.d.sync += result.eq(1 << FRACTION_BITS)
        return m
