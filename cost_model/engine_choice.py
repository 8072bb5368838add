"""Engines that a device can hold, and the memories they need for a network."""

from collections.abc import Iterator
from dataclasses import dataclass

from deep3.hdl.contract.config import BANK_GRANULARITY_WORDS, EngineConfig
from deep3.hdl.contract.program import ADDRESS_BITS

from .devices import Device
from .local_network import operand_words
from .resources import Link, block_rams, block_rams_available, blocks_taken, logic, multipliers, multipliers_available

__all__ = ["Shortage", "engine_for", "geometries", "shortages"]

MOST_LANES = 16
FEWEST_LANES = 2
MOST_LABELS = 16384
FEWEST_LABELS = 64
MOST_CLASSES = 256


@dataclass(frozen=True)
class Shortage:
    """What a design lacks: ``needed`` and ``available`` of ``what``."""

    what: str
    needed: int
    available: int

    def __str__(self) -> str:
        return f"{self.needed - self.available} {self.what} short ({self.needed} needed, {self.available} usable)"


def geometries(device: Device) -> Iterator[tuple[int, int]]:
    """(rows, columns) to weigh: for every number of columns the most rows that its multipliers allow, and half and a
    quarter of them. A column takes a multiplier a row and one in its post lane."""
    available = multipliers_available(device)
    seen: set[tuple[int, int]] = set()
    for columns in range(FEWEST_LANES, MOST_LANES + 1):
        most = min(MOST_LANES, available // columns - 1)
        for rows in (most, most // 2, most // 4):
            if rows >= FEWEST_LANES and (rows, columns) not in seen:
                seen.add((rows, columns))
                yield rows, columns


def engine_for(
    rows: int, columns: int, sizes: tuple[int, ...], batch: int, buffers: int, layers: int
) -> EngineConfig | None:
    """The smallest engine of that shape for a network; None where no engine is that large."""
    banks = EngineConfig(rows=rows, columns=columns).banks
    step = banks * BANK_GRANULARITY_WORDS
    words = [-(-needed // step) * step for needed in operand_words(sizes, batch, buffers, banks)]
    classes = 1 << (sizes[-1] - 1).bit_length()
    labels = max(FEWEST_LABELS, 1 << (batch * buffers - 1).bit_length())
    if max(words) > 1 << ADDRESS_BITS or classes > MOST_CLASSES or labels > MOST_LABELS:
        return None
    activation, weight, error = (count // banks for count in words)
    return EngineConfig(
        rows=rows,
        columns=columns,
        activation_bank_words=activation,
        weight_bank_words=weight,
        error_bank_words=error,
        label_words=labels,
        max_classes=max(16, classes),
        max_layers=layers,
    )


def shortages(config: EngineConfig, device: Device, link: Link, blocks: int | None = None) -> list[Shortage]:
    """What of a device an engine lacks; ``blocks`` limits the block RAM further."""
    usable = block_rams_available(device)
    luts, flip_flops = logic(config, device.family, link)
    wanted = (
        ("block RAMs", blocks_taken(block_rams(config, device.family, link)), min(usable, blocks or usable)),
        ("multipliers", multipliers(config), multipliers_available(device)),
        ("LUTs", luts, int(device.logic.luts * device.usable.luts)),
        ("flip-flops", flip_flops, int(device.logic.flip_flops * device.usable.flip_flops)),
    )
    return [Shortage(what, needed, available) for what, needed, available in wanted if needed > available]
