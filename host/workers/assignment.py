"""What each worker of a run is to do."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from deep3.compiler.network.network import Network
from deep3.compiler.network.subsample import local_network

from .base import Backend

__all__ = ["Assignment", "Worker", "equal_assignments"]


@dataclass(frozen=True)
class Assignment:
    """The work of one worker.

    Parameters
    ----------
    network
        The global network.
    ratio
        Share of its hidden neurons and maps in the worker's local network.
    rows
        Row numbers of the training samples that the worker may draw from.
    batch, n_push
        Samples of a batch; batches before it pushes its change of weights.
    """

    network: Network
    ratio: float
    rows: NDArray[np.int64]
    batch: int
    n_push: int

    @cached_property
    def local_network(self) -> Network:
        """What the worker trains."""
        return local_network(self.network, self.ratio)

    @cached_property
    def batch_multiply_adds(self) -> int:
        """Of a training batch."""
        return self.batch * self.local_network.training_multiply_adds


@dataclass(frozen=True)
class Worker:
    """A worker of a run: its name in messages and records, who trains, and what."""

    name: str
    backend: Backend
    assignment: Assignment


def equal_assignments(
    network: Network, ratio: float, samples: int, batch: int, n_push: int, workers: int
) -> list[Assignment]:
    """The same work for every worker, each drawing from all samples."""
    return [Assignment(network, ratio, np.arange(samples), batch, n_push)] * workers
