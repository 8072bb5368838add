"""Post lanes of a column group: what becomes of finished sums on their way into an operand memory (docs/engine.md)."""

from typing import Any

from amaranth import Cat, EnableInserter, Module, Mux, Signal, signed
from amaranth.lib import data, wiring
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out

from deep3.hdl.cells.pipeline import delay, history
from deep3.hdl.cells.primitives import RegisterCopy
from deep3.hdl.contract.config import EngineConfig
from deep3.hdl.contract.instruction import DROPOUT_BITS
from deep3.hdl.contract.program import Format, Function, Mode
from deep3.hdl.contract.rounding import LFSR_BITS, group_seed, lfsr_leap_masks, seed_offset
from deep3.hdl.contract.tables import lane_tables
from deep3.hdl.contract.timing import LANE_CYCLES, LANE_PRODUCT_CYCLES

from .lane import Lane, control_layout

__all__ = ["PostLanes", "RandomState"]


class PostLanes(wiring.Component):  # type: ignore[type-arg]
    """The lanes of one column group.

    Latency `LATENCY` cycles, one vector a cycle, no back-pressure. Two lanes share the two read ports of one table
    memory. Lanes with nothing on its way stand still: a tile keeps the array busy for long between its results.

    Parameters
    ----------
    config : EngineConfig
    width : int
        Lanes, 1 to 4.
    group : int
        Index of the column group; it seeds the random words.

    Members
    -------
    valid : In(1), ahead : In(1)
        A vector is presented, in this cycle and in the next.
    sums : In(width x signed(40))
        Accumulated sums: 24 fraction bits in FORWARD, 26 in BACKWARD and UPDATE.
    aux : In(width x signed(16))
        Q3.12: activations in BACKWARD, weights in UPDATE.
    enable : In(width)
        Lanes that count.
    mode : In(2), format : In(1), function : In(2), rate_mantissa : In(16), rate_shift : In(2)
        Constant from one cycle before the first vector of an instruction until its last result.
    dropout_threshold : In(DROPOUT_BITS)
        With dropout only; constant too.
    position_bits : In(3)
        With convolution only; constant too. Errors are rounded to multiples of 2^position_bits.
    seed_load : In(1), seed : In(32)
        Restart the random words, while no vector is on its way and two cycles before the next.
    results : Out(width x signed(16)), results_valid : Out(1)
        Q3.12 or Q7.8 in FORWARD, Q1.14 in BACKWARD, Q3.12 in UPDATE.
    dropped : Out(width)
        With dropout only: results of FORWARD whose random byte is below the threshold; they are not 0 yet.
    saturated : Out(3)
        Enabled lanes that were clipped, with ``results_valid``; 0 without it.

    Raises
    ------
    TypeError, ValueError
        For a width that is not an integer between 1 and 4, or a group that is not a natural number.
    """

    LATENCY = LANE_CYCLES
    """Cycles from a vector to its results."""

    valid: Signal
    ahead: Signal
    sums: "data.View[data.ArrayLayout]"
    aux: "data.View[data.ArrayLayout]"
    enable: Signal
    mode: Signal
    format: Signal
    function: Signal
    rate_mantissa: Signal
    rate_shift: Signal
    dropout_threshold: Signal
    position_bits: Signal
    seed_load: Signal
    seed: Signal
    dropped: Signal
    results: "data.View[data.ArrayLayout]"
    results_valid: Signal
    saturated: Signal

    def __init__(self, config: EngineConfig, width: int, group: int) -> None:
        for name, value in (("width", width), ("group", group)):
            if type(value) is not int:
                raise TypeError(f"{name} must be an integer, not {value!r}")
        if not 1 <= width <= 4:
            raise ValueError(f"width must be between 1 and 4, not {width!r}")
        if group < 0:
            raise ValueError(f"group must be at least 0, not {group!r}")
        self.config = config
        self.width = width
        self.group = group
        options = {"dropout_threshold": In(DROPOUT_BITS), "dropped": Out(width)} if config.dropout else {}
        options |= {"position_bits": In(3)} if config.convolution else {}
        super().__init__({
            "valid": In(1), "ahead": In(1),
            "sums": In(data.ArrayLayout(signed(40), width)),
            "aux": In(data.ArrayLayout(signed(16), width)),
            "enable": In(width),
            "mode": In(2), "format": In(1), "function": In(2),
            "rate_mantissa": In(16), "rate_shift": In(2),
            "seed_load": In(1), "seed": In(LFSR_BITS),
            "results": Out(data.ArrayLayout(signed(16), width)),
            "results_valid": Out(1),
            "saturated": Out(3),
        } | options)  # fmt: skip

    def elaborate(self, platform: object) -> Module:
        m = Module()
        control = self._control(m)
        presented = history(m, self.valid, LANE_CYCLES, name="presented")
        occupied = self.ahead | Cat(presented[: LANE_CYCLES - 1]).any()
        m.submodules.random = random = RandomState(self.group)
        advance = presented[LANE_PRODUCT_CYCLES] & control.update
        if self.config.dropout:
            advance = advance | (presented[LANE_PRODUCT_CYCLES] & control.drops)
            self._drop(m, control, random)
        if self.config.adagrad:
            advance = advance | (presented[LANE_PRODUCT_CYCLES] & control.square)
        m.d.comb += [
            random.advance.eq(advance),
            random.seed_load.eq(self.seed_load),
            random.seed.eq(self.seed),
        ]
        enable = delay(m, self.enable, LANE_CYCLES, name="enable")
        tables = lane_tables(self.config)
        ports = []
        for pair in range(0, self.width, 2):
            memory: Any = Memory(shape=16, depth=len(tables), init=tables)
            m.submodules[f"table_{pair}"] = memory
            ports += [memory.read_port(), memory.read_port()][: self.width - pair]
        clipped = []
        for index in range(self.width):
            lane = Lane(
                self.config.activation_entries, self.config.dropout, self.config.adagrad, self.config.convolution
            )
            m.submodules[f"enable_{index}"] = enable_copy = RegisterCopy(1)
            m.submodules[f"lane_{index}"] = EnableInserter(enable_copy.q)(lane)
            port = ports[index]
            m.d.comb += [
                enable_copy.d.eq(occupied),
                port.en.eq(1),
                port.addr.eq(lane.table_address),
                # A fabric register behind the block RAM, whose own output is slow.
                lane.table_entry.eq(delay(m, port.data, 1, name=f"entry_{index}")),
                lane.control.eq(control),
                lane.sum.eq(self.sums[index]),
                lane.aux.eq(self.aux[index]),
                lane.random.eq(random.state.rotate_right(8 * index)[:16]),
                self.results[index].eq(lane.result),
            ]
            clipped.append(lane.clipped & enable[index] & presented[LANE_CYCLES])
        m.d.comb += [
            self.results_valid.eq(presented[LANE_CYCLES]),
            self.saturated.eq(sum(clipped[1:], start=clipped[0])),
        ]
        return m

    def _drop(self, m: Module, control: "data.View[data.StructLayout]", random: "RandomState") -> None:
        """Low bytes of random words against the threshold, when the words meet their sums; told with the results."""
        below = Signal(self.width, reset_less=True)
        for index in range(self.width):
            byte = random.state.rotate_right(8 * index)[:DROPOUT_BITS]
            m.d.sync += below[index].eq((byte < self.dropout_threshold) & control.drops)
        m.d.comb += self.dropped.eq(delay(m, below, LANE_CYCLES - LANE_PRODUCT_CYCLES - 1, name="below"))

    def _control(self, m: Module) -> "data.View[data.StructLayout]":
        """The row of `hdl.contract.lane_operations`, decoded into registers of this group's own."""
        layout = control_layout(self.config.dropout, self.config.adagrad, self.config.convolution)
        width = layout.size
        decoded = data.View(layout, Signal(width, name="decoded"))
        control = data.View(layout, Signal(width, name="control"))
        forward = self.mode == Mode.FORWARD
        backward = self.mode == Mode.BACKWARD
        update = self.mode == Mode.UPDATE
        logits = self.format == Format.Q7_8
        identity, relu, tanh, sigmoid = (self.function == function for function in Function)
        curve = tanh | sigmoid
        one = Mux(backward & identity, 1 << 14, 0)
        m.d.comb += [
            decoded.window_shift.eq(Mux(forward, Mux(logits, 3, 1), Mux(update, 2, 0))),
            decoded.forward.eq(forward),
            decoded.update.eq(update),
            decoded.sigmoid.eq(forward & ~logits & sigmoid),
            decoded.derivative.eq(backward & curve),
            decoded.sigmoid_derivative.eq(sigmoid),
            decoded.use_table.eq(curve & ((forward & ~logits) | backward)),
            decoded.relu_derivative.eq(backward & relu),
            decoded.factor.eq(Mux(update, self.rate_mantissa, one)),
            decoded.rate_shift.eq(Mux(update, self.rate_shift, 0)),
            decoded.half.eq(backward | (forward & ~logits & sigmoid)),
            decoded.keep_base.eq(update | (forward & (logits | ~curve))),
            decoded.keep_positive.eq(forward & ~logits & relu),
        ]
        if self.config.convolution:
            m.d.comb += decoded.half.eq(Mux(backward, 1 << self.position_bits, forward & ~logits & sigmoid))
        if self.config.dropout:
            dropping = self.dropout_threshold.any()
            m.d.comb += [decoded.drops.eq(forward & dropping), decoded.zero_stops.eq(backward & dropping)]
        if self.config.adagrad:
            square, root = (((self.mode == Mode.ADAGRAD) & (self.format == each)) for each in Format)
            m.d.comb += [
                decoded.square.eq(square),
                decoded.root.eq(root),
                decoded.window_shift.eq(Mux(forward, Mux(logits, 3, 1), Mux(square, 3, Mux(update | root, 2, 0)))),
                decoded.update.eq(update | root),
                decoded.use_table.eq((curve & ((forward & ~logits) | backward)) | root),
                decoded.keep_base.eq(update | square | (forward & (logits | ~curve))),
            ]
        m.submodules.control = registers = RegisterCopy(width)
        m.d.comb += [registers.d.eq(decoded), control.eq(registers.q)]
        return control


class RandomState(wiring.Component):  # type: ignore[type-arg]
    """The 32-bit LFSR of a column group (`hdl.contract.rounding`).

    Parameters
    ----------
    group : int
        Index of the column group.

    Members
    -------
    advance : In(1)
        Take the state of the next vector.
    seed_load : In(1), seed : In(32)
        Two cycles later the state is ``group_seed(seed, group)``.
    state : Out(32)
    """

    advance: Signal
    seed_load: Signal
    seed: Signal
    state: Signal

    def __init__(self, group: int) -> None:
        self.group = group
        super().__init__({"advance": In(1), "seed_load": In(1), "seed": In(LFSR_BITS), "state": Out(LFSR_BITS)})

    def elaborate(self, platform: object) -> Module:
        m = Module()
        state = Signal(LFSR_BITS, init=group_seed(1, self.group))
        offset_seed = Signal(LFSR_BITS, reset_less=True)
        load = Signal()
        m.d.sync += [offset_seed.eq(self.seed ^ seed_offset(self.group)), load.eq(self.seed_load)]
        m.d.comb += self.state.eq(state)
        with m.If(load):
            m.d.sync += state.eq(offset_seed | (offset_seed == 0))
        with m.Elif(self.advance):
            for target, mask in enumerate(lfsr_leap_masks()):
                m.d.sync += state[target].eq((state & mask).xor())
        return m
