"""Schemes: which neurons each worker gets, whether it waits for the others, and how what they bring back is joined."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from deep3.compiler.network.network import Network

from .blocks import Sample, Weights, scatter_add, touchers
from .global_network import GlobalNetwork
from .sampling import Turn, deal_sample, draw_sample, roll_sample

__all__ = ["SCHEMES", "Change", "Joining", "Scheme"]

Change = tuple[Sample, Weights]
"""A local network's neurons, and the change of its weights."""


@dataclass(frozen=True)
class Joining:
    """What joining looks at beside the changes.

    Attributes
    ----------
    others
        Other local networks that train a hidden neuron at the same time, on the average.
    momentum
        Share of ``velocity`` that is left after a round.
    velocity
        Of every weight of the global network, for schemes with momentum; changed.
    """

    others: float
    momentum: float
    velocity: Weights


@dataclass(frozen=True)
class Scheme:
    """One way to train a global network by many workers.

    Attributes
    ----------
    draw
        Which neurons and maps a worker gets.
    join
        Adds the changes that have come back to the global network.
    synchronous
        Whether all workers begin a round together and their changes are joined when the last has come; else each is
        joined when it comes.
    has_velocity
        Whether ``join`` needs `Joining.velocity`.
    """

    draw: Callable[[Network, float, Turn], Sample]
    join: Callable[[GlobalNetwork, Sequence[Change], Joining], None]
    synchronous: bool = False
    has_velocity: bool = False


def _add(network: GlobalNetwork, changes: Sequence[Change], joining: Joining) -> None:
    """Whole changes (Deep3, Equation 1): weights that several workers train at the same time move several times as far
    as one of them would have them."""
    for change in changes:
        network.add(*change)


def _add_shares(network: GlobalNetwork, changes: Sequence[Change], joining: Joining) -> None:
    """Each divided by the number of other local networks that train the same neurons, where that is above 1: what all
    find at the same time counts about once. One other does no harm, and dividing by it takes twice the time."""
    share = np.float32(1 / max(1.0, joining.others))
    for sample, difference in changes:
        network.add(sample, difference if share == 1 else [matrix * share for matrix in difference])


def _average(network: GlobalNetwork, changes: Sequence[Change], joining: Joining) -> None:
    """For each weight the mean over the workers that had it."""
    for change in _means(network, changes):
        network.add(*change)


def _average_with_momentum(network: GlobalNetwork, changes: Sequence[Change], joining: Joining) -> None:
    """The mean as a step of Nesterov's momentum with rate 1, on every weight (DiLoCo, Douillard et al. 2023)."""
    for velocity in joining.velocity:
        velocity *= np.float32(joining.momentum)
    for sample, mean in _means(network, changes):
        network.add(sample, mean)
        scatter_add(network.topology, joining.velocity, sample, mean)
    for matrix, velocity in zip(network.weights, joining.velocity, strict=True):
        matrix += np.float32(joining.momentum) * velocity


def _means(network: GlobalNetwork, changes: Sequence[Change]) -> list[Change]:
    """Changes that add up to the mean of those of each weight."""
    counts = touchers(network.topology, [sample for sample, _ in changes])
    return [
        (sample, [matrix / count for matrix, count in zip(difference, each, strict=True)])
        for (sample, difference), each in zip(changes, counts, strict=True)
    ]


SCHEMES = {
    "guarded": Scheme(draw_sample, _add_shares),
    "add": Scheme(draw_sample, _add),
    "average": Scheme(draw_sample, _average, synchronous=True),
    "nesterov": Scheme(draw_sample, _average_with_momentum, synchronous=True, has_velocity=True),
    "disjoint": Scheme(deal_sample, _average, synchronous=True),
    "rolling": Scheme(roll_sample, _average, synchronous=True),
}
"""By the names that ``deep3 train --scheme`` takes."""
