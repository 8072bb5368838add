"""Seeded random engines, networks and data: sizes that do not divide the array, one-neuron layers, saturation; with
convolution, windows of any size, stride and padding."""

import random
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from deep3.compiler.layout import DoesNotFit
from deep3.compiler.lowering import Lowered, lower, quantise_rate
from deep3.compiler.network.layers import Convolution, Dense, Dropout, Flatten, Layer, MaxPool, MeanPool, Shape
from deep3.compiler.network.network import Network
from deep3.compiler.optimisers.optimiser import SGD, Adagrad, Momentum, Optimiser, Sgd
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
        (weights [outputs, inputs], bias [outputs]) of each layer with weights, Q3.12.
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

    @property
    def weights_image(self) -> NDArray[np.int16]:
        """W from address 0: weights, constants, and the state of an optimiser, which begins at 0."""
        return self.lowered.layout.initial_weights(self.parameters)


def random_config(rng: random.Random, most: int = 13, convolution: bool = False) -> EngineConfig:
    """An engine of any shape up to ``most`` x ``most`` with small memories."""
    config = EngineConfig(
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
        max_layers=6 if not convolution else 12,
        convolution=convolution,
        dropout=convolution and rng.random() < 0.5,
    )
    return replace(config, adagrad=convolution and config.activation_entries > 64 and rng.random() < 0.5)


def random_case(rng: random.Random, config: EngineConfig) -> Case:
    """A network that fits ``config``, with data; every few cases saturate somewhere."""
    while True:
        batch = rng.choice((1, 2, 3, rng.randint(1, 20)))
        buffers = rng.randint(1, 3)
        try:
            lowered = lower(_random_network(rng, config), config, batch, buffers, _random_optimiser(rng, config))
        except DoesNotFit:
            continue
        break
    network = lowered.layout.network
    values = np.random.default_rng(rng.getrandbits(64))
    scale = rng.choice((0.1, 0.5, 1.0, 8.0))
    parameters = []
    for outputs, columns in network.weight_shapes:
        weights = _words(values, (outputs, columns - 1), scale)
        parameters.append((weights, _words(values, (outputs,), scale)))
    resident = rng.random() < 0.5
    batches = rng.randint(1, buffers) if resident else rng.randint(1, 6)
    optimiser = lowered.layout.optimiser
    learning_rate = rng.choice((0.01, 0.1, 0.9)) * min(1.0, 0.9 * optimiser.rate_divisor(batch))
    return Case(
        lowered=lowered,
        parameters=parameters,
        samples=_words(values, (batches, batch, network.inputs), rng.choice((0.5, 2.0, 8.0))),
        labels=values.integers(0, network.classes, (batches, batch)).astype(np.uint16),
        rate=quantise_rate(learning_rate, batch, optimiser),
        resident=resident,
        seed=rng.getrandbits(32),
    )


def _random_optimiser(rng: random.Random, config: EngineConfig) -> Optimiser:
    if not config.convolution:
        return SGD
    decay = rng.choice((0.0, rng.uniform(0.001, 0.05)))
    if rng.random() < 0.5:
        return Sgd(weight_decay=decay)
    if config.adagrad and rng.random() < 0.5:
        return Adagrad(weight_decay=decay)
    return Momentum(rng.choice((0.5, 0.9, rng.uniform(0.001, 0.999))), weight_decay=decay)


def _random_network(rng: random.Random, config: EngineConfig) -> Network:
    loss = rng.choice((Loss.SOFTMAX, Loss.SOFTMAX, Loss.MSE))
    if config.convolution:
        return _random_maps(rng, config, loss)
    hidden = [rng.choice((1, rng.randint(1, 40))) for _ in range(rng.randint(0, 3))]
    sizes = (rng.choice((1, rng.randint(1, 60))), *hidden, rng.randint(2, config.max_classes))
    functions = (*(rng.choice(list(Function)) for _ in hidden), Function.IDENTITY)
    return Network.dense(sizes, functions, loss)


def _random_maps(rng: random.Random, config: EngineConfig, loss: Loss) -> Network:
    """One to three layers over maps, with or without a hidden layer behind."""
    shape: Shape = (rng.randint(1, 4), rng.randint(1, 10), rng.randint(1, 10))
    first = shape
    layers: list[Layer] = []
    for _ in range(rng.randint(1, 3)):
        kinds = rng.choice(((_random_convolution,), (_random_convolution, _random_pool), (_random_pool,)))
        for kind in kinds:
            layers.append(kind(rng, shape))
            shape = layers[-1].output_shape(shape)
            _perhaps_drop(rng, config, layers)
    layers.append(Flatten())
    if rng.random() < 0.5:
        layers.append(Dense(rng.randint(1, 12), rng.choice(list(Function))))
        _perhaps_drop(rng, config, layers)
    layers.append(Dense(rng.randint(2, config.max_classes)))
    return Network(first, tuple(layers), loss)


def _perhaps_drop(rng: random.Random, config: EngineConfig, layers: list[Layer]) -> None:
    if config.dropout and rng.random() < 0.3:
        layers.append(Dropout(rng.choice((0.25, 0.5, rng.uniform(0.01, 0.99)))))


def _random_convolution(rng: random.Random, shape: Shape) -> Layer:
    padding = (rng.randint(0, 3), rng.randint(0, 3))
    _, height, width = shape
    kernel = rng.randint(1, min(5, height + 2 * padding[0])), rng.randint(1, min(5, width + 2 * padding[1]))
    stride = rng.choice(((1, 1), (rng.randint(1, 4), rng.randint(1, 4))))
    return Convolution(rng.randint(1, 9), kernel, stride, padding, rng.choice(list(Function)))


def _random_pool(rng: random.Random, shape: Shape) -> Layer:
    """Half of them tile the maps; others overlap, leave gaps, have a padding or reach beyond."""
    _, height, width = shape
    if rng.random() < 0.5:
        tile = min(2, height), min(2, width)
        return MaxPool(tile, tile)
    kernel = rng.randint(1, min(4, height)), rng.randint(1, min(4, width))
    padding = rng.randint(0, kernel[0] // 2), rng.randint(0, kernel[1] // 2)
    stride = (rng.randint(1, 4), rng.randint(1, 4))
    if rng.random() < 0.5:
        return MaxPool(kernel, stride, padding, rng.random() < 0.5)
    return MeanPool(kernel, stride, padding, rng.random() < 0.5, rng.choice(list(Function)))


def _words(values: np.random.Generator, shape: tuple[int, ...], scale: float) -> NDArray[np.int16]:
    """Normal with standard deviation ``scale``, in Q3.12, clipped to its range."""
    return np.clip(np.round(values.normal(0, scale, shape) * 4096), -32768, 32767).astype(np.int16)
