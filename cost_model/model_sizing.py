"""Sizing for a network of any layers: shares of it, arrays, memories and batches by the cycles of a training step."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import cache
from itertools import islice

from deep3.compiler.layout import Layout
from deep3.compiler.lowering import Lowered, lower
from deep3.compiler.network.layers import MAX_SIZE, Convolution
from deep3.compiler.network.network import Network
from deep3.compiler.network.subsample import local_network
from deep3.compiler.tensors import DoesNotFit
from deep3.hdl.contract.config import LIMITS, EngineConfig

from .boards import BoardDescription, RoutedShape
from .choice import BUFFERS, NothingFits, batches_a_push, best_first
from .design import MOST_LAYERS, ModelDesign, ModelTask, link_kind
from .devices import Device, load_device
from .engine_choice import FEWEST_CLASSES, Shortage, geometries, layouts, shortages
from .link_time import link_of
from .local_network import MEASURED_MAPS_RATIO, MEASURED_RATIO, SHARES, last
from .local_network import largest as largest_that_fits
from .routed import advised, evidence_of, routed_shapes
from .step_time import BoardStep

__all__ = ["largest_batch", "measured_ratio", "size_model"]

SMALLEST_ARRAY = 4
"""An array that many times smaller than the largest is not weighed for a share of a network: it would not be faster."""


def size_model(
    task: ModelTask, board: BoardDescription, unrouted: bool = False, largest: bool = False
) -> list[ModelDesign]:
    """Every design weighed that keeps the limits, the best first.

    For each geometry as of `cost_model.sizing.size`, and for each number of image rows side by side that saves a first
    layer work, the smallest memories. Where no geometry holds the whole network, those with a quarter of the
    multipliers of the largest and more, each with the shares of the maps and hidden neurons that `_shares` gives.

    Parameters
    ----------
    largest
        Each design takes the largest power of two that fits as its batch, up to that of the task, in place of that; of
        shares all powers of two are weighed.

    Raises
    ------
    NothingFits
        When there is none.
    """
    device = load_device(board.device)
    routed = routed_shapes(board, convolution=task.optimiser.elementwise or not task.network.is_dense)
    within = advised(routed, unrouted)
    shapes = list(geometries(device, within))
    found = [
        _design(task, board, device, lowered, 1.0, routed)
        for rows, columns in shapes
        for lowered in _lowered(task, board, device, rows, columns, largest)
    ]
    if not found:
        networks = [local_network(task.network, share) for share in SHARES]
        least = max((rows * columns for rows, columns in shapes), default=0) / SMALLEST_ARRAY
        found = [
            _design(task, board, device, lowered, ratio, routed)
            for rows, columns in shapes
            if rows * columns >= least
            for ratio, lowered in _shares(task, networks, board, device, rows, columns, largest)
        ]
        for least_ratio in (measured_ratio(task.network), MEASURED_RATIO):
            if large := [design for design in found if design.ratio >= least_ratio]:
                found = large
                break
    if not found:
        raise NothingFits(_what_is_short(task, board, device, within, largest))
    return best_first(found)


def _design(
    task: ModelTask,
    board: BoardDescription,
    device: Device,
    lowered: Lowered,
    ratio: float,
    routed: list[RoutedShape],
) -> ModelDesign:
    layout, workers = lowered.layout, task.workers or 1
    step = BoardStep(lowered, board.clock.sync_hz, link_of(board))
    ground = evidence_of(layout.config.rows, layout.config.columns, routed)
    n_push = batches_a_push(step, workers)
    exactly = replace(task, batch=layout.batch)
    return ModelDesign(exactly, board, device, layout.config, step, n_push, workers, ground, ratio)


def _shares(
    task: ModelTask,
    networks: list[Network],
    board: BoardDescription,
    device: Device,
    rows: int,
    columns: int,
    largest: bool,
) -> Iterator[tuple[float, Lowered]]:
    """Shares of the network, ``networks`` of `SHARES`, on the engines of one geometry that the board holds: for each
    batch the largest, and the largest whose maps fill all columns of the array in each of their tiles."""
    is_held = False
    for batch in task.batches(largest):
        parts = [replace(task, network=network, batch=batch) for network in networks]
        for ratio, lowered in _shares_in_batches(parts, board, device, rows, columns):
            # The larger the batch, the smaller the share.
            if is_held and ratio < MEASURED_RATIO:
                return
            is_held = True
            yield ratio, lowered


def _shares_in_batches(
    parts: list[ModelTask], board: BoardDescription, device: Device, rows: int, columns: int
) -> Iterator[tuple[float, Lowered]]:
    def found(part: ModelTask, slots: int) -> Layout | None:
        like = _like(part.network, rows, columns, slots)
        return next(_layouts(part, part.batch, board, device, like), None)

    @cache
    def lowered(number: int) -> tuple[Lowered, ...]:
        return tuple(_lowered(parts[number], board, device, rows, columns, largest=False))

    fewest = len(parts[0].network.trained)
    first = largest_that_fits(parts, lambda part: found(part, fewest) is not None)
    if first is None:
        return
    layout = found(parts[first], fewest)
    assert layout is not None, "it fits"
    # Finding programs takes longest, and those of a slightly smaller share are as long.
    if (slots := _slots(layout)) is not None:
        first = largest_that_fits(parts, lambda part: found(part, slots) is not None)
        if first is None:
            return
    filling = (
        number
        for number in range(first, len(parts))
        if SHARES[number] >= MEASURED_RATIO and _fills(parts[number].network, columns)
    )
    numbers = dict.fromkeys([first, *islice(filter(lowered, filling), 1)])
    yield from ((SHARES[number], each) for number in numbers for each in lowered(number))


def _slots(layout: Layout) -> int | None:
    """Layers that a program memory for the network must be made for; None where there is none as long."""
    lowered = _programs(replace(layout, config=replace(layout.config, max_layers=MOST_LAYERS)))
    if lowered is None:
        return None
    return next(
        slots
        for slots in range(len(layout.network.trained), MOST_LAYERS + 1)
        if lowered.forward.end <= replace(layout.config, max_layers=slots).max_instructions
    )


def _fills(network: Network, columns: int) -> bool:
    return all(layer.maps % columns == 0 for layer in network.layers if isinstance(layer, Convolution))


def measured_ratio(network: Network) -> float:
    """Share down to which local networks were seen to reach about the accuracy of the whole."""
    return MEASURED_RATIO if network.is_dense else MEASURED_MAPS_RATIO


def largest_batch(design: ModelDesign) -> int:
    """The most samples of a batch for which the array of a design gets memories on its board."""
    shape = (design.config.rows, design.config.columns)
    task = replace(design.task, network=design.local)
    return last(task.batch, MAX_SIZE, lambda batch: _fits(task, batch, design.board, design.device, [shape]))


def _fits(
    task: ModelTask, batch: int, board: BoardDescription, device: Device, shapes: Sequence[tuple[int, int]]
) -> bool:
    """Whether the board holds an engine of one of these geometries for so many samples."""
    exactly = replace(task, batch=batch)
    return any(any(_lowered(exactly, board, device, rows, columns, largest=False)) for rows, columns in shapes)


def _lowered(
    task: ModelTask, board: BoardDescription, device: Device, rows: int, columns: int, largest: bool
) -> Iterator[Lowered]:
    """The network on the engines of one geometry that the board holds."""
    for together in _rows_together(task, rows, columns):
        for batch in reversed(task.batches(largest)):
            found = _on_smallest(task, batch, board, device, rows, columns, together)
            if found is not None:
                yield found
                break


def _on_smallest(
    task: ModelTask, batch: int, board: BoardDescription, device: Device, rows: int, columns: int, together: int
) -> Lowered | None:
    """The network with so many image rows side by side on the engine that is just large enough; None where the board
    holds none."""
    lowered: Lowered | None = None
    slots = len(task.network.trained)
    while slots <= MOST_LAYERS:
        like = _like(task.network, rows, columns, slots)
        found = _layouts(task, batch, board, device, like)
        layout = next((layout for layout in found if layout.rows_together == together), None)
        if layout is None:
            return None
        # The programs do not depend on the size of any memory.
        lowered = lowered or _programs(replace(layout, config=replace(layout.config, max_layers=MOST_LAYERS)))
        if lowered is None:
            return None
        if lowered.forward.end <= layout.config.max_instructions:
            return replace(lowered, layout=layout)
        slots += 1
    return None


def _programs(layout: Layout) -> Lowered | None:
    """None where they are too long."""
    try:
        return lower(layout.network, layout.config, layout.batch, layout.buffers, layout.optimiser)
    except DoesNotFit:
        return None


def _rows_together(task: ModelTask, rows: int, columns: int) -> list[int]:
    """Numbers of image rows side by side that a larger activation memory is worth, the largest first."""
    like = _like(task.network, rows, columns, MOST_LAYERS)
    batch = task.batch
    while batch:
        try:
            found = layouts(task.network, like, batch, BUFFERS, task.optimiser)
            return list(dict.fromkeys(layout.rows_together for layout in found))
        except DoesNotFit:
            batch //= 2
    return []


def _layouts(
    task: ModelTask, batch: int, board: BoardDescription, device: Device, like: EngineConfig
) -> Iterator[Layout]:
    """Layouts on engines like another that the board holds."""
    try:
        for layout in layouts(task.network, like, batch, BUFFERS, task.optimiser):
            if not shortages(layout.config, device, link_kind(board), task.limits.block_rams):
                yield layout
    except DoesNotFit:
        return


def _like(network: Network, rows: int, columns: int, slots: int) -> EngineConfig:
    classes = 1 << (network.classes - 1).bit_length()
    return EngineConfig(
        rows=rows,
        columns=columns,
        max_classes=min(max(FEWEST_CLASSES, classes), LIMITS["max_classes"].high),
        max_layers=slots,
        convolution=not network.is_dense,
    )


def _what_is_short(
    task: ModelTask, board: BoardDescription, device: Device, within: list[RoutedShape] | None, largest: bool
) -> str:
    """Why no engine holds the whole network, in one line, with a batch that fits, if any does."""
    batch = 1 if largest else task.batch
    short = _least_shortage(task, batch, board, device, within)
    text = f"no engine on {board.key} holds {task.name}, or a share of it, in batches of {batch}: {short}"
    if batch == 1:
        return text
    shapes = list(geometries(device, within))
    fitting = last(0, batch - 1, lambda fewer: fewer == 0 or _fits(task, fewer, board, device, shapes))
    return f"{text}; batches of {fitting} fit" if fitting else f"{text}; nor does one in batches of 1"


def _least_shortage(
    task: ModelTask, batch: int, board: BoardDescription, device: Device, within: list[RoutedShape] | None
) -> str:
    """What the engine lacks that comes nearest, and which memory takes most of it."""
    found: list[tuple[Shortage, EngineConfig]] = []
    reason = "its programs are too long"
    for rows, columns in geometries(device, within):
        try:
            like = _like(task.network, rows, columns, MOST_LAYERS)
            *_, layout = layouts(task.network, like, batch, BUFFERS, task.optimiser)
        except DoesNotFit as error:
            reason = str(error)
            continue
        short = shortages(layout.config, device, link_kind(board), task.limits.block_rams)
        found += [(shortage, layout.config) for shortage in short]
    if not found:
        return reason
    shortage, config = min(found, key=lambda pair: pair[0].needed - pair[0].available)
    words = {"activations": config.activation_words, "weights": config.weight_words, "errors": config.error_words}
    memory = max(words, key=lambda name: words[name])
    return f"{shortage}, on {config.rows}x{config.columns} most of them for {words[memory]} words of {memory}"
