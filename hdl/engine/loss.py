"""Loss unit: errors and classes from the outputs of the last layer (docs/engine.md, Loss unit).

Lanes are samples, time is classes. The outputs of a block go into one half of a buffer while the errors of the block
before are computed from the other; SOFTMAX reads a block twice, MSE once.
"""

from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from amaranth import Cat, EnableInserter, Module, Mux, Signal, Value, signed, unsigned
from amaranth.lib import data, wiring
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out

from deep3.hdl.cells.pipeline import NO_COLLISION_LOGIC, delay, history
from deep3.hdl.cells.primitives import RegisterCopy
from deep3.hdl.contract.config import EngineConfig
from deep3.hdl.contract.instruction import TIME_BITS
from deep3.hdl.contract.program import LABEL_ADDRESS_BITS, Loss
from deep3.hdl.contract.timing import (
    LOSS_EXPONENT_CYCLES,
    LOSS_EXPONENTIAL_CYCLES,
    LOSS_LABEL_CYCLES,
    LOSS_LEAVE_CYCLES,
    LOSS_PASS_GAP_CYCLES,
    MSE_CYCLES,
    SOFTMAX_CYCLES,
)

from .loss_lane import LossLane, lane_control_layout

__all__ = ["LossUnit"]

GROUP_LANES = 4
"""Lanes that share a copy of the control registers."""

class LossUnit(wiring.Component):
    """One loss lane for each column of the array.

    One class of all samples of a block a cycle, in and out; blocks at least `block_cycles` apart. A reset makes it
    idle at any time; what is under way is lost.

    Parameters
    ----------
    config : EngineConfig

    Members
    -------
    kind : In(2), classes : In(11)
        `Loss`; classes of a block, at most ``max_classes``. Constant while an instruction runs.
    begin : In(1), label_base : In(LABEL_ADDRESS_BITS)
        An instruction begins; the label of its first sample. It
        comes at least ``columns + 3`` cycles before the first ``in_last``.
    in_valid : In(1), in_values : In(columns x signed(16)), in_last : In(1), in_count : In(5)
        Outputs of a block of ``in_count`` samples: Q7.8 with SOFTMAX, Q3.12 with MSE, anything with ARGMAX; classes in
        order, gaps allowed, ``in_last`` with the last.
    out_valid : Out(1), out_values : Out(columns x signed(16)), out_count : Out(5)
        Errors of a block in Q1.14, classes in order without gaps.
    label_address : Out, label_data : In(16)
        Label memory, latency 2 cycles.
    label_write_valid : Out(1), label_write_address : Out, label_write_data : Out(16)
        ARGMAX: class of a sample, one a cycle, from the first label address on.
    busy : Out(1)
        From the cycle after the first ``in_valid`` of a block until the last of its errors or classes has left
        (`loss_tail_cycles`).
    correct : Out(5), correct_valid : Out(1)
        SOFTMAX and MSE: samples of a block whose largest output is at their label, once a block.
    """

    def __init__(self, config: EngineConfig) -> None:
        self.config = config
        self.class_bits = (config.max_classes - 1).bit_length()
        vector = data.ArrayLayout(signed(16), config.columns)
        labels = range(config.label_words)
        super().__init__({
            "kind": In(2), "classes": In(TIME_BITS),
            "begin": In(1), "label_base": In(LABEL_ADDRESS_BITS),
            "in_valid": In(1), "in_values": In(vector), "in_last": In(1), "in_count": In(5),
            "out_valid": Out(1), "out_values": Out(vector), "out_count": Out(5),
            "label_address": Out(labels), "label_data": In(16),
            "label_write_valid": Out(1), "label_write_address": Out(labels), "label_write_data": Out(16),
            "busy": Out(1), "correct": Out(5), "correct_valid": Out(1),
        })  # fmt: skip

    def elaborate(self, platform: object) -> Module:
        m = Module()
        softmax, mse, argmax = (self.kind == kind for kind in (Loss.SOFTMAX, Loss.MSE, Loss.ARGMAX))
        finish = self.in_valid & self.in_last
        finished = history(m, finish, 2, name="finished")
        write_class = Signal(self.class_bits)
        filling = Signal()
        half = Signal(reset_less=True)
        count = Signal(5, reset_less=True)
        with m.If(self.in_valid):
            m.d.sync += write_class.eq(Mux(self.in_last, 0, write_class + 1))
        with m.If(finish):
            m.d.sync += [filling.eq(~filling), half.eq(filling), count.eq(self.in_count)]

        read = self._passes(m, finish & softmax, finish & mse)
        added = history(m, read.summing, LOSS_EXPONENTIAL_CYCLES - 1, name="added")
        given, gave_last = (
            (
                history(m, event & ~mse, SOFTMAX_CYCLES - 1, name=f"softmax_{name}"),
                history(m, event & mse, MSE_CYCLES - 1, name=f"mse_{name}"),
            )
            for event, name in ((read.giving, "given"), (read.giving & read.last, "gave_last"))
        )
        begun = history(m, read.begin_errors, 4, name="begun")
        error_last = Signal()
        m.d.sync += [
            self.out_valid.eq(given[0][-1] | given[1][-1]),
            error_last.eq(gave_last[0][-1] | gave_last[1][-1]),
            self.correct_valid.eq(begun[4]),
        ]
        with m.If(begun[1]):
            m.d.sync += self.out_count.eq(count)
        classes_left, writes = self._classes_left(m, finished[2] & argmax, count)
        shift_label = self._labels(m, argmax, begun[1], count, writes)

        layout = lane_control_layout(self.class_bits)
        early = data.View(layout, Signal(layout.size, name="early"))
        m.d.comb += [
            early.mse.eq(mse),
            early.arrive.eq(self.in_valid),
            early.arrive_first.eq(write_class == 0),
            early.arrive_class.eq(write_class),
            early.capture.eq(finished[1]),
            early.take_logarithm.eq(given[0][LOSS_EXPONENT_CYCLES - 2]),
            early.add.eq(added[LOSS_EXPONENTIAL_CYCLES - 1]),
            early.add_first.eq(delay(m, read.index == 0, LOSS_EXPONENTIAL_CYCLES - 1, name="add_first")),
            early.class_index.eq(
                Mux(mse, read.index, delay(m, read.index, LOSS_EXPONENTIAL_CYCLES - 2, name="class_index"))
            ),
            early.take_label.eq(read.begin_errors),
            early.shift_label.eq(shift_label),
        ]
        lanes = self._lanes(m, early.as_value(), Cat(write_class, filling), Cat(read.index, half))
        self._between_lanes(m, lanes, count, writes)

        block_begins = self.in_valid & (write_class == 0)
        block_ends = delay(m, error_last, LOSS_LEAVE_CYCLES, name="left", reset_less=False) | (classes_left == 1)
        under_way = Signal(range(4))
        following = (under_way + block_begins - block_ends)[: len(under_way)]
        m.d.sync += [under_way.eq(following), self.busy.eq(following.any())]
        return m

    def _passes(self, m: Module, begin_sum: Value, begin_mse: Value) -> "_Read":
        """Reads a finished block: for SOFTMAX once for the sum, and once for the errors."""
        index = Signal(self.class_bits, reset_less=True)
        last_class = Signal(self.class_bits, reset_less=True)
        summing, giving, last, begin_errors = Signal(), Signal(), Signal(), Signal()
        sum_ended = history(m, summing & last, LOSS_PASS_GAP_CYCLES, name="sum_ended")
        m.d.comb += [last.eq(index == last_class), begin_errors.eq(begin_mse | sum_ended[LOSS_PASS_GAP_CYCLES])]
        m.d.sync += [
            last_class.eq(self.classes - 1),
            index.eq(Mux(begin_sum | begin_errors, 0, index + 1)),
            summing.eq(begin_sum | (summing & ~last)),
            giving.eq(begin_errors | (giving & ~last)),
        ]
        return _Read(summing, giving, index, last, begin_errors)

    def _classes_left(self, m: Module, begin: Value, count: Signal) -> tuple[Signal, Signal]:
        """ARGMAX: classes of the block that are still to be written, one a cycle, and whether there are any."""
        left = Signal(5)
        writes = Signal()
        with m.If(begin):
            m.d.sync += [left.eq(count), writes.eq(count.any())]
        with m.Elif(writes):
            m.d.sync += [left.eq(left - 1), writes.eq(left[1:].any())]
        return left, writes

    def _labels(self, m: Module, argmax: Value, errors_begin: Value, count: Signal, class_written: Signal) -> Value:
        """Address of labels and classes. Returns the strobe, a cycle early, that a label arrives at the last lane.

        The labels of a block are read while the block before is given, one for each lane; where its first label is, the
        count of that block tells.
        """
        address = Signal(self.label_address.shape(), reset_less=True)
        block_address = Signal(self.label_address.shape(), reset_less=True)
        next_address = block_address + count
        left = Signal(range(self.config.columns + 1))
        # Whether any is left, from a register: it chooses the step of the address.
        reads = Signal()
        with m.If(self.begin):
            m.d.sync += [
                address.eq(self.label_base),
                block_address.eq(self.label_base),
                left.eq(Mux(argmax, 0, self.config.columns)),
                reads.eq(~argmax),
            ]
        with m.Elif(errors_begin):
            m.d.sync += [address.eq(next_address), block_address.eq(next_address)]
            m.d.sync += [left.eq(self.config.columns), reads.eq(1)]
        with m.Else():
            m.d.sync += [address.eq(address + (reads | class_written)), left.eq(left - reads), reads.eq(left[1:].any())]
        m.d.comb += self.label_address.eq(address)
        return delay(m, reads, LOSS_LABEL_CYCLES - 2, name="label_read")

    def _lanes(self, m: Module, early: Value, write_address: Value, read_address: Value) -> list[LossLane]:
        """Lanes, with one buffer memory for two of them and one copy of the control registers for a group."""
        config = self.config
        lanes = [LossLane(config.exponential_entries, config.max_classes) for _ in range(config.columns)]
        for first in range(0, config.columns, GROUP_LANES):
            m.submodules[f"control_{first}"] = control = RegisterCopy(len(early))
            m.d.comb += control.d.eq(early)
            for index in range(first, min(first + GROUP_LANES, config.columns)):
                # The lanes stand still in instructions without a loss, which are most of the time.
                m.submodules[f"active_{index}"] = active = RegisterCopy(1)
                m.submodules[f"lane_{index}"] = EnableInserter(active.q)(lanes[index])
                m.d.comb += active.d.eq(self.kind != Loss.NONE)
                m.d.comb += [lanes[index].control.eq(control.q), lanes[index].arriving.eq(self.in_values[index])]
        for first in range(0, config.columns, 2):
            pair = range(first, min(first + 2, config.columns))
            word, depth = unsigned(16 * len(pair)), 2 * config.max_classes
            memory: Any = Memory(shape=word, depth=depth, init=[], attrs=NO_COLLISION_LOGIC)
            m.submodules[f"buffer_{first}"] = memory
            write, read = memory.write_port(), memory.read_port()
            m.d.comb += [
                write.en.eq(self.in_valid),
                write.addr.eq(write_address),
                write.data.eq(Cat(self.in_values[index] for index in pair)),
                read.en.eq(1),
                read.addr.eq(read_address),
            ]
            for place, index in enumerate(pair):
                m.d.comb += lanes[index].stored.eq(read.data[16 * place : 16 * place + 16])
        return lanes

    def _between_lanes(self, m: Module, lanes: list[LossLane], count: Signal, writes: Signal) -> None:
        """Labels and classes move from lane to lane; errors and correct samples leave them side by side."""
        class_bits = self.class_bits
        m.d.comb += [
            lanes[-1].next_label.eq(Cat(self.label_data[:class_bits], self.label_data[class_bits:].any())),
            lanes[-1].next_best.eq(0),
            self.label_write_valid.eq(writes),
            self.label_write_address.eq(self.label_address),
            self.label_write_data.eq(lanes[0].best),
        ]
        for lane, neighbour in pairwise(lanes):
            m.d.comb += [lane.next_label.eq(neighbour.label), lane.next_best.eq(neighbour.best)]
        for index, lane in enumerate(lanes):
            counts = Signal(name=f"counts_{index}", reset_less=True)
            m.d.sync += counts.eq(index < count)
            m.d.comb += [
                lane.counts.eq(counts),
                lane.shift_best.eq(writes),
                self.out_values[index].eq(lane.error),
            ]
        m.d.sync += self.correct.eq(sum((lane.correct for lane in lanes[1:]), start=lanes[0].correct))


@dataclass(frozen=True)
class _Read:
    """The buffer is read for a sum or for errors, class ``index``, the ``last`` of the block; ``begin_errors`` comes a
    cycle before the first error's read."""

    summing: Signal
    giving: Signal
    index: Signal
    last: Signal
    begin_errors: Signal
