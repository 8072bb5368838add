"""What is asked of a sizing, and one way to do it: a task, and a design with its times, energy and cells."""

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TypeVar

from deep3.compiler.network.layers import MAX_SIZE
from deep3.compiler.network.network import Network
from deep3.compiler.optimisers.optimiser import SGD, Optimiser
from deep3.errors import UsageError
from deep3.hdl.contract.config import LIMITS, EngineConfig

from .boards import BoardDescription
from .costs import EngineEnergy
from .devices import Device
from .local_network import GlobalNetwork, LocalNetwork
from .resources import Link, block_rams, blocks_taken, logic, multipliers
from .routed import Ground
from .step_time import BoardStep, PushTime

__all__ = [
    "MOST_LAYERS", "MOST_STALE_BATCHES", "OBJECTIVES", "Design", "Limits", "LocalDesign", "ModelDesign", "ModelTask",
    "SizingError", "Task", "Work", "link_kind", "pareto_front",
]  # fmt: skip

MOST_LAYERS = LIMITS["max_layers"].high
MOST_STALE_BATCHES = 160
"""Batches in a push of all workers together: beyond, adding their changes was seen to diverge."""


class SizingError(UsageError, ValueError):
    """A task with an impossible value; the message names it and what would work."""


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


@dataclass(frozen=True, kw_only=True)
class Work:
    """How something is to be trained.

    Parameters
    ----------
    samples
        Training samples of an epoch.
    batch
        Samples of a batch.
    objective
        A key of `OBJECTIVES`.
    limits
        What must not be exceeded.
    workers
        Boards that train together; None for one, or for the fewest that keep a limit on the time.
    optimiser
        How weights are trained.

    Raises
    ------
    SizingError
        For a value out of range.
    """

    samples: int = 10_000
    batch: int = 32
    objective: str = "runtime"
    limits: Limits = Limits()
    workers: int | None = None
    optimiser: Optimiser = SGD

    def __post_init__(self) -> None:
        workers = [] if self.workers is None else [("workers", self.workers, 1, MOST_STALE_BATCHES)]
        _check(("samples", self.samples, 1, 1_000_000_000), ("batch", self.batch, 1, MAX_SIZE), *workers)
        if self.objective not in OBJECTIVES:
            raise SizingError(f"objective must be one of {', '.join(OBJECTIVES)}, not {self.objective!r}")


@dataclass(frozen=True)
class Task(Work):
    """A fully connected network S_G, of which each worker may train a part.

    Raises
    ------
    SizingError
        For a value out of range.
    """

    network: GlobalNetwork

    def __post_init__(self) -> None:
        super().__post_init__()
        n = self.network
        _check(
            ("features", n.features, 1, 1_000_000),
            ("classes", n.classes, LIMITS["max_classes"].low, LIMITS["max_classes"].high),
            *(("hidden", size, 1, 1_000_000) for size in n.hidden),
            ("hidden layers", len(n.hidden), 0, MOST_LAYERS - 1),
        )


@dataclass(frozen=True)
class ModelTask(Work):
    """A network of any layers, of which each worker trains the whole where a board holds it, else a part.

    Parameters
    ----------
    name
        What its user calls it: for ``deep3 train`` where to find it, unless it is ``in_memory``.
    """

    network: Network
    name: str
    in_memory: bool = False

    def batches(self, largest: bool) -> list[int]:
        """Samples of a batch that are to be weighed, ascending: the task's own, or all powers of two up to it."""
        return [1 << power for power in range(self.batch.bit_length())] if largest else [self.batch]


def _check(*ranges: tuple[str, int, int, int]) -> None:
    for name, value, low, high in ranges:
        if type(value) is not int or not low <= value <= high:
            raise SizingError(f"{name} must be between {low} and {high}, not {value!r}")


@dataclass(frozen=True)
class Design(ABC):
    """One way to do a task on a board.

    Attributes
    ----------
    task, board, device
        What was asked.
    config
        The engine.
    step
        Its timing.
    n_push, workers
        Batches a push, boards.
    ground
        What speaks for the shape of its array.
    """

    task: Work
    board: BoardDescription
    device: Device
    config: EngineConfig
    step: BoardStep
    n_push: int
    workers: int
    ground: Ground

    @property
    @abstractmethod
    def name(self) -> str:
        """What the engine trains, in words."""

    @property
    @abstractmethod
    def epoch_batches(self) -> float:
        """Batches with the work of one epoch, all workers together."""

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
        """Time of `epoch_batches`, all workers together."""
        return self.epoch_batches * self.push.seconds / (self.n_push * self.workers)

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


@dataclass(frozen=True)
class LocalDesign(Design):
    """A design with a local network S_L, ``local``."""

    task: Task
    local: LocalNetwork

    @property
    def name(self) -> str:
        """Sizes of the local network."""
        return "-".join(map(str, self.local.sizes))

    @property
    def epoch_batches(self) -> float:
        """Batches with as many multiply-adds as one epoch of the global network has."""
        return self.task.network.macs * self.task.samples / self.step.macs


@dataclass(frozen=True)
class ModelDesign(Design):
    """A design for the share ``ratio`` of a model's maps and hidden neurons; the batch of its task is that which it
    takes."""

    task: ModelTask
    ratio: float

    @property
    def name(self) -> str:
        """That of the model."""
        return self.task.name

    @property
    def local(self) -> Network:
        """What a worker trains."""
        return self.step.lowered.layout.network

    @property
    def epoch_batches(self) -> float:
        """Batches with as many multiply-adds as one epoch of the whole model has."""
        parts = self.task.network.training_multiply_adds / self.local.training_multiply_adds
        return parts * self.task.samples / self.task.batch

    @property
    def cycles_a_sample(self) -> float:
        """Cycles of the engine for each sample trained."""
        return self.step.cycles / self.task.batch


D = TypeVar("D", bound=Design)

OBJECTIVES: dict[str, Callable[[Design], float]] = {
    "runtime": lambda design: design.epoch_seconds,
    "energy": lambda design: design.epoch_joules,
    "edp": lambda design: design.epoch_joules * design.epoch_seconds,
    "memory": lambda design: float(design.blocks),
}


def link_kind(board: BoardDescription) -> Link:
    """What is built around the engine of a board."""
    return Link.ETHERNET if board.ethernet is not None else Link.UART


def pareto_front(designs: Sequence[D]) -> list[D]:
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
