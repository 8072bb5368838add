"""Instruction prefetch: the next instruction is read while the current one runs."""

from amaranth import Cat, Module, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from deep3.hdl.contract.config import EngineConfig
from deep3.hdl.contract.timing import PROGRAM_READ_CYCLES, fetch_cycles

__all__ = ["Fetch"]

class Fetch(wiring.Component):
    """Reads one instruction, word by word, into a shift register.

    Parameters
    ----------
    config : EngineConfig

    Members
    -------
    begin : In(1), slot : In(range(config.max_instructions))
        Forget what was fetched and read this slot.
    address : Out, word : In(16)
        Read port of the program memory, latency 2 cycles.
    ready : Out(1), instruction : Out(16 * words)
        Complete, until the next ``begin``. Latency `fetch_cycles`.
    """

    def __init__(self, config: EngineConfig) -> None:
        self.config = config
        self.words = config.encoding.words
        super().__init__({
            "begin": In(1),
            "slot": In(range(config.max_instructions)),
            "address": Out(range(config.max_instructions * self.words)),
            "word": In(16),
            "ready": Out(1),
            "instruction": Out(16 * self.words),
        })

    def elaborate(self, platform: object) -> Module:
        m = Module()
        cycles = fetch_cycles(self.config)
        words = Signal(16 * self.words, reset_less=True)
        count = Signal(range(cycles + 1), init=cycles)
        ready = Signal(init=1)
        shifting = Signal()
        # Sums of shifted slots: a multiplier would take one from the array.
        shifts = [bit for bit in range(self.words.bit_length()) if self.words >> bit & 1]
        first = sum((self.slot << bit for bit in shifts[1:]), start=self.slot << shifts[0])
        m.d.comb += [self.instruction.eq(words), self.ready.eq(ready)]
        with m.If(self.begin):
            m.d.sync += [
                count.eq(0), self.address.eq(first), ready.eq(0), shifting.eq(0),
            ]  # fmt: skip
        with m.Elif(~ready):
            m.d.sync += [
                count.eq(count + 1),
                self.address.eq(self.address + 1),
                ready.eq(count == cycles - 1),
                shifting.eq((count >= PROGRAM_READ_CYCLES - 1) & (count < PROGRAM_READ_CYCLES - 1 + self.words)),
            ]
        with m.If(shifting):
            m.d.sync += words.eq(Cat(words[16:], self.word))
        return m
