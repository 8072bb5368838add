"""A small engine, network and data that tests of the host's side share."""

import numpy as np
from numpy.typing import NDArray

from deep3.compiler.lowering import lower
from deep3.compiler.network.network import Network
from deep3.hdl.contract.config import EngineConfig

__all__ = ["BATCH", "BUFFERS", "CONFIG", "LOWERED", "NETWORK", "labels", "samples", "weights"]

CONFIG = EngineConfig(
    rows=4, columns=4, activation_bank_words=2048, weight_bank_words=1024, error_bank_words=1024, max_layers=4
)
NETWORK = Network.uniform((10, 9, 5))
BATCH = 6
BUFFERS = 3
LOWERED = lower(NETWORK, CONFIG, BATCH, BUFFERS)


def samples(count: int, seed: int) -> NDArray[np.int16]:
    """[count, inputs] Q3.12 words between -2 and 2."""
    return np.random.default_rng(seed).integers(-8192, 8192, (count, NETWORK.inputs)).astype(np.int16)


def labels(count: int, seed: int) -> NDArray[np.int64]:
    """[count] class indices."""
    return np.random.default_rng(seed + 1).integers(0, NETWORK.classes, count)


def weights(seed: int) -> list[NDArray[np.int16]]:
    """[outputs, inputs + 1] Q3.12 words between -0.5 and 0.5, for each layer."""
    choice = np.random.default_rng(seed + 2)
    shapes = [(matrix.rows, matrix.width + 1) for matrix in LOWERED.layout.weights]
    return [choice.integers(-2048, 2048, shape).astype(np.int16) for shape in shapes]
