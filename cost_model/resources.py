"""Block RAM and multipliers of an engine, exactly as synthesis maps them; LUTs and flip-flops by a fitted model."""

import enum
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache

from deep3.hdl.contract.config import EngineConfig

from .devices import Device
from .logic import LUT4_OF_A_LUT6, engine_logic, unit_logic
from .memories import endpoint_memories, engine_memories, ethernet_memories, uart_memories
from .memory_mapping import MemoryShape, map_memory

__all__ = [
    "Link",
    "MemoryUse",
    "block_rams",
    "block_rams_available",
    "blocks_taken",
    "logic",
    "memories",
    "memory_uses",
    "multipliers",
    "multipliers_available",
]

HARD_BLOCK_HALVES = {"DP16KD": 2, "RAMB18E1": 1, "RAMB36E1": 2}
"""Halves of a device's block RAM that a cell takes: a Xilinx block holds two of the smaller cells."""


@dataclass(frozen=True)
class MemoryUse:
    """A memory, all its copies together: cells of one kind."""

    shape: MemoryShape
    cell: str
    block: bool
    cells: int

    @property
    def halves(self) -> int:
        """Halves of the device's block RAMs."""
        return HARD_BLOCK_HALVES[self.cell] * self.cells if self.block else 0


def memory_uses(shapes: Iterable[MemoryShape], family: str) -> list[MemoryUse]:
    """The cells of each memory."""
    uses = []
    for shape in shapes:
        mapped = map_memory(shape, family)
        uses.append(MemoryUse(shape, mapped.cell, mapped.block, mapped.count * shape.copies))
    return uses


class Link(enum.Enum):
    """What is built around an engine: nothing, the packet endpoint, or that and one of its media."""

    NONE = "none"
    ENDPOINT = "endpoint"
    ETHERNET = "ethernet"
    UART = "uart"


def memories(config: EngineConfig, link: Link) -> list[MemoryShape]:
    """Every memory of an engine with its link."""
    shapes = engine_memories(config)
    if link is not Link.NONE:
        shapes += endpoint_memories()
    if link is Link.ETHERNET:
        shapes += ethernet_memories()
    if link is Link.UART:
        shapes += uart_memories()
    return shapes


@cache
def block_rams(config: EngineConfig, family: str, link: Link = Link.ENDPOINT) -> dict[str, int]:
    """Block RAM cells by primitive."""
    cells: Counter[str] = Counter()
    for use in memory_uses(memories(config, link), family):
        if use.block:
            cells[use.cell] += use.cells
    return dict(cells)


def blocks_taken(cells: dict[str, int]) -> int:
    """Block RAMs of the device that these cells take, two halves to a block."""
    return -(-sum(HARD_BLOCK_HALVES[cell] * count for cell, count in cells.items()) // 2)


def multipliers(config: EngineConfig) -> int:
    """Hard multipliers: one a processing element and one a post lane."""
    return config.rows * config.columns + config.columns


def block_rams_available(device: Device) -> int:
    """Block RAMs that a design may use."""
    return int(device.block_ram.count * device.usable.block_rams)


def multipliers_available(device: Device) -> int:
    """Multipliers that a design may use."""
    return int(device.multiplier.count * device.usable.multipliers)


def logic(config: EngineConfig, family: str, link: Link = Link.ENDPOINT) -> tuple[int, int]:
    """LUTs and flip-flops, as fitted for ECP5; for Xilinx an estimate from the same fit."""
    parts = [engine_logic(config)]
    if link is not Link.NONE:
        parts.append(unit_logic("endpoint", config))
    if link in (Link.ETHERNET, Link.UART):
        parts.append(unit_logic(link.value, config))
    luts, flip_flops = (sum(values) for values in zip(*parts, strict=True))
    return round(luts * (LUT4_OF_A_LUT6 if family == "xilinx" else 1)), round(flip_flops)
