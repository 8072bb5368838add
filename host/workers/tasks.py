"""What goes to a worker and what comes back."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from deep3.host.global_network.blocks import Sample, Weights

from .base import Trained

__all__ = ["Failure", "Task", "Update"]


@dataclass(frozen=True)
class Task:
    """A local network and the samples that it is to be trained on (see `host.workers.base.Backend.train`).

    Attributes
    ----------
    sample
        Which neurons and maps of the global network it has.
    weights, state
        Its initial weights, and what the optimiser has kept of them.
    rows
        Row numbers in the training set, ``batches x batch``.
    rate, seed
        As the worker takes them.
    iteration
        Updates that the global network had seen when the weights were taken from it.
    """

    sample: Sample
    weights: Weights
    state: Weights
    rows: NDArray[np.int64]
    rate: float
    seed: int
    iteration: int


@dataclass(frozen=True)
class Update:
    """What worker number ``worker`` made of a task, when it began (monotonic clock), and the seconds it took."""

    worker: int
    task: Task
    trained: Trained
    began_s: float
    seconds: float


@dataclass(frozen=True)
class Failure:
    """Worker number ``worker`` is gone."""

    worker: int
    error: Exception
