"""Sizing: from a global network and a board to local network, engine, batches a push and workers (Deep3, Section 4)."""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property

from deep3.compiler.layout import DoesNotFit
from deep3.compiler.lowering import lower
from deep3.compiler.network.layers import MAX_SIZE
from deep3.compiler.network.network import Network
from deep3.errors import Deep3Error
from deep3.hdl.contract.config import EngineConfig
from deep3.hdl.contract.program import Loss

from .boards import BoardDescription
from .costs import EngineEnergy
from .devices import Device, load_device
from .engine_choice import Shortage, engine_for, geometries, shortages
from .link_time import link_of
from .local_network import FEWEST_FEATURES, GlobalNetwork, LocalNetwork, chain, largest
from .resources import Link, block_rams, blocks_taken, logic, multipliers
from .step_time import BoardStep, PushTime

__all__ = [
    "OBJECTIVES",
    "Design",
    "Limits",
    "NothingFits",
    "SizingError",
    "Task",
    "embedding_range",
    "link_kind",
    "pareto_front",
    "size",
]

BUFFERS = 2
"""One batch is on its way while the engine works on another."""
MOST_LAYERS = 16
COMMUNICATION_SHARE = 0.1
"""A push has as many batches as keep the weights' way at this share of its time..."""
MOST_STALE_BATCHES = 160
"""... but all workers together no more: beyond, adding their changes was seen to diverge."""


class SizingError(Deep3Error, ValueError):
    """A task with an impossible value; the message names it and what would work."""


class NothingFits(Deep3Error, ValueError):
    """No engine does what was asked: what is short, by how much, and the nearest that does."""


@dataclass(frozen=True)
class Limits:
    """Upper bounds of an epoch in seconds and joules, and of the block RAM; None for none."""

    seconds: float | None = None
    joules: float | None = None
    block_rams: int | None = None

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            if value is not None and not (math.isfinite(value) and value > 0):
                raise SizingError(f"limit {name} must be above 0, not {value!r}")


@dataclass(frozen=True)
class Task:
    """What is to be trained, and how.

    Parameters
    ----------
    network
        S_G.
    samples
        Training samples of an epoch.
    batch
        Samples of a batch.
    objective
        A key of `OBJECTIVES`.
    limits
        What must not be exceeded.
    workers
        Boards that train together; with a limit on the time it is the least number.

    Raises
    ------
    SizingError
        For a value out of range.
    """

    network: GlobalNetwork
    samples: int = 10_000
    batch: int = 32
    objective: str = "runtime"
    limits: Limits = Limits()
    workers: int = 1

    def __post_init__(self) -> None:
        n = self.network
        ranges: list[tuple[str, int, int, int]] = [
            ("features", n.features, 1, 1_000_000),
            ("classes", n.classes, 2, 256),
            ("samples", self.samples, 1, 1_000_000_000),
            ("batch", self.batch, 1, MAX_SIZE),
            ("workers", self.workers, 1, MOST_STALE_BATCHES),
            *(("hidden", size, 1, 1_000_000) for size in n.hidden),
            ("hidden layers", len(n.hidden), 0, MOST_LAYERS - 1),
        ]
        for name, value, low, high in ranges:
            if type(value) is not int or not low <= value <= high:
                raise SizingError(f"{name} must be between {low} and {high}, not {value!r}")
        if self.objective not in OBJECTIVES:
            raise SizingError(f"objective must be one of {', '.join(OBJECTIVES)}, not {self.objective!r}")


@dataclass(frozen=True)
class Design:
    """One way to do a task on a board.

    Attributes
    ----------
    task, board, device
        What was asked.
    local
        S_L.
    config
        The engine.
    step
        Its timing.
    n_push, workers
        Batches a push, boards.
    """

    task: Task
    board: BoardDescription
    device: Device
    local: LocalNetwork
    config: EngineConfig
    step: BoardStep
    n_push: int
    workers: int

    @cached_property
    def push(self) -> PushTime:
        """Time of a push."""
        return self.step.push(self.n_push)

    @cached_property
    def blocks(self) -> int:
        """Block RAMs of the device."""
        return blocks_taken(block_rams(self.config, self.device.family, link_kind(self.board)))

    @property
    def multipliers(self) -> int:
        """Hard multipliers."""
        return multipliers(self.config)

    @cached_property
    def logic(self) -> tuple[int, int]:
        """LUTs and flip-flops, modelled."""
        return logic(self.config, self.device.family, link_kind(self.board))

    @property
    def epoch_seconds(self) -> float:
        """Time for as many multiply-adds as one epoch of the global network has, all workers together."""
        macs = self.task.network.macs * self.task.samples
        return macs * self.push.seconds / (self.step.macs * self.n_push * self.workers)

    @cached_property
    def energy(self) -> EngineEnergy:
        """Power model of the board."""
        luts, flip_flops = self.logic
        idle = self.board.power.idle_watts if self.board.power else None
        return EngineEnergy(self.device, self.blocks, self.multipliers, luts, flip_flops, idle)

    @property
    def epoch_joules(self) -> float:
        """Energy of all boards in `epoch_seconds`; modelled."""
        working = self.push.compute_seconds / self.push.seconds * self.epoch_seconds * self.step.clock_hz
        return self.workers * self.energy.joules(self.epoch_seconds, working).value

    @property
    def objective(self) -> float:
        """Value of the task's objective: the smaller the better."""
        return OBJECTIVES[self.task.objective](self)

    @property
    def link_limited(self) -> bool:
        """The link takes longer than the array."""
        return self.push.stream_seconds > self.push.compute_seconds


OBJECTIVES: dict[str, Callable[[Design], float]] = {
    "runtime": lambda design: design.epoch_seconds,
    "energy": lambda design: design.epoch_joules,
    "edp": lambda design: design.epoch_joules * design.epoch_seconds,
    "memory": lambda design: float(design.blocks),
}


def link_kind(board: BoardDescription) -> Link:
    """What is built around the engine of a board."""
    return Link.ETHERNET if board.ethernet is not None else Link.UART


def size(task: Task, board: BoardDescription) -> list[Design]:
    """Every design weighed that keeps the limits, the best first.

    For each geometry of the array that the device's multipliers allow, the largest local network whose tensors fit
    the rest of the device.

    Raises
    ------
    NothingFits
        When there is none.
    """
    device = load_device(board.device)
    networks = chain(task.network)
    found: list[Design] = []
    for rows, columns in geometries(device):
        design = _design(task, board, device, networks, rows, columns)
        if design is not None:
            found.append(design)
    if not found:
        raise NothingFits(_what_is_short(task, board, device, networks))
    kept = [design for design in map(_with_workers, found) if _keeps(design)]
    if not kept:
        raise NothingFits(_what_exceeds(task, board, found))
    return sorted(kept, key=lambda design: (design.objective, design.blocks, design.config.rows))


def _design(
    task: Task, board: BoardDescription, device: Device, networks: list[LocalNetwork], rows: int, columns: int
) -> Design | None:
    link = link_kind(board)
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
            return Design(task, board, device, local, config, step, _n_push(step, task.workers), task.workers)
    return None


def _n_push(step: BoardStep, workers: int) -> int:
    """Batches a push: as many as keep the communication short, as few as that needs."""
    batch = max(step.batch_seconds, step.stream_seconds)
    wanted = math.ceil(step.communication_seconds * (1 - COMMUNICATION_SHARE) / (COMMUNICATION_SHARE * batch))
    return min(max(wanted, BUFFERS + 1), max(1, MOST_STALE_BATCHES // workers))


def _with_workers(design: Design) -> Design:
    """The design with as many workers as a limit on the time asks for."""
    seconds = design.task.limits.seconds
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


def pareto_front(designs: list[Design]) -> list[Design]:
    """The designs that no other beats in time, energy and block RAM at once, the fastest first."""
    def costs(design: Design) -> tuple[float, float, float]:
        return design.epoch_seconds, design.epoch_joules, float(design.blocks)

    front = []
    for design in designs:
        mine = costs(design)
        others = (costs(other) for other in designs if other is not design)
        if not any(other != mine and all(a <= b for a, b in zip(other, mine, strict=True)) for other in others):
            front.append(design)
    return sorted(front, key=costs)


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


def _what_is_short(task: Task, board: BoardDescription, device: Device, networks: list[LocalNetwork]) -> str:
    least = networks[-1]
    short = _shortage_of(task, board, device, least)
    text = f"no engine on {board.key} holds even {_dashed(least.sizes)} in batches of {task.batch}: {short}"
    batch = task.batch
    while batch > 1:
        batch //= 2
        if not _shortage_of(replace(task, batch=batch), board, device, least):
            return f"{text}; batches of {batch} fit"
    more = "a board with" if task.limits.block_rams is None else "a limit of"
    return f"{text}; {more} more block RAM is needed"


def _shortage_of(task: Task, board: BoardDescription, device: Device, least: LocalNetwork) -> str:
    """The smallest shortage over all geometries; empty where there is none."""
    found: list[Shortage] = []
    for rows, columns in geometries(device):
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
        over = best.epoch_seconds - limits.seconds
        if over > 0:
            time = f"{best.epoch_seconds:.3g} s with {best.workers} workers"
            parts.append(f"an epoch takes {time}, {over:.3g} s more than the limit")
    if limits.joules is not None:
        best = min(found, key=lambda design: design.epoch_joules)
        over = best.epoch_joules - limits.joules
        if over > 0:
            parts.append(f"an epoch takes {best.epoch_joules:.3g} J at the least, {over:.3g} J more than the limit")
    nearest = "; ".join(parts) or "no design keeps both limits at once"
    return f"no engine on {board.key} keeps the limits: {nearest}"


def _dashed(sizes: tuple[int, ...]) -> str:
    return "-".join(map(str, sizes))
