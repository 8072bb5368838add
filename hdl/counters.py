"""Performance counters: what each instruction cost, what the run waited for, what saturated."""

from amaranth import Array, Cat, Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out

from .pipeline import NO_COLLISION_LOGIC
from .program import COUNTERS, Counter

__all__ = ["COUNTER_READ_CYCLES", "Counters"]

COUNTER_READ_CYCLES = 2


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
        totals = [Signal(32, name=counter.name.lower()) for counter in Counter]
        for counter, total in zip(Counter, totals, strict=True):
            if counter is Counter.BATCHES:
                m.d.sync += total.eq(self.batches)
                continue
            amount = self.correct if counter is Counter.CORRECT else self.events[counter]
            m.d.sync += total.eq(Mux(self.clear, 0, total + amount))

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
        m.d.comb += [update.addr.eq(self.slot), update.en.eq(1)]
        m.d.sync += [stored.eq(Mux(self.first_batch, 0, update.data)), finish.eq(self.finished), slot.eq(self.slot)]
        with m.If(finish):
            m.d.sync += [cycles.eq(self.counting), saturations.eq(0)]
        with m.Else():
            m.d.sync += [cycles.eq(cycles + self.counting), saturations.eq(saturations + self.saturations)]
        m.d.comb += [
            write.addr.eq(slot),
            write.en.eq(finish),
            write.data.eq(Cat((stored[:32] + cycles)[:32], (stored[32:] + saturations)[:32])),
        ]

        word = Signal.like(self.address)
        totals.append(Signal(32, name="unused"))
        globals_ = Array([half for total in totals for half in (total[:16], total[16:])])
        m.d.comb += [host.addr.eq((self.address >> 2) - COUNTERS // 2), host.en.eq(1)]
        m.d.sync += word.eq(self.address)
        m.d.sync += self.data.eq(Mux(word < 2 * COUNTERS, globals_[word[:4]], host.data.word_select(word[:2], 16)))
        return m
