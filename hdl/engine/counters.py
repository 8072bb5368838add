"""Performance counters: what each instruction cost, what the run waited for, what saturated."""

from amaranth import Array, Cat, Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out

from deep3.hdl.cells.pipeline import NO_COLLISION_LOGIC, delay
from deep3.hdl.contract.program import COUNTERS, Counter

__all__ = ["Counters"]

class Counters(wiring.Component):
    """Counters of the current or last run, 32 bits each.

    Parameters
    ----------
    instructions : int
        Slots of the program memory.

    Members
    -------
    clear : In(1)
        A run begins.
    events : In(COUNTERS)
        Bit `Counter` adds one in this cycle; CORRECT and BATCHES have their own inputs.
    correct : In(5), batches : In(32)
        Added to CORRECT in this cycle; value of BATCHES.
    counting, finished, first_batch, slot : In
        From the sequencer: the cycle belongs to the instruction in ``slot``. Its counters are updated with
        ``finished``; in the first batch of a run they start from zero.
    saturations : In(5)
        Lanes clipped in this cycle: none in the first cycle of an instruction, nor in that of ``finished``.
    address : In, data : Out(16)
        Word of the counter space; latency `COUNTER_READ_CYCLES`.
    """

    def __init__(self, instructions: int) -> None:
        self.instructions = instructions
        self.word_bits = (2 * COUNTERS + 4 * instructions - 1).bit_length()
        super().__init__({
            "clear": In(1),
            "events": In(COUNTERS),
            "correct": In(5),
            "batches": In(32),
            "counting": In(1),
            "finished": In(1),
            "first_batch": In(1),
            "slot": In(range(instructions)),
            "saturations": In(5),
            "address": In(self.word_bits),
            "data": Out(16),
        })

    def elaborate(self, platform: object) -> Module:
        m = Module()
        # Inputs come from all over the engine: a register keeps their way apart from the carry chains.
        clear, events, correct, batches, counting, finished, first_batch, new_slot, clipped, address = (
            delay(m, signal, 1, name=signal.name, reset_less=False)
            for signal in (
                self.clear, self.events, self.correct, self.batches, self.counting, self.finished, self.first_batch,
                self.slot, self.saturations, self.address,
            )
        )  # fmt: skip
        totals = [Signal(32, name=counter.name.lower()) for counter in Counter]
        for counter, total in zip(Counter, totals, strict=True):
            if counter is Counter.BATCHES:
                m.d.sync += total.eq(batches)
                continue
            amount = correct if counter is Counter.CORRECT else events[counter]
            m.d.sync += total.eq(Mux(clear, 0, total + amount))

        m.submodules.memory = memory = Memory(
            shape=64, depth=self.instructions, init=[], attrs=NO_COLLISION_LOGIC
        )
        write = memory.write_port()
        update = memory.read_port(transparent_for=())
        host = memory.read_port(transparent_for=())
        cycles = Signal(32)
        saturations = Signal(32)
        stored = Signal(64, reset_less=True)
        finish = Signal()
        slot = Signal.like(self.slot)
        m.d.comb += [update.addr.eq(new_slot), update.en.eq(1)]
        m.d.sync += [stored.eq(Mux(first_batch, 0, update.data)), finish.eq(finished), slot.eq(new_slot)]
        with m.If(finish):
            m.d.sync += [cycles.eq(counting), saturations.eq(0)]
        with m.Else():
            m.d.sync += [cycles.eq(cycles + counting), saturations.eq(saturations + clipped)]
        m.d.comb += [
            write.addr.eq(slot),
            write.en.eq(finish),
            write.data.eq(Cat((stored[:32] + cycles)[:32], (stored[32:] + saturations)[:32])),
        ]

        totals.append(Signal(32, name="unused"))
        halves = Array([half for total in totals for half in (total[:16], total[16:])])
        word = delay(m, address, 1, name="word")
        read, half = Signal(64, reset_less=True), Signal(16, reset_less=True)
        m.d.comb += [host.addr.eq((address >> 2) - COUNTERS // 2), host.en.eq(1)]
        m.d.sync += [read.eq(host.data), half.eq(halves[word[:4]])]
        late_word = delay(m, word, 1, name="late_word")
        m.d.sync += self.data.eq(Mux(late_word < 2 * COUNTERS, half, read.word_select(late_word[:2], 16)))
        return m
