"""Loss unit: softmax with cross entropy, squared error, argmax; lanes are samples (docs/engine.md, Loss unit).

Softmax passes twice over the classes of a block: exponentials are summed, then each is taken again with the logarithm
of the sum subtracted from its argument, so that nothing is multiplied or divided. Outputs of the next block arrive in
the other half of the buffer meanwhile.
"""

from itertools import pairwise

from amaranth import Cat, Module, Mux, Signal, signed
from amaranth.lib import data, wiring
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out

from .config import EngineConfig
from .loss_lane import DIVIDE_CYCLES, ERROR_CYCLES, LOG_CYCLES, SUM_CYCLES, LossLane
from .pipeline import NO_COLLISION_LOGIC, delay
from .program import COUNT_BITS, Loss

__all__ = ["LossUnit", "block_cycles", "loss_tail_cycles"]

ARRIVE_CYCLES = 4
"""Last class of a block to the first class taken from the buffer."""

BUFFER_CYCLES = 2
"""Buffer address to the output in a lane."""

SUM_WAIT_CYCLES = SUM_CYCLES + LOG_CYCLES - DIVIDE_CYCLES - 1
"""Between the passes of softmax: the logarithm is there when the first class of the second pass needs it."""

LEAVE_CYCLES = 3
"""The unit stays busy while its last errors are on their way to the banks: what guides them must not change."""

LABEL_CYCLES = 3
"""Label address to the register of a lane."""

LABEL_BITS = 14


def loss_tail_cycles(kind: Loss, classes: int, columns: int, count: int) -> int:
    """From the last class of a block of ``count`` samples to the first cycle in which the unit is idle again."""
    if kind is Loss.ARGMAX:
        return ARRIVE_CYCLES + count
    errors_cycles = classes + BUFFER_CYCLES + ERROR_CYCLES + LEAVE_CYCLES
    if kind is Loss.MSE:
        return ARRIVE_CYCLES + columns + LABEL_CYCLES + errors_cycles
    return ARRIVE_CYCLES + classes + SUM_WAIT_CYCLES + errors_cycles


def block_cycles(classes: int, columns: int) -> int:
    """Least distance between the last classes of two blocks: each finds the unit idle."""
    return max(loss_tail_cycles(kind, classes, columns, columns) for kind in (Loss.SOFTMAX, Loss.MSE, Loss.ARGMAX))


class LossUnit(wiring.Component):
    """One loss lane for each column of the array.

    Parameters
    ----------
    config : EngineConfig

    Members
    -------
    kind : In(Loss), classes : In(COUNT_BITS)
        Constant while an instruction runs.
    begin : In(1), label_base : In(14)
        An instruction begins; label of its first sample.
    in_valid : In(1), in_values : In(columns x signed(16)), in_last : In(1), in_count : In(5)
        Outputs of a block of ``in_count`` samples, class after class; ``in_last`` with the last class. Blocks keep
        `block_cycles` between their last classes.
    out_valid : Out(1), out_values : Out(columns x signed(16)), out_count : Out(5)
        Errors of a block, class after class, one a cycle.
    label_address : Out(14), label_data : In(16)
        Label memory, latency 2 cycles.
    label_write_valid : Out(1), label_write_address : Out(14), label_write_data : Out(16)
        ARGMAX: the class of a sample.
    busy : Out(1)
        From a cycle after the first class of a block until its last error or class has left: `loss_tail_cycles`.
    correct : Out(5), correct_valid : Out(1)
        Once a block, in SOFTMAX and MSE: samples whose largest output is at their label.
    """

    def __init__(self, config: EngineConfig) -> None:
        self.config = config
        columns = data.ArrayLayout(signed(16), config.columns)
        super().__init__({
            "kind": In(2), "classes": In(COUNT_BITS),
            "begin": In(1), "label_base": In(LABEL_BITS),
            "in_valid": In(1), "in_values": In(columns), "in_last": In(1), "in_count": In(5),
            "out_valid": Out(1), "out_values": Out(columns), "out_count": Out(5),
            "label_address": Out(LABEL_BITS), "label_data": In(16),
            "label_write_valid": Out(1), "label_write_address": Out(LABEL_BITS), "label_write_data": Out(16),
            "busy": Out(1), "correct": Out(5), "correct_valid": Out(1),
        })  # fmt: skip

    def elaborate(self, platform: object) -> Module:
        m = Module()
        config = self.config
        lanes = [LossLane(config.exponential_entries, config.max_classes) for _ in range(config.columns)]
        for number, lane in enumerate(lanes):
            m.submodules[f"lane_{number}"] = lane
        m.submodules.outputs = outputs = Memory(
            shape=16 * config.columns, depth=2 * config.max_classes, init=[], attrs=NO_COLLISION_LOGIC
        )
        finish, count, half = self._arrive(m, lanes, outputs)
        self._labels(m, lanes, finish)

        index = Signal(range(config.max_classes))
        timer = Signal(range(64))
        summing = Signal()
        giving = Signal()
        done = Signal()
        last_index = index == self.classes - 1
        with m.FSM() as fsm:

            def wait(state: str, cycles: int, following: str) -> None:
                with m.State(state):
                    m.d.sync += timer.eq(timer + 1)
                    with m.If(timer == cycles - 1):
                        m.d.sync += timer.eq(0)
                        m.next = following

            with m.State("IDLE"):
                m.d.sync += index.eq(0)
                with m.If(finish), m.Switch(self.kind):
                    with m.Case(Loss.SOFTMAX):
                        m.next = "SUM"
                    with m.Case(Loss.MSE):
                        m.next = "LABELS"
                    with m.Default():
                        m.next = "CLASSES"
            with m.State("SUM"):
                m.d.comb += summing.eq(1)
                m.d.sync += index.eq(Mux(last_index, 0, index + 1))
                with m.If(last_index):
                    m.next = "SUM_WAIT"
            wait("SUM_WAIT", SUM_WAIT_CYCLES, "ERRORS")
            wait("LABELS", config.columns + LABEL_CYCLES, "ERRORS")
            with m.State("ERRORS"):
                m.d.comb += giving.eq(1)
                m.d.sync += index.eq(Mux(last_index, 0, index + 1))
                with m.If(last_index):
                    m.next = "ERRORS_WAIT"
            with m.State("ERRORS_WAIT"):
                m.d.sync += timer.eq(timer + 1)
                with m.If(timer == BUFFER_CYCLES + ERROR_CYCLES + LEAVE_CYCLES - 1):
                    m.d.comb += done.eq(1)
                    m.d.sync += timer.eq(0)
                    m.next = "IDLE"
            with m.State("CLASSES"):
                m.d.comb += self.label_write_valid.eq(1)
                m.d.sync += timer.eq(timer + 1)
                with m.If(timer == count - 1):
                    m.d.sync += timer.eq(0)
                    m.next = "IDLE"
            working = ~fsm.ongoing("IDLE")

        receiving = Signal()
        with m.If(finish):
            m.d.sync += receiving.eq(0)
        with m.Elif(self.in_valid):
            m.d.sync += receiving.eq(1)
        m.d.comb += self.busy.eq(receiving | finish | working)
        self._feed(m, lanes, outputs, half, index, summing, giving)
        self._classes(m, lanes, count, done)
        return m

    def _arrive(self, m: Module, lanes: list[LossLane], outputs: Memory) -> tuple[Signal, Signal, Signal]:
        """Store a block and find its largest outputs.

        Returns the strobe that begins its processing, its samples and its half of the buffer.
        """
        filling = Signal()
        half = Signal()
        valid = Signal()
        last = Signal()
        complete = Signal()
        finish = Signal()
        arrived = Signal(5, reset_less=True)
        count = Signal(5, reset_less=True)
        index = Signal(range(self.config.max_classes))
        values = Signal(self.in_values.shape(), reset_less=True)
        m.d.sync += [
            valid.eq(self.in_valid), last.eq(self.in_last), values.eq(self.in_values), arrived.eq(self.in_count),
            complete.eq(valid & last), finish.eq(complete),
        ]  # fmt: skip
        store = outputs.write_port()
        m.d.comb += [store.en.eq(valid), store.addr.eq(Cat(index, filling)), store.data.eq(values)]
        with m.If(self.begin):
            m.d.sync += index.eq(0)
        with m.Elif(valid):
            m.d.sync += index.eq(Mux(last, 0, index + 1))
            with m.If(last):
                m.d.sync += [filling.eq(~filling), half.eq(filling), count.eq(arrived)]
        for number, lane in enumerate(lanes):
            m.d.comb += [
                lane.value.eq(values[number]),
                lane.value_valid.eq(valid),
                lane.value_index.eq(index),
                lane.finish.eq(complete),
            ]
        m.d.comb += self.out_count.eq(count)
        self._first_label(m, complete, count)
        return finish, count, half

    def _first_label(self, m: Module, complete: Signal, count: Signal) -> None:
        """Label addresses of a block: from its first sample on while labels are read or classes are written."""
        first = Signal(LABEL_BITS, reset_less=True)
        with m.If(self.begin):
            m.d.sync += first.eq(self.label_base)
        with m.Elif(complete):
            m.d.sync += first.eq(first + count)
        address = Signal(LABEL_BITS, reset_less=True)
        with m.If(complete):
            m.d.sync += address.eq(first)
        with m.Elif((self.kind != Loss.ARGMAX) | self.label_write_valid):
            m.d.sync += address.eq(address + 1)
        m.d.comb += [self.label_address.eq(address), self.label_write_address.eq(address)]

    def _labels(self, m: Module, lanes: list[LossLane], finish: Signal) -> None:
        """Shift the labels of a block into the lanes, the first sample's first."""
        columns = self.config.columns
        left = Signal(range(columns + 1))
        with m.If(finish):
            m.d.sync += left.eq(columns - 1)
        with m.Elif(left != 0):
            m.d.sync += left.eq(left - 1)
        taken = delay(m, finish | (left != 0), LABEL_CYCLES - 1, name="taken", reset_less=False)
        labels = [Signal(16, name=f"label_{number}", reset_less=True) for number in range(columns)]
        with m.If(taken):
            m.d.sync += [old.eq(new) for old, new in zip(labels, [*labels[1:], self.label_data], strict=True)]
        m.d.comb += [lane.label.eq(label) for lane, label in zip(lanes, labels, strict=True)]

    def _feed(
        self, m: Module, lanes: list[LossLane], outputs: Memory, half: Signal, index: Signal,
        summing: Signal, giving: Signal,
    ) -> None:  # fmt: skip
        read = outputs.read_port(transparent_for=())
        words = Signal(16 * self.config.columns, reset_less=True)
        m.d.comb += [read.addr.eq(Cat(index, half)), read.en.eq(1)]
        m.d.sync += words.eq(read.data)
        index_late = delay(m, index, BUFFER_CYCLES, name="index")
        summing_late = delay(m, summing, BUFFER_CYCLES, name="summing")
        giving_late = delay(m, giving, BUFFER_CYCLES, name="giving", reset_less=False)
        for number, lane in enumerate(lanes):
            m.d.comb += [
                lane.output.eq(words.word_select(number, 16).as_signed()),
                lane.output_index.eq(index_late),
                lane.summed.eq(summing_late),
                lane.logarithm.eq(giving_late),
                lane.squared.eq(self.kind == Loss.MSE),
                self.out_values[number].eq(lane.error),
            ]
        m.d.comb += self.out_valid.eq(delay(m, giving_late, ERROR_CYCLES, name="given", reset_less=False))

    def _classes(self, m: Module, lanes: list[LossLane], count: Signal, done: Signal) -> None:
        """Classes to store, one after the other; how many were right."""
        winners = [Signal(16, name=f"winner_{number}", reset_less=True) for number in range(len(lanes))]
        with m.If(self.label_write_valid):
            m.d.sync += [old.eq(new) for old, new in pairwise(winners)]
        with m.Else():
            m.d.sync += [winner.eq(lane.winner) for winner, lane in zip(winners, lanes, strict=True)]
        right = [lane.right & (number < count) for number, lane in enumerate(lanes)]
        m.d.comb += self.label_write_data.eq(winners[0])
        m.d.sync += [self.correct.eq(sum(right[1:], start=right[0])), self.correct_valid.eq(done)]
