"""The CPU worker for fully connected layers: float32 on one core, a whole push in one call."""

import sys
from collections.abc import Callable, Sequence
from functools import cache, partial

import numpy as np
from numpy.typing import NDArray

from deep3.compiler.network.network import Network
from deep3.compiler.optimisers.optimiser import SGD, Optimiser
from deep3.host.global_network.blocks import Weights

from .base import Trained
from .compiled_push import CompiledPush, PushBuildError, compiled_function
from .dense_steps import DenseSteps
from .numpy_push import numpy_push

__all__ = ["DenseBackend", "can_compile"]

Push = Callable[[NDArray[np.int16], NDArray[np.int64], float, list[NDArray[np.uint16]]], int]


class DenseBackend:
    """A local trainer (see `host.workers.base.Backend`).

    Parameters
    ----------
    topology
        `host.workers.dense_steps.is_computed` holds for it.
    optimiser
        How weights change.
    compiled
        Whether to compute with `CompiledPush`; `numpy_push` gives the same within rounding, and takes longer.
    """

    def __init__(self, topology: Network, optimiser: Optimiser = SGD, compiled: bool = True) -> None:
        self._topology = topology
        self._optimiser = optimiser
        self._compiled = compiled
        self._kept: tuple[DenseSteps, Push] | None = None

    def train(
        self,
        weights: Weights,
        inputs: NDArray[np.int16],
        labels: NDArray[np.int64],
        rate: float,
        seed: int,
        state: Sequence[NDArray[np.float32]] = (),
    ) -> Trained:
        """See `host.workers.base.Backend.train`; ``seed`` is that of dropout, nothing else here is random.

        Raises
        ------
        PushBuildError
            When `CompiledPush` cannot be compiled.
        """
        net, push = self._for_batches_of(inputs.shape[1])
        initial = [np.asarray(matrix, np.float32) for matrix in weights]
        for step, matrix in zip(net.dense, initial, strict=True):
            step.weights[...] = matrix
        if net.optimiser.state:
            initial += [np.asarray(matrix, np.float32) for matrix in state] or [np.zeros_like(m) for m in initial]
            for step, matrix in zip(net.dense, initial[len(weights) :], strict=True):
                step.state[...] = matrix
        correct = push(inputs, labels, rate, net.draw(len(inputs), seed))
        after = [step.weights for step in net.dense] + [step.state for step in net.dense if net.optimiser.state]
        changes = [now - then for now, then in zip(after, initial, strict=True)]
        return Trained(changes[: len(weights)], correct, changes[len(weights) :])

    def close(self) -> None:
        """Give the memory back."""
        self._kept = None

    def _for_batches_of(self, batch: int) -> tuple[DenseSteps, Push]:
        if self._kept is None or self._kept[0].batch != batch:
            net = DenseSteps(self._topology, batch, self._optimiser)
            self._kept = net, CompiledPush(net) if self._compiled else partial(numpy_push, net)
        return self._kept


@cache
def can_compile() -> bool:
    """Whether a push can be compiled here, which it is; if not, one line on stderr says why."""
    try:
        compiled_function()
    except PushBuildError as error:
        print(f"deep3: cpu workers compute with NumPy, which takes longer: {error}", file=sys.stderr)
        return False
    return True

