"""Sizing: from a global network and a board to local network, engine, batches a push and workers (Deep3, Section 4)."""

from collections.abc import Sequence
from dataclasses import replace

from deep3.compiler.layout import DoesNotFit
from deep3.compiler.lowering import Lowered, lower
from deep3.compiler.network.layers import MAX_SIZE
from deep3.compiler.network.network import Network
from deep3.hdl.contract.config import EngineConfig
from deep3.hdl.contract.program import Loss

from .boards import BoardDescription, RoutedShape
from .choice import BUFFERS, NothingFits, batches_a_push, best_first
from .design import MOST_LAYERS, LocalDesign, Task, link_kind
from .devices import Device, load_device
from .engine_choice import Shortage, engine_for, geometries, shortages
from .link_time import link_of
from .local_network import FEWEST_FEATURES, LocalNetwork, chain, largest, last
from .routed import Ground, advised, evidence_of, routed_shapes
from .step_time import BoardStep

__all__ = ["embedding_range", "size"]

def size(task: Task, board: BoardDescription, unrouted: bool = False) -> list[LocalDesign]:
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
    routed = routed_shapes(board, convolution=task.optimiser.elementwise)
    within = advised(routed, unrouted)
    found: list[LocalDesign] = []
    for rows, columns in geometries(device, within):
        design = _design(task, board, device, networks, evidence_of(rows, columns, routed), rows, columns)
        if design is not None:
            found.append(design)
    if not found:
        raise NothingFits(_what_is_short(task, board, device, networks, within))
    return best_first(found)


def _design(
    task: Task,
    board: BoardDescription,
    device: Device,
    networks: list[LocalNetwork],
    ground: Ground,
    rows: int,
    columns: int,
) -> LocalDesign | None:
    link, workers = link_kind(board), task.workers or 1
    layers = len(task.network.hidden) + 1

    def config_of(local: LocalNetwork, layers: int = layers) -> EngineConfig | None:
        config = engine_for(rows, columns, local.sizes, task.batch, BUFFERS, layers, task.optimiser)
        short = config is None or shortages(config, device, link, task.limits.block_rams)
        return None if short else config

    index = largest(networks, lambda local: config_of(local) is not None)
    if index is None:
        return None
    for local in networks[index:]:
        config = config_of(local)
        if config is None:
            continue
        network = Network.uniform(local.sizes, loss=Loss.SOFTMAX)
        try:
            # Programs do not depend on the room for them.
            roomy = replace(config, max_layers=MOST_LAYERS)
            lowered = lower(network, roomy, task.batch, BUFFERS, task.optimiser)
        except DoesNotFit:
            continue
        slots = next(slots for slots in range(layers, MOST_LAYERS + 1) if _has_room(config, slots, lowered))
        config = config_of(local, slots)
        if config is None:
            continue
        lowered = replace(lowered, layout=replace(lowered.layout, config=config))
        step = BoardStep(lowered, board.clock.sync_hz, link_of(board))
        n_push = batches_a_push(step, workers)
        return LocalDesign(task, board, device, config, step, n_push, workers, ground, local)
    return None


def _has_room(config: EngineConfig, layers: int, lowered: Lowered) -> bool:
    return lowered.forward.end <= replace(config, max_layers=layers).max_instructions


def embedding_range(design: LocalDesign) -> tuple[int, int]:
    """Range of l: from the embedding with half the time of a local step to the longest that this engine holds."""
    layout = design.step.lowered.layout

    def step_of(embedding: int) -> BoardStep | None:
        network = Network.uniform((embedding, *layout.network.sizes[1:]), loss=layout.network.loss)
        try:
            lowered = lower(network, design.config, layout.batch, layout.buffers, layout.optimiser)
        except DoesNotFit:
            return None
        return replace(design.step, lowered=lowered)

    features = min(design.task.network.features, MAX_SIZE)
    longest = last(design.local.embedding, features, lambda embedding: step_of(embedding) is not None)
    slowest = step_of(longest)
    assert slowest is not None, "the design itself fits"
    limit = slowest.cycles / 2

    def is_short(embedding: int) -> bool:
        step = step_of(embedding)
        return step is not None and step.cycles <= limit

    least = min(FEWEST_FEATURES, longest)
    return (last(least, longest, is_short) if is_short(least) else least), longest


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
        config = engine_for(
            rows, columns, least.sizes, task.batch, BUFFERS, len(least.sizes) - 1, task.optimiser
        )
        if config is not None:
            short = shortages(config, device, link_kind(board), task.limits.block_rams)
            if not short:
                return ""
            found += short
    if not found:
        return "a memory of more than 2^18 words, or more labels than an engine keeps, would be needed"
    return str(min(found, key=lambda shortage: shortage.needed - shortage.available))


def _dashed(sizes: tuple[int, ...]) -> str:
    return "-".join(map(str, sizes))
