"""Instruction prefetch: the next instruction is read while the current one runs."""

from amaranth import Cat, Module, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from deep3.hdl.contract.timing import PROGRAM_READ_CYCLES, fetch_cycles

__all__ = ["Fetch"]

class Fetch(wiring.Component):
    """Reads one instruction, word by word, into a shift register.

    Parameters
    ----------
    instructions : int
        Slots of the program memory.

    Members
    -------
    begin : In(1), slot : In(log2(instructions))
        Forget what was fetched and read this slot.
    address : Out, word : In(16)
        Read port of the program memory, latency 2 cycles.
    ready : Out(1), instruction : Out(16 * INSTRUCTION_WORDS)
        Complete, until the next ``begin``. Latency `fetch_cycles`.
    """

    def __init__(self, instructions: int) -> None:
        self.instructions = instructions
        super().__init__({
            "begin": In(1),
            "slot": In(range(instructions)),
            "address": Out(range(instructions * INSTRUCTION_WORDS)),
            "word": In(16),
            "ready": Out(1),
            "instruction": Out(16 * INSTRUCTION_WORDS),
        })

    def elaborate(self, platform: object) -> Module:
        m = Module()
        words = Signal(16 * INSTRUCTION_WORDS, reset_less=True)
        count = Signal(range(fetch_cycles() + 1), init=fetch_cycles())
        ready = Signal(init=1)
        shifting = Signal()
        m.d.comb += [self.instruction.eq(words), self.ready.eq(ready)]
        with m.If(self.begin):
            m.d.sync += [
                count.eq(0), self.address.eq(self.slot * INSTRUCTION_WORDS), ready.eq(0), shifting.eq(0),
            ]  # fmt: skip
        with m.Elif(~ready):
            m.d.sync += [
                count.eq(count + 1),
                self.address.eq(self.address + 1),
                ready.eq(count == fetch_cycles() - 1),
                shifting.eq((count >= PROGRAM_READ_CYCLES - 1) & (count < PROGRAM_READ_CYCLES - 1 + INSTRUCTION_WORDS)),
            ]
        with m.If(shifting):
            m.d.sync += words.eq(Cat(words[16:], self.word))
        return m
