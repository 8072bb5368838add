"""Engines that a device can hold, and the memories they need for a network."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from deep3.compiler.layout import Layout
from deep3.compiler.lowering import lower
from deep3.compiler.network.layers import Dropout
from deep3.compiler.network.network import Network
from deep3.compiler.optimisers.optimiser import SGD, Adagrad, Optimiser
from deep3.compiler.tensors import DoesNotFit
from deep3.hdl.contract.config import BANK_GRANULARITY_WORDS, LEAST_ENTRIES_OF_ADAGRAD, LIMITS, EngineConfig
from deep3.hdl.contract.program import ADDRESS_BITS

from .boards import RoutedShape
from .devices import Device
from .local_network import operand_words
from .resources import Link, block_rams, block_rams_available, blocks_taken, logic, multipliers, multipliers_available

__all__ = ["Shortage", "able", "engine_for", "engine_holding", "geometries", "layouts", "shortages"]

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
    rows: int,
    columns: int,
    sizes: tuple[int, ...],
    batch: int,
    buffers: int,
    layers: int,
    optimiser: Optimiser = SGD,
) -> EngineConfig | None:
    """The smallest engine of that shape for a network; None where no engine is that large."""
    classes = 1 << (sizes[-1] - 1).bit_length()
    if classes > LIMITS["max_classes"].high:
        return None
    like = EngineConfig(rows=rows, columns=columns, max_classes=max(FEWEST_CLASSES, classes), max_layers=layers)
    if optimiser.elementwise:
        try:
            return next(layouts(Network.uniform(sizes), like, batch, buffers, optimiser)).config
        except DoesNotFit:
            return None
    banks = like.banks
    step = banks * BANK_GRANULARITY_WORDS
    words = [-(-needed // step) * step for needed in operand_words(sizes, batch, buffers, banks)]
    labels = _labels(batch * buffers)
    if max(words) > 1 << ADDRESS_BITS or labels > LIMITS["label_words"].high:
        return None
    activation, weight, error = (count // banks for count in words)
    return replace(
        like,
        activation_bank_words=activation,
        weight_bank_words=weight,
        error_bank_words=error,
        label_words=labels,
    )


def engine_holding(
    network: Network, like: EngineConfig, batch: int, buffers: int = 1, optimiser: Optimiser = SGD
) -> EngineConfig | None:
    """An engine like another, with the smallest operand memories that hold a network of any layers; None where no
    engine is that large."""
    roomy = replace(_roomy(network, like, optimiser), label_words=LIMITS["label_words"].high)
    try:
        layout = lower(network, roomy, batch, buffers, optimiser).layout
    except DoesNotFit:
        return None
    return replace(_fitted(layout), label_words=max(like.label_words, _labels(batch * buffers)))


def layouts(
    network: Network, like: EngineConfig, batch: int, buffers: int, optimiser: Optimiser = SGD
) -> Iterator[Layout]:
    """A network on engines like another with the smallest operand memories that hold it.

    First that of the fewest tiles of work, then those with fewer rows of the images side by side, which take less
    activation memory. Whether the programs fit is not looked at.

    Parameters
    ----------
    buffers
        At least 2, as rows are only put side by side where two batches of them fit.

    Raises
    ------
    DoesNotFit
        When no engine holds the network, with the memory that is too small.
    """
    labels = min(_labels(batch * buffers), LIMITS["label_words"].high)
    engine = replace(_roomy(network, like, optimiser), label_words=labels)
    layout = Layout(network, engine, batch, buffers, optimiser)
    while True:
        fitted = _fitted(layout)
        yield replace(layout, config=fitted)
        less = fitted.activation_bank_words - BANK_GRANULARITY_WORDS
        if less < BANK_GRANULARITY_WORDS:
            return
        try:
            layout = Layout(network, replace(engine, activation_bank_words=less), batch, buffers, optimiser)
        except DoesNotFit:
            return


def able(network: Network, like: EngineConfig, optimiser: Optimiser = SGD) -> EngineConfig:
    """An engine like another, with the options that a network and its optimiser need."""
    dropout = like.dropout or any(isinstance(layer, Dropout) for layer in network.layers)
    convolution = like.convolution or dropout or optimiser.elementwise or not network.is_dense
    adagrad = like.adagrad or isinstance(optimiser, Adagrad)
    entries = max(like.activation_entries, LEAST_ENTRIES_OF_ADAGRAD if adagrad else 0)
    return replace(
        like, convolution=convolution, dropout=dropout, adagrad=adagrad, activation_entries=entries
    )


def _roomy(network: Network, like: EngineConfig, optimiser: Optimiser = SGD) -> EngineConfig:
    """An engine like another that can do what is needed, with the largest operand memories."""
    like = able(network, like, optimiser)
    most = like.limit("weight_bank_words").high
    return replace(like, activation_bank_words=most, weight_bank_words=most, error_bank_words=most)


def _fitted(layout: Layout) -> EngineConfig:
    """The layout's engine with operand memories as large as it needs."""
    config = layout.config
    return replace(
        config,
        activation_bank_words=bank_words(config, layout.inputs.base + layout.buffers * layout.buffer_words),
        weight_bank_words=bank_words(config, layout.state_end),
        error_bank_words=bank_words(config, layout.errors_end),
    )


def bank_words(config: EngineConfig, words: int) -> int:
    """Of each bank of a memory that has so many words: the least that an engine takes."""
    return max(1, -(-words // (config.banks * BANK_GRANULARITY_WORDS))) * BANK_GRANULARITY_WORDS


def _labels(count: int) -> int:
    return max(LIMITS["label_words"].low, 1 << (count - 1).bit_length())


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
