"""Scoreboard of outputs that are due in a known cycle, and the cycle in which a bench drives and samples."""

from collections import defaultdict
from collections.abc import Callable
from typing import Any

from .clocking import Clock

__all__ = ["Timeline"]


class Timeline:
    """Compares what is at an output with what its model put there.

    Parameters
    ----------
    dut
        Clocked by `cycle_ends`.
    sample
        Value of an output, by name: the monitor.
    """

    def __init__(self, dut: Any, sample: Callable[[str], object]) -> None:
        self.clock = Clock(dut)
        self.cycle = 0
        self.compared: defaultdict[str, int] = defaultdict(int)
        self._sample = sample
        self._due: defaultdict[int, list[tuple[str, object]]] = defaultdict(list)

    def expect(self, output: str, latency_cycles: int, value: object) -> None:
        """``value`` is at ``output`` that many cycles after this one."""
        self._due[self.cycle + latency_cycles].append((output, value))

    async def settle(self) -> None:
        """What was driven takes effect; what is due is compared."""
        await self.clock.settle()
        for output, value in self._due.pop(self.cycle, ()):
            got = self._sample(output)
            assert got == value, f"cycle {self.cycle}: {output} is {got}, the twin's is {value}"
            self.compared[output] += 1

    async def edge(self) -> None:
        """The next cycle begins."""
        await self.clock.edge()
        self.cycle += 1

    async def cycle_ends(self) -> None:
        """`settle` and `edge`."""
        await self.settle()
        await self.edge()

    async def finish(self) -> None:
        """Run until nothing is due any more."""
        for _ in range(max(self._due, default=self.cycle) + 1 - self.cycle):
            await self.cycle_ends()
        assert self.compared, "nothing was compared"
