"""What goes to a worker and what comes back."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from deep3.host.global_network.global_network import Sample, Weights

from .base import Trained

__all__ = ["Failure", "Task", "Update"]


@dataclass(frozen=True)
class Task:
    """A local network and the batches that it is to be trained on (see `host.workers.base.Backend.train`)."""

    sample: Sample
    weights: Weights
    inputs: NDArray[np.int16]
    labels: NDArray[np.int64]
    rate: float
    seed: int


@dataclass(frozen=True)
class Update:
    """Result number ``count`` of worker ``worker``; its indices are ``history[count]``."""

    worker: int
    count: int
    trained: Trained
    rate: float
    seconds: float


@dataclass(frozen=True)
class Failure:
    """Worker ``worker`` is gone."""

    worker: int
    error: Exception
