"""One post lane: window, activation table, multiplier, rounding, saturation.

What it computes is a row of `hdl.contract.lane_operations`.
"""

from amaranth import Array, Cat, Const, Module, Mux, Signal, Value, signed
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from deep3.hdl.cells.pipeline import delay
from deep3.hdl.cells.primitives import Multiplier
from deep3.hdl.cells.saturate import saturate
from deep3.hdl.contract.instruction import POSITION_BITS
from deep3.hdl.contract.lane_operations import WINDOW_SHIFTS
from deep3.hdl.contract.timing import LANE_CYCLES, LANE_PRODUCT_CYCLES

__all__ = ["Lane", "control_layout"]

WINDOW_BITS = 18
FACTOR_BITS = 17

# Cycles from the sum until a value stands in its register, up to the multiplier.
WINDOW_CYCLES = 2
ROUNDED_WINDOW_CYCLES = 3
OPERAND_CYCLES = 4
ADDRESS_CYCLES = 6
TABLE_CYCLES = 2
"""From a table address to its entry."""
FACTOR_CYCLES = ADDRESS_CYCLES + TABLE_CYCLES


def control_layout(dropout: bool = False, adagrad: bool = False, convolution: bool = False) -> data.StructLayout:
    """An instruction, decoded for the lanes.

    ``window_shift`` is an index of `WINDOW_SHIFTS`; ``forward`` and ``update`` name the mode; ``sigmoid``: FORWARD
    through sigmoid; ``derivative``: BACKWARD through a table, ``sigmoid_derivative`` which; ``use_table``: the factor
    is the table entry, otherwise ``factor``, or with ``relu_derivative`` 1.0 where h > 0; ``half`` rounds, with
    convolution bit p of it to multiples of 2^p; ``keep_base`` lets y or W through to the adder, ``keep_positive`` only
    where it is not negative. With dropout: ``drops`` results of FORWARD, ``zero_stops`` errors where h = 0. With
    Adagrad: ``square`` the window, or the table's entry is that of the ``root``, and ``update`` holds too.
    """
    fields: dict[str, int] = {
        "window_shift": 2, "forward": 1, "update": 1, "sigmoid": 1, "derivative": 1, "sigmoid_derivative": 1,
        "use_table": 1, "relu_derivative": 1, "factor": 16, "rate_shift": 2,
        "half": 1 + POSITION_BITS * convolution, "keep_base": 1, "keep_positive": 1,
    }  # fmt: skip
    fields |= {"drops": 1, "zero_stops": 1} if dropout else {}
    return data.StructLayout(fields | ({"square": 1, "root": 1} if adagrad else {}))


class Lane(wiring.Component):  # type: ignore[type-arg]
    """One lane; latency `LANE_CYCLES`, one sum a cycle.

    Parameters
    ----------
    activation_entries : int
    dropout, adagrad, convolution : bool
        As in `EngineConfig`.

    Members
    -------
    control : In(control_layout())
        Constant while a sum is in the lane.
    sum : In(signed(40)), aux : In(signed(16))
    table_address : Out, table_entry : In(16)
        The lane's port to the tables: the entry `TABLE_CYCLES` after its address.
    random : In(16)
        Random word of the sum of `LANE_PRODUCT_CYCLES` ago.
    result : Out(signed(16)), clipped : Out(1)
        The result, and whether anything was clipped on the way.
    """

    control: "data.View[data.StructLayout]"
    sum: Signal
    aux: Signal
    table_address: Signal
    table_entry: Signal
    random: Signal
    result: Signal
    clipped: Signal

    def __init__(
        self, activation_entries: int, dropout: bool = False, adagrad: bool = False, convolution: bool = False
    ) -> None:
        self.index_bits = activation_entries.bit_length() - 1
        self.dropout = dropout
        self.adagrad = adagrad
        self.convolution = convolution
        super().__init__({
            "control": In(control_layout(dropout, adagrad, convolution)),
            "sum": In(signed(40)),
            "aux": In(signed(16)),
            "table_address": Out(self.index_bits + 1 + adagrad),
            "table_entry": In(16),
            "random": In(16),
            "result": Out(signed(16)),
            "clipped": Out(1),
        })

    def elaborate(self, platform: object) -> Module:
        m = Module()
        control = self.control
        window, window_clipped = self._window(m)

        # y in FORWARD, h in BACKWARD, W in UPDATE: the modes share the registers on the way to the adder.
        rounded_window = Signal(signed(WINDOW_BITS), reset_less=True)
        operand = Signal(signed(16), reset_less=True)
        y, y_clipped = saturate(rounded_window, 16)
        aux = delay(m, self.aux, ROUNDED_WINDOW_CYCLES, name="aux")
        early_clipped = Signal(reset_less=True)
        m.d.sync += [
            rounded_window.eq((window + 1) >> 1),
            operand.eq(Mux(control.forward, y, aux)),
            early_clipped.eq(delay(m, window_clipped, 1, name="window_clipped") | (control.forward & y_clipped)),
        ]
        self._address(m, operand)

        before_factor = delay(m, operand, FACTOR_CYCLES - 1 - OPERAND_CYCLES, name="operand_early")
        negative = Signal(reset_less=True)
        positive = Signal(reset_less=True)
        m.d.sync += [negative.eq(before_factor[-1]), positive.eq(~before_factor[-1] & before_factor.any())]
        m.submodules.multiplier = multiplier = Multiplier(WINDOW_BITS, FACTOR_BITS)
        late_window = delay(m, window, FACTOR_CYCLES - WINDOW_CYCLES, name="window")
        unit = Cat(Const(0, 15), control.sigmoid, negative | ~control.sigmoid, negative)
        entry = self.table_entry & control.use_table.replicate(16)
        slope = Cat(Const(0, 14), control.relu_derivative & positive, Const(0, 1))
        factor = entry | control.factor | slope
        if self.dropout:
            passes = Signal(reset_less=True)
            m.d.sync += passes.eq(before_factor.any() | ~control.zero_stops)
            factor = factor & passes.replicate(16)
        factor = Cat(factor, Const(0, 1))
        if self.adagrad:
            factor = Mux(control.square, late_window[:FACTOR_BITS], factor)
        m.d.comb += [
            multiplier.a.eq(Mux(control.forward, unit.as_signed(), late_window)),
            multiplier.b.eq(factor.as_signed()),
            multiplier.b_enable.eq(1),
        ]

        late = delay(m, before_factor, LANE_PRODUCT_CYCLES + 2 - FACTOR_CYCLES, name="operand_late")
        base = Signal(signed(16), reset_less=True)
        keep = control.keep_base & ~(control.keep_positive & late[-1])
        m.d.sync += base.eq(late & keep.replicate(16))
        quotient = self._quotient(m, multiplier.p)

        combined = Signal(signed(20), reset_less=True)
        # base + ~q + 1 is base - q: the bit below the operands carries the 1 into the one adder.
        summand = Mux(control.update, ~quotient, quotient)
        addition = Cat(control.update, base).as_signed() + Cat(control.update, summand).as_signed()
        result, result_clipped = saturate(combined, 16)
        clipped = delay(m, early_clipped, LANE_CYCLES - 1 - OPERAND_CYCLES, name="early_clipped")
        m.d.sync += [
            combined.eq(addition >> 1),
            self.result.eq(result),
            self.clipped.eq(clipped | result_clipped),
        ]
        return m

    def _window(self, m: Module) -> tuple[Signal, Signal]:
        """``sat18(sum >> shift)`` and whether it was clipped."""
        shifted = Signal(signed(40 - WINDOW_SHIFTS[0]), reset_less=True)
        window = Signal(signed(WINDOW_BITS), reset_less=True)
        clipped = Signal(reset_less=True)
        m.d.sync += shifted.eq(Array(self.sum >> shift for shift in WINDOW_SHIFTS)[self.control.window_shift])
        value, flag = saturate(shifted, WINDOW_BITS)
        m.d.sync += [window.eq(value), clipped.eq(flag)]
        return window, clipped

    def _address(self, m: Module, operand: Signal) -> None:
        """Table address of the nearest point to ``abs(operand)``, the last point beyond the table."""
        control, index_bits = self.control, self.index_bits
        # Half a step: 2^(s-1), for sigmoid (at half the argument) 2^s, for derivatives 2^(u-1).
        tanh_half, sigmoid_half, derivative_half = 14 - index_bits, 15 - index_bits, 12 - index_bits
        magnitude = Signal(17, reset_less=True)
        sign = operand[-1]
        step_half = Const(0, 17) | (~control.sigmoid & ~control.derivative) << tanh_half
        if self.adagrad:
            step_half = (~control.sigmoid & ~control.derivative & ~control.root) << tanh_half
        step_half = step_half | control.sigmoid << sigmoid_half | control.derivative << derivative_half
        # abs(x) = ~x + 1 for x < 0; the 1 fits below half a step, which is at least 2.
        m.d.sync += magnitude.eq((operand.as_unsigned() ^ sign.replicate(16)) + (step_half | sign))

        address = Signal(len(self.table_address), reset_less=True)
        beyond = Mux(control.derivative, magnitude[12:].any(), magnitude[16] | (~control.sigmoid & magnitude[15]))
        tanh_index = magnitude[tanh_half + 1 : 15]
        sigmoid_index = magnitude[sigmoid_half + 1 : 16]
        derivative_index = magnitude[derivative_half + 1 : 12]
        last = beyond.replicate(index_bits)
        found = Mux(
            control.derivative,
            Cat(derivative_index | last[:-1], control.sigmoid_derivative, Const(1, 1)),
            Mux(control.sigmoid, sigmoid_index, tanh_index) | last,
        )
        if self.adagrad:
            found = Mux(control.root, _root_index(magnitude) + (1 << index_bits + 1), found)
        m.d.sync += address.eq(found)
        m.d.comb += self.table_address.eq(address)

    def _quotient(self, m: Module, product: Value) -> Signal:
        """``((product >> 4 rate_shift) + addend) >> 16``."""
        control = self.control
        shifted = Signal(signed(len(product)), reset_less=True)
        addend = Signal(signed(29), reset_less=True)
        quotient = Signal(signed(len(product) - 16), reset_less=True)
        rounds = control.update | control.square if self.adagrad else control.update
        random = self.random & rounds.replicate(16)
        above: Value = Const(0, 11)
        half: Value = control.half
        if self.convolution:
            half, above = control.half[0], Cat(control.half[1:], Const(0, 11 - POSITION_BITS))
        low = random | half << 15
        m.d.sync += [
            shifted.eq(Array(product >> 4 * index for index in range(4))[control.rate_shift]),
            addend.eq(Cat(low[:16], above, control.sigmoid)),
            quotient.eq((shifted + addend) >> 16),
        ]
        return quotient


def _root_index(magnitude: Signal) -> Value:
    """Of the nearest entries of `hdl.contract.tables.root_table`, 8 bits: 6 below a segment's last, and the segment."""
    last = magnitude[12:].any()
    third = magnitude[9:12].any()
    second = magnitude[6:9].any()
    index = Mux(second, magnitude[3:9], magnitude[:6])
    index = Mux(third, magnitude[6:12], index)
    index = Mux(last, magnitude[9:15] | magnitude[15].replicate(6), index)
    return Cat(index, last | (second & ~third), last | third)
