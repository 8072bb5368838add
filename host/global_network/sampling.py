"""Which neurons and maps of the global network each worker gets."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from deep3.compiler.network.network import Network
from deep3.compiler.network.subsample import local_sizes, taken_from

from .blocks import Sample

__all__ = ["Turn", "deal_sample", "draw_sample", "roll_sample"]


@dataclass(frozen=True)
class Turn:
    """Whose sample it is.

    Attributes
    ----------
    rank, workers
        The worker's place among so many that train at the same time, from 0.
    round
        Pushes of the worker that have been added.
    seed
        Of the run.
    own
        Random numbers of the worker.
    """

    rank: int
    workers: int
    round: int
    seed: int
    own: np.random.Generator


def draw_sample(network: Network, ratio: float, turn: Turn) -> Sample:
    """Drawn without replacement for each worker and push alone (Deep3, Section 5)."""
    return _sample(network, ratio, lambda size, taken: turn.own.choice(size, taken, replace=False))


def deal_sample(network: Network, ratio: float, turn: Turn) -> Sample:
    """Dealt to the workers of a round from one permutation a layer: disjoint where they go round (independent subnet
    training, Yuan et al. 2022); with more workers each neuron goes to as many as any other, or to one more."""
    common = np.random.default_rng([turn.seed, turn.round, 3])

    def dealt(size: int, taken: int) -> NDArray[np.int64]:
        order = common.permutation(size)
        return order[(turn.rank * taken + np.arange(taken)) % size]

    return _sample(network, ratio, dealt)


def roll_sample(network: Network, ratio: float, turn: Turn) -> Sample:
    """A window that moves on by one neuron a round (FedRolex, Alam et al. 2022). All workers here have the same ratio:
    their windows begin at even distances, where that of the paper is one for all."""
    return _sample(
        network,
        ratio,
        lambda size, taken: (turn.round + turn.rank * size // turn.workers + np.arange(taken)) % size,
    )


def _sample(network: Network, ratio: float, choose: Callable[[int, int], NDArray[np.int64]]) -> Sample:
    """Layers that are taken whole as they are, of the others what ``choose`` takes."""
    sizes = taken_from(network)
    return tuple(
        np.arange(size) if taken == size else np.sort(choose(size, taken))
        for size, taken in zip(sizes, local_sizes(sizes, ratio), strict=True)
    )
