"""Counters of a run, as read from a board."""

from dataclasses import dataclass

from deep3.hdl.contract.program import Counter

__all__ = ["Counters", "InstructionCounters"]


@dataclass(frozen=True)
class InstructionCounters:
    """Of one instruction, over all batches of a run: cycles, and results that were clipped."""

    cycles: int
    saturations: int


@dataclass(frozen=True)
class Counters:
    """Of the last run: `hdl.contract.program.Counter` to its value, one entry for each instruction of its program."""

    totals: dict[Counter, int]
    instructions: tuple[InstructionCounters, ...]

    @property
    def saturations(self) -> int:
        """Results that were clipped, all instructions together."""
        return sum(instruction.saturations for instruction in self.instructions)

    @property
    def cycles(self) -> int:
        """Clock cycles of the run."""
        return self.totals[Counter.CYCLES]
