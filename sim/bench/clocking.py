"""Clock and reset of a unit under test, driven by its bench."""

from typing import Any

from cocotb.triggers import Timer

__all__ = ["Clock"]


class Clock:
    """One clock, one cycle at a time.

    Parameters
    ----------
    dut
        Has ``clk`` and, where the design has anything to reset, ``rst``.
    """

    def __init__(self, dut: Any) -> None:
        self.dut = dut
        self._half = Timer(5, unit="ns")

    async def settle(self) -> None:
        """First half of a cycle: what was driven takes effect, outputs can be read."""
        self.dut.clk.value = 0
        await self._half

    async def edge(self) -> None:
        """Second half: registers take their values."""
        self.dut.clk.value = 1
        await self._half

    async def reset(self, cycles: int = 2) -> None:
        """Hold ``rst`` for ``cycles`` cycles; inputs are driven by the caller before."""
        self.dut.rst.value = 1
        for _ in range(cycles):
            await self.settle()
            await self.edge()
        self.dut.rst.value = 0
