"""The seam between coordinator and workers: a local network goes in, its trained weights come out."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from deep3.errors import Deep3Error, UsageError
from deep3.host.global_network.blocks import Weights

__all__ = ["Backend", "BackendError", "Trained", "WorkerUsageError"]


class BackendError(Deep3Error):
    """A worker that cannot start, or cannot train what it was given."""


class WorkerUsageError(BackendError, UsageError):
    """A worker that was named as none can be."""


@dataclass(frozen=True)
class Trained:
    """What a worker returns.

    Attributes
    ----------
    difference
        Trained minus initial weights. A board starts from the initial weights as rounded to Q3.12, and its difference
        is to those: the coordinator's float weights keep what the rounding dropped.
    correct
        Samples that were classified correctly in the forward pass of their own batch.
    state_difference
        What the optimiser keeps of each weight at the end minus at the beginning, as ``difference`` is of weights;
        empty where it keeps nothing.
    clipped
        Values that saturated (weights on their way to the worker, results inside an engine); 0 in floating point.
    engine_cycles
        Clock cycles of the engine; 0 where there is none.
    """

    difference: Weights
    correct: int
    state_difference: Weights = field(default_factory=list)
    clipped: int = 0
    engine_cycles: int = 0


class Backend(Protocol):
    """One worker: a local trainer that lives in one thread at a time."""

    def train(
        self,
        weights: Weights,
        inputs: NDArray[np.int16],
        labels: NDArray[np.int64],
        rate: float,
        seed: int,
        state: Sequence[NDArray[np.float32]] = (),
    ) -> Trained:
        """Gradient descent over a sequence of batches by the rule of the worker's optimiser
        (`compiler.optimisers.optimiser`). What it keeps from batch to batch comes with the task and goes back with the
        result: a worker remembers nothing.

        Parameters
        ----------
        weights
            Initial weights of the local network, see `host.global_network.blocks.Weights`; not changed.
        inputs
            ``batches x batch x features`` Q3.12 words.
        labels
            ``batches x batch`` class indices.
        rate
            Learning rate on the mean gradient of a batch.
        seed
            Of whatever is random in the worker (stochastic rounding, dropout); not 0.
        state
            What the optimiser has kept of each weight, matrices of the shapes of ``weights``: velocities of momentum,
            sums of squared mean gradients of Adagrad; not changed. Empty where there is nothing yet, or never.
        """
        ...

    def close(self) -> None:
        """Give back processes, sockets and memory; may be called twice."""
        ...
