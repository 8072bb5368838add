"""One lane of the loss unit: the outputs of one sample, class after class (docs/engine.md, Loss unit).

Softmax without multiplier and division. With z the output and m the largest of the block, ``t = (z - m) log2 e``; the
exponential of t is a table look-up and a shift. The first pass sums the exponentials, the second takes them again
with ``log2`` of the sum subtracted from t.
"""

from typing import Any

from amaranth import Cat, Const, Module, Mux, Signal, signed, unsigned
from amaranth.lib import data, wiring
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out

from deep3.hdl.cells.pipeline import delay
from deep3.hdl.cells.saturate import saturate
from deep3.hdl.contract.tables import exp2_table, log2_table

__all__ = ["LossLane", "lane_control_layout"]

ONE_OUTPUT = 1 << 12
"""1.0 in Q3.12."""


def lane_control_layout(class_bits: int) -> data.StructLayout:
    """What the lanes are told, each in the cycle in which they need it.

    ``mse``: the loss is MSE, else SOFTMAX or ARGMAX. ``arrive``: an output of class ``arrive_class`` is in the input
    register, the first of a block with ``arrive_first``; ``capture`` two cycles after the last one presented.
    ``take_logarithm``: second pass, with the exponent. ``add``: sum up the exponential, ``add_first`` from zero.
    ``class_index``: class whose error is due in `MSE_CYCLES` - 1 (MSE) or 2 cycles. ``take_label``: a block's errors
    begin. ``shift_label``: another label comes.
    """
    return data.StructLayout({
        "mse": 1, "arrive": 1, "arrive_first": 1, "arrive_class": class_bits, "capture": 1, "take_logarithm": 1,
        "add": 1, "add_first": 1, "class_index": class_bits, "take_label": 1, "shift_label": 1,
    })  # fmt: skip


class LossLane(wiring.Component):
    """One lane.

    Parameters
    ----------
    exponential_entries, max_classes : int
        As in `EngineConfig`.

    Members
    -------
    control : In(lane_control_layout(...))
    arriving : In(signed(16))
        Output of a class as it is presented, a cycle before ``control.arrive``.
    stored : In(16)
        Output read again, one cycle after its address.
    next_label : In, label : Out
        Labels move from lane to lane; one that names no class has its highest bit set.
    next_best : In, best : Out, shift_best : In(1)
        Class of the largest output, the first of equals; they move likewise.
    counts : In(1)
        The lane holds a sample.
    correct : Out(1)
        The largest output is at the label, 3 cycles after ``take_label``.
    error : Out(signed(16))
        Q1.14, `SOFTMAX_CYCLES` or `MSE_CYCLES` after the read address.
    """

    def __init__(self, exponential_entries: int, max_classes: int) -> None:
        self.entries = exponential_entries
        self.class_bits = (max_classes - 1).bit_length()
        super().__init__({
            "control": In(lane_control_layout(self.class_bits)),
            "arriving": In(signed(16)),
            "stored": In(16),
            "next_label": In(self.class_bits + 1), "label": Out(self.class_bits + 1),
            "next_best": In(self.class_bits), "best": Out(self.class_bits), "shift_best": In(1),
            "counts": In(1), "correct": Out(1),
            "error": Out(signed(16)),
        })  # fmt: skip

    def elaborate(self, platform: object) -> Module:
        m = Module()
        control = self.control
        largest = self._largest(m)
        hit = self._label(m)

        output = Signal(signed(16), reset_less=True)
        difference = Signal(signed(17), reset_less=True)
        target = Mux(hit, ONE_OUTPUT, 0)
        m.d.sync += [
            output.eq(self.stored),
            difference.eq(output - Mux(control.mse, target, largest)),
        ]
        squared_error = Signal(signed(16), reset_less=True)
        m.d.sync += squared_error.eq(saturate((difference << 2).as_signed(), 16)[0])

        scaled = self._scaled(m, difference)
        exponential, logarithm = self._exponential(m, scaled)
        self._logarithm(m, exponential, logarithm)

        # prob = min(2 exp, 65535) in U0.16, so (prob + 2) >> 2 is (exp + 1) >> 1; 1.0 touches bits 14, 15.
        probability = Signal(15)
        softmax_error = Signal(signed(16))
        below_one = hit & ~probability[14]
        m.d.comb += [
            probability.eq((exponential + 1) >> 1),
            softmax_error.eq(Cat(probability[:14], Mux(hit, below_one, probability[14]), below_one)),
        ]
        m.d.sync += self.error.eq(Mux(control.mse, squared_error, softmax_error))
        return m

    def _largest(self, m: Module) -> Signal:
        """The largest output of the block whose errors are computed."""
        control = self.control
        # With the sign turned round numbers are in the order of their bits: a signed comparison leaves the carry chain
        # for the last bit.
        turned = 1 << 15
        value = Signal(16, reset_less=True)
        largest = Signal(16, reset_less=True)
        largest_class = Signal(self.class_bits, reset_less=True)
        captured = Signal(signed(16), reset_less=True)
        m.d.sync += value.eq(self.arriving ^ turned)
        with m.If(control.arrive & (control.arrive_first | (value > largest))):
            m.d.sync += [largest.eq(value), largest_class.eq(control.arrive_class)]
        with m.If(control.capture):
            m.d.sync += [captured.eq(largest ^ turned), self.best.eq(largest_class)]
        with m.Elif(self.shift_best):
            m.d.sync += self.best.eq(self.next_best)
        return captured

    def _label(self, m: Module) -> Signal:
        """Labels of the next and of this block; returns "this class is the label"."""
        control = self.control
        next_label = Signal(self.class_bits + 1, reset_less=True)
        label = Signal(self.class_bits + 1, reset_less=True)
        hit = Signal(reset_less=True)
        m.d.comb += self.label.eq(next_label)
        with m.If(control.shift_label):
            m.d.sync += next_label.eq(self.next_label)
        with m.If(control.take_label):
            m.d.sync += label.eq(next_label)
        m.d.sync += [
            hit.eq(label == control.class_index),
            self.correct.eq(self.counts & (label == self.best)),
        ]
        return hit

    def _scaled(self, m: Module, difference: Signal) -> Signal:
        """``(1477 difference + 512) >> 10``, with 1477 = 64 (8 * 3 - 1) + 5."""
        three = Signal(signed(19), reset_less=True)
        five = Signal(signed(20), reset_less=True)
        twenty_three = Signal(signed(22), reset_less=True)
        scaled = Signal(signed(18), reset_less=True)
        m.d.sync += [
            # One more here is 8 in 23 d, 512 in 1477 d: the rounding.
            three.eq(difference + Cat(Const(1, 1), difference).as_signed()),
            five.eq(difference + (difference << 2)),
            twenty_three.eq((three << 3) - delay(m, difference, 1, name="difference")),
            scaled.eq(((twenty_three << 6) + delay(m, five, 1, name="five")) >> 10),
        ]
        return scaled

    def _exponential(self, m: Module, scaled: Signal) -> tuple[Signal, Signal]:
        """``2^scaled`` in U1.15, in the second pass divided by the sum; also the register for the sum's logarithm."""
        index_bits = self.entries.bit_length() - 1
        rounding_bits = 8 - index_bits
        rounding = 1 << rounding_bits >> 1
        # The rounding of the exponent is part of the logarithm that is subtracted.
        logarithm = Signal(13, reset_less=True)
        exponent = Signal(19, reset_less=True)
        m.d.sync += exponent.eq(Mux(self.control.take_logarithm, logarithm, rounding) - scaled)

        table: Any = Memory(shape=unsigned(16), depth=self.entries, init=exp2_table(self.entries))
        m.submodules.exp2_table = table
        entry = table.read_port()
        whole = Signal(4, reset_less=True)
        vanishes = Signal(reset_less=True)
        exponential = Signal(16, reset_less=True)
        m.d.comb += [entry.en.eq(1), entry.addr.eq(exponent[rounding_bits:8])]
        m.d.sync += [
            whole.eq(exponent[8:12]),
            vanishes.eq(exponent[12:].any()),
            exponential.eq(Mux(vanishes, 0, entry.data >> whole)),
        ]
        return exponential, logarithm

    def _logarithm(self, m: Module, exponential: Signal, logarithm: Signal) -> None:
        """Sum of the exponentials, and its log2 with 8 fraction bits plus the rounding of an exponent."""
        control = self.control
        index_bits = self.entries.bit_length() - 1
        rounding = 1 << (8 - index_bits) >> 1
        total = Signal(16 + self.class_bits, reset_less=True)
        with m.If(control.add):
            m.d.sync += total.eq(Mux(control.add_first, 0, total) + exponential)

        leading = Signal(range(self.class_bits + 1), reset_less=True)
        index = Signal(index_bits, reset_less=True)
        for place in range(self.class_bits + 1):
            bit = 15 + place
            with m.If(total[bit]):
                m.d.sync += [leading.eq(place), index.eq(total[bit - index_bits : bit])]
        entries = [value + rounding for value in log2_table(self.entries)]
        table: Any = Memory(shape=unsigned(9), depth=self.entries, init=entries)
        m.submodules.log2_table = table
        entry = table.read_port()
        m.d.comb += [entry.en.eq(1), entry.addr.eq(index)]
        m.d.sync += logarithm.eq((delay(m, leading, 1, name="leading") << 8) + entry.data)
