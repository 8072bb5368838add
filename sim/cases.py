"""Seeded random engines, networks and data: sizes that do not divide the array, one-neuron layers, saturation."""

import random
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from deep3.compiler.layout import DoesNotFit
from deep3.compiler.lowering import Lowered, lower, quantise_rate
from deep3.compiler.network.network import Network
from deep3.hdl.contract.config import EngineConfig
from deep3.hdl.contract.program import Function, Loss

__all__ = ["Case", "random_case", "random_config"]


@dataclass(frozen=True)
class Case:
    """A training run.

    Attributes
    ----------
    lowered
        Programs and layout.
    parameters
        (weights [outputs, inputs], bias [outputs]) of each layer, Q3.12.
    samples
        [batches, batch, features], Q3.12.
    labels
        [batches, batch].
    rate
        As from `quantise_rate`.
    resident
        All batches lie in the input buffers before START; otherwise they are committed while the run is on.
    seed
        Of the random words.
    """

    lowered: Lowered
    parameters: list[tuple[NDArray[np.int16], NDArray[np.int16]]]
    samples: NDArray[np.int16]
    labels: NDArray[np.uint16]
    rate: tuple[int, int]
    resident: bool
    seed: int


def random_config(rng: random.Random, most: int = 13) -> EngineConfig:
    """An engine of any shape up to ``most`` x ``most`` with small memories."""
    return EngineConfig(
        rows=rng.randint(2, most),
        columns=rng.randint(2, most),
        activation_bank_words=1024 * rng.randint(1, 3),
        weight_bank_words=1024,
        error_bank_words=1024,
        label_words=rng.choice((64, 256)),
        accumulator_words=rng.choice((16, 32, 128)),
        activation_entries=rng.choice((64, 256, 512, 2048)),
        exponential_entries=rng.choice((16, 64, 256)),
        max_classes=16,
        max_layers=6,
    )


def random_case(rng: random.Random, config: EngineConfig) -> Case:
    """A network that fits ``config``, with data; every few cases saturate somewhere."""
    while True:
        batch = rng.choice((1, 2, 3, rng.randint(1, 20)))
        buffers = rng.randint(1, 3)
        try:
            lowered = lower(_random_network(rng, config), config, batch, buffers)
        except DoesNotFit:
            continue
        break
    network = lowered.layout.network
    values = np.random.default_rng(rng.getrandbits(64))
    scale = rng.choice((0.1, 0.5, 1.0, 8.0))
    parameters = []
    for inputs, outputs in zip(network.sizes, network.sizes[1:], strict=False):
        weights = _words(values, (outputs, inputs), scale)
        parameters.append((weights, _words(values, (outputs,), scale)))
    resident = rng.random() < 0.5
    batches = rng.randint(1, buffers) if resident else rng.randint(1, 6)
    learning_rate = rng.choice((0.01, 0.1, 0.9)) * min(1.0, 0.9 * batch)
    return Case(
        lowered=lowered,
        parameters=parameters,
        samples=_words(values, (batches, batch, network.inputs), rng.choice((0.5, 2.0, 8.0))),
        labels=values.integers(0, network.classes, (batches, batch)).astype(np.uint16),
        rate=quantise_rate(learning_rate, batch),
        resident=resident,
        seed=rng.getrandbits(32),
    )


def _random_network(rng: random.Random, config: EngineConfig) -> Network:
    hidden = [rng.choice((1, rng.randint(1, 40))) for _ in range(rng.randint(0, 3))]
    sizes = (rng.choice((1, rng.randint(1, 60))), *hidden, rng.randint(2, config.max_classes))
    functions = (*(rng.choice(list(Function)) for _ in hidden), Function.IDENTITY)
    return Network.dense(sizes, functions, rng.choice((Loss.SOFTMAX, Loss.SOFTMAX, Loss.MSE)))


def _words(values: np.random.Generator, shape: tuple[int, ...], scale: float) -> NDArray[np.int16]:
    """Normal with standard deviation ``scale``, in Q3.12, clipped to its range."""
    return np.clip(np.round(values.normal(0, scale, shape) * 4096), -32768, 32767).astype(np.int16)
