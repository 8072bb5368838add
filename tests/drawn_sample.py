"""Samples of one worker alone, as most tests want them."""

import numpy as np

from deep3.compiler.network.network import Network
from deep3.host.global_network.blocks import Sample
from deep3.host.global_network.sampling import Turn, draw_sample

__all__ = ["draw"]


def draw(network: Network, ratio: float, rng: np.random.Generator) -> Sample:
    """Which neurons and maps a worker gets."""
    return draw_sample(network, ratio, Turn(0, 1, 0, 1, rng))
