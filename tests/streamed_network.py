"""A network that a small engine holds in pieces only, and what a larger one computes."""

from dataclasses import replace

import numpy as np

from deep3.compiler.lowering import lower
from deep3.compiler.network.layers import Convolution, Dense, Flatten, MaxPool, MeanPool
from deep3.compiler.network.network import Network
from deep3.hdl.contract.config import EngineConfig
from deep3.hdl.contract.program import Function
from deep3.host.board.board import Board
from deep3.sim.golden.engine.engine import Engine
from deep3.sim.golden.port import GoldenPort

__all__ = ["BATCH", "CONFIG", "NETWORK", "data", "expected"]

CONFIG = EngineConfig(
    rows=4, columns=4, activation_bank_words=2048, weight_bank_words=1024, error_bank_words=1024, convolution=True
)
NETWORK = Network(
    (3, 12, 12),
    (
        Convolution(12, (3, 3), function=Function.RELU), MaxPool((2, 2), (2, 2)),
        Convolution(20, (3, 3), padding=(1, 1), function=Function.TANH), MeanPool((3, 3), (2, 2)), Flatten(),
        Dense(60, Function.SIGMOID), Dense(10),
    ),
)  # fmt: skip
"""More words of weights than a half of the engine's memory; 7,970 in all for 4,096."""
BATCH = 3


def data(seed: int, count: int) -> tuple[list[np.ndarray], np.ndarray]:
    rng = np.random.default_rng(seed)
    weights = [rng.integers(-1500, 1500, shape).astype(np.int16) for shape in NETWORK.weight_shapes]
    return weights, rng.integers(-4096, 4096, (count, NETWORK.inputs)).astype(np.int16)


def expected(weights: list[np.ndarray], samples: np.ndarray) -> np.ndarray:
    """Of an engine that is large enough."""
    large = replace(CONFIG, weight_bank_words=8192, activation_bank_words=8192, error_bank_words=8192, max_layers=16)
    board = Board(GoldenPort(Engine(large)), large)
    board.load(lower(NETWORK, large, BATCH, 1))
    board.write_weights(weights)
    return board.logits(samples)
