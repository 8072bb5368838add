"""Sizing for CPU and CUDA workers: the largest local network that the fast memory holds, and what it costs."""

import math
from dataclasses import dataclass
from functools import cached_property

from deep3.compiler.network.network import training_multiply_adds

from .choice import COMMUNICATION_SHARE, NothingFits, counted_workers
from .costs import LocalCosts, iteration_seconds, local_costs
from .design import MOST_STALE_BATCHES, Task
from .local_network import LocalNetwork, chain, largest
from .profile import Profile

__all__ = ["WorkerDesign", "size_workers"]

FLOAT_BYTES = 4


@dataclass(frozen=True)
class WorkerDesign:
    """A local network for workers of a profiled machine; times from its fit, T_comm as measured."""

    task: Task
    profile: Profile
    local: LocalNetwork
    n_push: int
    workers: int

    @cached_property
    def costs(self) -> LocalCosts:
        """Table 2 with the fit of the whole step in place of its first two lines."""
        return _costs(self.task, self.profile, self.local)

    @property
    def iteration_seconds(self) -> float:
        """Equation 2."""
        steps = [self.costs.step_seconds] * self.workers
        return iteration_seconds(steps, [self.costs.communication_seconds] * self.workers, self.n_push)

    @property
    def epoch_seconds(self) -> float:
        """Time for as many multiply-adds as one epoch of the global network has."""
        share = training_share(self.task, self.local)
        return share * self.iteration_seconds / self.workers

    @property
    def epoch_joules(self) -> float:
        """Energy of all workers in `epoch_seconds`."""
        return self.profile.watts * self.workers * self.epoch_seconds


def training_share(task: Task, local: LocalNetwork) -> float:
    """Local batches whose multiply-adds are those of one epoch of the global network."""
    return task.network.macs * task.samples / (training_multiply_adds(local.sizes) * task.batch)


def size_workers(task: Task, profile: Profile) -> WorkerDesign:
    """The largest local network whose weights, gradients and batch fit the profiled machine's fast memory.

    Raises
    ------
    NothingFits
        When not even the smallest does, or a limit is exceeded.
    """
    networks = chain(task.network)

    def fits(local: LocalNetwork) -> bool:
        return _costs(task, profile, local).memory_bytes <= profile.memory_bytes

    index = largest(networks, fits)
    if index is None:
        needed = _costs(task, profile, networks[-1]).memory_bytes
        raise NothingFits(
            f"no local network fits: {needed - profile.memory_bytes} bytes short ({needed} needed,"
            f" {profile.memory_bytes} of fast memory); a smaller batch fits"
        )
    local = networks[index]
    costs = _costs(task, profile, local)
    wanted = math.ceil(2 * costs.communication_seconds / (COMMUNICATION_SHARE * costs.step_seconds))
    workers = task.workers or 1
    design = WorkerDesign(task, profile, local, max(1, min(wanted, MOST_STALE_BATCHES // workers)), workers)
    for name, limit, value in (
        ("s", task.limits.seconds, design.epoch_seconds), ("J", task.limits.joules, design.epoch_joules)
    ):  # fmt: skip
        if limit is not None and value > limit:
            raise NothingFits(
                f"an epoch takes {value:.3g} {name} with {counted_workers(workers)}; the limit is {limit:g} {name}"
            )
    return design


def _costs(task: Task, profile: Profile, local: LocalNetwork) -> LocalCosts:
    model = local_costs(local.sizes, task.batch, profile.coefficients, FLOAT_BYTES)
    whole = profile.step.seconds(local.sizes, task.batch)
    forward = min(whole, profile.step.forward_seconds(local.sizes, task.batch))
    return LocalCosts(forward, whole - forward, model.communication_seconds, model.memory_bytes)
