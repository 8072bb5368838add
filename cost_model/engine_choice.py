"""Engines that a device can hold, and the memories they need for a network."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from deep3.compiler.lowering import lower
from deep3.compiler.network.network import Network
from deep3.compiler.tensors import DoesNotFit
from deep3.hdl.contract.config import BANK_GRANULARITY_WORDS, LIMITS, EngineConfig
from deep3.hdl.contract.program import ADDRESS_BITS

from .boards import RoutedShape
from .devices import Device
from .local_network import operand_words
from .resources import Link, block_rams, block_rams_available, blocks_taken, logic, multipliers, multipliers_available

__all__ = ["Shortage", "engine_for", "engine_holding", "geometries", "shortages"]

FEWEST_CLASSES = 16
"""Of an engine chosen here: its next layout may have more outputs, and smaller tables save next to nothing."""


@dataclass(frozen=True)
class Shortage:
    """What a design lacks: ``needed`` and ``available`` of ``what``."""

    what: str
    needed: int
    available: int

    def __str__(self) -> str:
        return f"{self.needed - self.available} {self.what} short ({self.needed} needed, {self.available} usable)"


def geometries(device: Device, within: Sequence[RoutedShape] | None = None) -> Iterator[tuple[int, int]]:
    """(rows, columns) to weigh: for every number of columns the most rows that its multipliers allow, and half and a
    quarter of them. A column takes a multiplier a row and one in its post lane.

    With ``within`` only shapes that one of it holds in both directions.
    """
    available = multipliers_available(device)
    seen: set[tuple[int, int]] = set()
    for columns in range(LIMITS["columns"].low, LIMITS["columns"].high + 1):
        most = min(LIMITS["rows"].high, available // columns - 1)
        if within is not None:
            most = min(most, max((shape.rows for shape in within if shape.columns >= columns), default=0))
        for rows in (most, most // 2, most // 4):
            if rows >= LIMITS["rows"].low and (rows, columns) not in seen:
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
    labels = max(LIMITS["label_words"].low, 1 << (batch * buffers - 1).bit_length())
    too_many = classes > LIMITS["max_classes"].high or labels > LIMITS["label_words"].high
    if max(words) > 1 << ADDRESS_BITS or too_many:
        return None
    activation, weight, error = (count // banks for count in words)
    return EngineConfig(
        rows=rows,
        columns=columns,
        activation_bank_words=activation,
        weight_bank_words=weight,
        error_bank_words=error,
        label_words=labels,
        max_classes=max(FEWEST_CLASSES, classes),
        max_layers=layers,
    )


def engine_holding(network: Network, like: EngineConfig, batch: int, buffers: int = 1) -> EngineConfig | None:
    """An engine like another, with the smallest operand memories that hold a network of any layers; None where no
    engine is that large."""
    most = like.limit("weight_bank_words").high
    roomy = replace(
        like, activation_bank_words=most, weight_bank_words=most, error_bank_words=most,
        label_words=LIMITS["label_words"].high, convolution=like.convolution or not network.is_dense,
    )  # fmt: skip
    try:
        layout = lower(network, roomy, batch, buffers).layout
    except DoesNotFit:
        return None

    def bank_words(words: int) -> int:
        return -(-words // (like.banks * BANK_GRANULARITY_WORDS)) * BANK_GRANULARITY_WORDS

    return replace(
        roomy,
        activation_bank_words=bank_words(layout.inputs.base + buffers * layout.buffer_words),
        weight_bank_words=bank_words(layout.weights_end),
        error_bank_words=bank_words(layout.errors[-1].end if layout.errors else 0),
        label_words=max(like.label_words, 1 << (batch * buffers - 1).bit_length()),
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
