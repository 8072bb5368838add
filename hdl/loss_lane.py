"""One lane of the loss unit: the running maximum of a sample's outputs, and its errors."""

import math

from amaranth import Array, Const, Module, Mux, Signal, signed
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from .fixed import saturate
from .pipeline import delay

__all__ = ["DIVIDE_CYCLES", "ERROR_CYCLES", "LOG_CYCLES", "SUM_CYCLES", "LossLane", "exp2_table", "log2_table"]

FRACTION_BITS = 8
"""Of an argument of the exponential."""

SUM_BITS = 24
"""256 classes of 1.0 in U1.15."""

EXPONENTIAL_CYCLES = 8
SUM_CYCLES = EXPONENTIAL_CYCLES + 1
"""Output presented to its exponential in the sum."""

LOG_CYCLES = 3
"""Sum to its logarithm."""

DIVIDE_CYCLES = 3
"""Output presented to the use of the logarithm."""

ERROR_CYCLES = EXPONENTIAL_CYCLES + 2
"""Output presented to its error."""


def exp2_table(entries: int) -> list[int]:
    """2^(-f / entries) in U1.15."""
    return [round(32768 * 2 ** (-f / entries)) for f in range(entries)]


def log2_table(entries: int) -> list[int]:
    """log2(1 + (f + 1/2) / entries) with 8 fraction bits, but 0 for f = 0: a sum of 1.0 leaves its only class
    with p = 1."""
    return [0] + [round(256 * math.log2(1 + (f + 0.5) / entries)) for f in range(1, entries)]


class LossLane(wiring.Component):
    """Latencies as named in this module; one output a cycle.

    Parameters
    ----------
    entries : int
        Of the tables.
    classes : int
        Most outputs of a sample.

    Members
    -------
    value : In(signed(16)), value_valid : In(1), value_index : In
        Outputs as they arrive; index 0 starts a new sample.
    finish : In(1)
        The sample that arrived is processed from now on.
    output : In(signed(16)), output_index : In
        Outputs of the sample that is processed, once to be summed, once for their errors.
    summed : In(1), logarithm : In(1)
        The exponential of ``output`` is summed; ``output`` is divided by the sum, that is by its logarithm.
    squared : In(1)
        The error is that of MSE.
    label : In(16)
    error : Out(signed(16))
        Q1.14.
    winner : Out
        Index of the largest output of the sample that is processed.
    right : Out(1)
        It is the label; one cycle later.
    """

    def __init__(self, entries: int, classes: int) -> None:
        self.entries = entries
        index = range(classes)
        super().__init__({
            "value": In(signed(16)), "value_valid": In(1), "value_index": In(index), "finish": In(1),
            "output": In(signed(16)), "output_index": In(index), "summed": In(1), "logarithm": In(1), "squared": In(1),
            "label": In(16), "error": Out(signed(16)), "winner": Out(index), "right": Out(1),
        })  # fmt: skip

    def elaborate(self, platform: object) -> Module:
        m = Module()
        arriving = Signal(signed(16), reset_less=True)
        arriving_index = Signal.like(self.value_index, reset_less=True)
        largest = Signal(signed(16), reset_less=True)
        with m.If(self.value_valid & ((self.value_index == 0) | (self.value > arriving))):
            m.d.sync += [arriving.eq(self.value), arriving_index.eq(self.value_index)]
        with m.If(self.finish):
            m.d.sync += [largest.eq(arriving), self.winner.eq(arriving_index)]
        m.d.sync += self.right.eq(self.winner == self.label)
        total = Signal(SUM_BITS, reset_less=True)
        logarithm = self._logarithm(m, total)
        exponential = self._exponential(m, largest, logarithm)
        summed = delay(m, self.summed, EXPONENTIAL_CYCLES, name="summed")
        with m.If(self.finish):
            m.d.sync += total.eq(0)
        with m.Elif(summed):
            m.d.sync += total.eq(total + exponential)
        self._error(m, exponential)
        return m

    def _exponential(self, m: Module, largest: Signal, logarithm: Signal) -> Signal:
        """exp2u((output - largest) log2 e - logarithm), U1.15."""
        index_bits = self.entries.bit_length() - 1
        drop = FRACTION_BITS - index_bits
        below = Signal(signed(17), reset_less=True)
        high = Signal(signed(28), reset_less=True)
        low = Signal(signed(28), reset_less=True)
        scaled = Signal(signed(18), reset_less=True)
        m.d.sync += below.eq(self.output - largest)
        # 1477 = 1024 + 512 - 64 + 4 + 1: log2 e in 10 fraction bits.
        m.d.sync += high.eq((below << 10) + (below << 9))
        m.d.sync += low.eq((below << 2) + below - (below << 6) + 512)
        m.d.sync += scaled.eq((high + low) >> 10)
        divide = delay(m, self.logarithm, DIVIDE_CYCLES, name="divide")
        argument = Signal(signed(19), reset_less=True)
        m.d.sync += argument.eq(Mux(divide, logarithm, 0) - scaled)
        entry = Signal(19, reset_less=True)
        m.d.sync += entry.eq((Mux(argument < 0, 0, argument) + (1 << drop >> 1)) >> drop)
        table = Array(Const(value, 16) for value in exp2_table(self.entries))
        mantissa = Signal(16, reset_less=True)
        places = Signal(19 - index_bits, reset_less=True)
        m.d.sync += [mantissa.eq(table[entry[:index_bits]]), places.eq(entry[index_bits:])]
        coarse = Signal(16, reset_less=True)
        fine_places = Signal(2, reset_less=True)
        m.d.sync += [coarse.eq(Mux(places[4:].any(), 0, mantissa >> (places[2:4] << 2))), fine_places.eq(places[:2])]
        exponential = Signal(16, reset_less=True)
        m.d.sync += exponential.eq(coarse >> fine_places)
        return exponential

    def _logarithm(self, m: Module, total: Signal) -> Signal:
        """log2 of a sum of at least 1.0, with 8 fraction bits."""
        index_bits = self.entries.bit_length() - 1
        octave = Signal(range(SUM_BITS - 15), reset_less=True)
        place = Signal(index_bits, reset_less=True)
        for leading in range(15, SUM_BITS):
            with m.If(total[leading]):
                m.d.sync += [octave.eq(leading - 15), place.eq(total[leading - index_bits : leading])]
        table = Array(Const(value, FRACTION_BITS + 1) for value in log2_table(self.entries))
        fraction = Signal(FRACTION_BITS + 1, reset_less=True)
        whole = Signal.like(octave, reset_less=True)
        logarithm = Signal(FRACTION_BITS + 4, reset_less=True)
        m.d.sync += [fraction.eq(table[place]), whole.eq(octave)]
        m.d.sync += logarithm.eq((whole << FRACTION_BITS) + fraction)
        return logarithm

    def _error(self, m: Module, exponential: Signal) -> None:
        hit = Signal(reset_less=True)
        m.d.sync += hit.eq(delay(m, self.output_index, EXPONENTIAL_CYCLES - 1, name="index") == self.label)
        probability = Signal(17, reset_less=True)
        hit_late = delay(m, hit, 1, name="hit")
        # 2^16 is out of reach of U0.16.
        m.d.sync += probability.eq(Mux(exponential[15], 65535, exponential << 1))
        softmax = (probability - Mux(hit_late, 65536, 0) + 2) >> 2
        output = delay(m, self.output, EXPONENTIAL_CYCLES, name="output")
        distance = Signal(signed(19), reset_less=True)
        m.d.sync += distance.eq((output - Mux(hit, 4096, 0)) << 2)
        m.d.sync += self.error.eq(Mux(self.squared, saturate(distance, 16)[0], softmax))
