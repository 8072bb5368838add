"""Sizing: from a global network and a board to local network, engine, batches a push and workers (Deep3, Section 4)."""

import math
from collections.abc import Callable, Sequence
from dataclasses import replace

from deep3.compiler.layout import DoesNotFit
from deep3.compiler.lowering import lower
from deep3.compiler.network.layers import MAX_SIZE
from deep3.compiler.network.network import Network
from deep3.errors import Deep3Error
from deep3.hdl.contract.config import EngineConfig
from deep3.hdl.contract.program import Loss

from .boards import BoardDescription, RoutedShape
from .design import MOST_LAYERS, MOST_STALE_BATCHES, Design, Task, link_kind
from .devices import Device, load_device
from .engine_choice import Shortage, engine_for, geometries, shortages
from .link_time import link_of
from .local_network import FEWEST_FEATURES, LocalNetwork, chain, largest
from .routed import Ground, evidence_of, routed_shapes
from .step_time import BoardStep

__all__ = ["BUFFERS", "COMMUNICATION_SHARE", "NothingFits", "counted_workers", "embedding_range", "size"]

BUFFERS = 2
"""One batch is on its way while the engine works on another."""
COMMUNICATION_SHARE = 0.1
"""A push has as many batches as keep the weights' way at this share of its time, and at most `MOST_STALE_BATCHES`."""


class NothingFits(Deep3Error, ValueError):
    """No engine does what was asked: what is short, by how much, and the nearest that does."""


def size(task: Task, board: BoardDescription, unrouted: bool = False) -> list[Design]:
    """Every design weighed that keeps the limits, the best first.

    For each geometry of the array that the device's multipliers allow, the largest local network whose tensors fit
    the rest of the device. Where shapes were routed on this part at the board's clock, only these and smaller ones
    are weighed, unless ``unrouted``.

    Raises
    ------
    NothingFits
        When there is none.
    """
    device = load_device(board.device)
    networks = chain(task.network)
    routed = routed_shapes(board)
    within = None if unrouted or not routed else routed
    found: list[Design] = []
    for rows, columns in geometries(device, within):
        design = _design(task, board, device, networks, evidence_of(rows, columns, routed), rows, columns)
        if design is not None:
            found.append(design)
    if not found:
        raise NothingFits(_what_is_short(task, board, device, networks, within))
    kept = [design for design in map(_with_workers, found) if _keeps(design)]
    if not kept:
        raise NothingFits(_what_exceeds(task, board, found))
    return sorted(kept, key=lambda design: (design.objective, design.blocks, design.config.rows))


def _design(
    task: Task,
    board: BoardDescription,
    device: Device,
    networks: list[LocalNetwork],
    ground: Ground,
    rows: int,
    columns: int,
) -> Design | None:
    link, workers = link_kind(board), task.workers or 1
    layers = len(task.network.hidden) + 1

    def config_of(local: LocalNetwork, layers: int = layers) -> EngineConfig | None:
        config = engine_for(rows, columns, local.sizes, task.batch, BUFFERS, layers)
        short = config is None or shortages(config, device, link, task.limits.block_rams)
        return None if short else config

    index = largest(networks, lambda local: config_of(local) is not None)
    if index is None:
        return None
    for local in networks[index:]:
        for slots in (layers, 2 * layers, 4 * layers):
            config = config_of(local, min(slots, MOST_LAYERS))
            if config is None:
                break
            network = Network.uniform(local.sizes, loss=Loss.SOFTMAX)
            try:
                lowered = lower(network, config, task.batch, BUFFERS)
            except DoesNotFit:
                continue
            step = BoardStep(lowered, board.clock.sync_hz, link_of(board))
            return Design(task, board, device, local, config, step, _n_push(step, workers), workers, ground)
    return None


def _n_push(step: BoardStep, workers: int) -> int:
    """Batches a push: as many as keep the communication short, as few as that needs."""
    batch = max(step.batch_seconds, step.stream_seconds)
    wanted = math.ceil(step.communication_seconds * (1 - COMMUNICATION_SHARE) / (COMMUNICATION_SHARE * batch))
    return min(max(wanted, BUFFERS + 1), max(1, MOST_STALE_BATCHES // workers))


def _with_workers(design: Design) -> Design:
    """The design with as many workers as a limit on the time asks for, where the task leaves their number open."""
    seconds = design.task.limits.seconds if design.task.workers is None else None
    while seconds is not None and design.epoch_seconds > seconds and design.workers < MOST_STALE_BATCHES:
        needed = math.ceil(design.workers * design.epoch_seconds / seconds)
        workers = min(MOST_STALE_BATCHES, max(design.workers + 1, needed))
        design = replace(design, workers=workers, n_push=_n_push(design.step, workers))
    return design


def _keeps(design: Design) -> bool:
    limits = design.task.limits
    return not (
        (limits.seconds is not None and design.epoch_seconds > limits.seconds)
        or (limits.joules is not None and design.epoch_joules > limits.joules)
    )


def embedding_range(design: Design) -> tuple[int, int]:
    """Range of l: from the embedding with half the time of a local step to the longest that this engine holds."""
    layout = design.step.lowered.layout

    def step_of(embedding: int) -> BoardStep | None:
        network = Network.uniform((embedding, *layout.network.sizes[1:]), loss=layout.network.loss)
        try:
            return replace(design.step, lowered=lower(network, design.config, layout.batch, layout.buffers))
        except DoesNotFit:
            return None

    features = min(design.task.network.features, MAX_SIZE)
    longest = _last(design.local.embedding, features, lambda embedding: step_of(embedding) is not None)
    slowest = step_of(longest)
    assert slowest is not None, "the design itself fits"
    limit = slowest.cycles / 2

    def is_short(embedding: int) -> bool:
        step = step_of(embedding)
        return step is not None and step.cycles <= limit

    least = min(FEWEST_FEATURES, longest)
    return (_last(least, longest, is_short) if is_short(least) else least), longest


def _last(low: int, high: int, holds: Callable[[int], bool]) -> int:
    """The last number from ``low``, where it holds, to ``high`` up to which ``holds`` does."""
    while low < high:
        middle = (low + high + 1) // 2
        if holds(middle):
            low = middle
        else:
            high = middle - 1
    return low


def _what_is_short(
    task: Task,
    board: BoardDescription,
    device: Device,
    networks: list[LocalNetwork],
    within: Sequence[RoutedShape] | None,
) -> str:
    least = networks[-1]
    short = _shortage_of(task, board, device, least, within)
    text = f"no engine on {board.key} holds even {_dashed(least.sizes)} in batches of {task.batch}: {short}"
    batch = task.batch
    while batch > 1:
        batch //= 2
        if not _shortage_of(replace(task, batch=batch), board, device, least, within):
            return f"{text}; batches of {batch} fit"
    more = "a board with" if task.limits.block_rams is None else "a limit of"
    return f"{text}; {more} more block RAM is needed"


def _shortage_of(
    task: Task, board: BoardDescription, device: Device, least: LocalNetwork, within: Sequence[RoutedShape] | None
) -> str:
    """The smallest shortage over all geometries; empty where there is none."""
    found: list[Shortage] = []
    for rows, columns in geometries(device, within):
        config = engine_for(rows, columns, least.sizes, task.batch, BUFFERS, len(least.sizes) - 1)
        if config is not None:
            short = shortages(config, device, link_kind(board), task.limits.block_rams)
            if not short:
                return ""
            found += short
    if not found:
        return "a memory of more than 2^18 words, or more labels than an engine keeps, would be needed"
    return str(min(found, key=lambda shortage: shortage.needed - shortage.available))


def _what_exceeds(task: Task, board: BoardDescription, found: list[Design]) -> str:
    limits = task.limits
    parts = []
    if limits.seconds is not None:
        best = min(map(_with_workers, found), key=lambda design: design.epoch_seconds)
        if best.epoch_seconds > limits.seconds:
            time = f"{best.epoch_seconds:.3g} s with {counted_workers(best.workers)}"
            if task.workers is None:
                alone = min(found, key=lambda design: design.epoch_seconds)
                time = f"{alone.epoch_seconds:.3g} s with 1 worker and {time}, the most that may train together"
            parts.append(f"an epoch takes {time}; the limit is {limits.seconds:g} s")
    if limits.joules is not None:
        best = min(found, key=lambda design: design.epoch_joules)
        if best.epoch_joules > limits.joules:
            parts.append(f"an epoch takes {best.epoch_joules:.3g} J at the least; the limit is {limits.joules:g} J")
    nearest = "; ".join(parts) or "no design keeps both limits at once"
    return f"no engine on {board.key} keeps the limits: {nearest}"


def counted_workers(workers: int) -> str:
    """In words."""
    return "1 worker" if workers == 1 else f"{workers} workers"


def _dashed(sizes: tuple[int, ...]) -> str:
    return "-".join(map(str, sizes))
