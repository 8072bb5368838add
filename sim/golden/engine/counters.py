"""Performance counters."""

from deep3.hdl.contract.program import COUNTER_WORDS, COUNTERS, Counter

__all__ = ["Counters"]

WRAP = 1 << 32


class Counters:
    """Twin of `hdl.engine.counters.Counters`, without its latency; every counter is modulo 2^32.

    Attributes
    ----------
    totals : list of int
        By `Counter`; the last stays zero.
    cycles, saturations : list of int
        By instruction slot.
    """

    def __init__(self, instructions: int) -> None:
        self.totals = [0] * COUNTERS
        self.cycles = [0] * instructions
        self.saturations = [0] * instructions

    def cycle(self, events: int, correct: int, batches: int, clear: bool) -> None:
        """Bits of ``events`` by `Counter`; with ``clear`` the run begins after this cycle."""
        for counter in Counter:
            amount = correct if counter is Counter.CORRECT else events >> counter & 1
            self.totals[counter] = 0 if clear else (self.totals[counter] + amount) % WRAP
        self.totals[Counter.BATCHES] = batches

    def finish(self, slot: int, cycles: int, saturations: int, first_batch: bool) -> None:
        """An instruction has taken ``cycles`` cycles and clipped ``saturations`` lanes."""
        for stored, amount in ((self.cycles, cycles), (self.saturations, saturations)):
            stored[slot] = ((0 if first_batch else stored[slot]) + amount) % WRAP

    def word(self, address: int) -> int:
        """A word of the counter space, see `hdl.contract.program.counter_word`."""
        index, high = divmod(address, COUNTER_WORDS)
        if index < COUNTERS:
            value = self.totals[index]
        else:
            slot, kind = divmod(index - COUNTERS, 2)
            value = (self.cycles, self.saturations)[kind][slot]
        return value >> (16 * high) & 0xFFFF
