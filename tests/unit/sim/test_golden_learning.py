"""Training in 16-bit fixed point reaches what float32 reaches, on the digits that come with scikit-learn."""

from itertools import pairwise

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits

from deep3.compiler.lowering import lower, quantise_rate
from deep3.compiler.network.network import Network
from deep3.hdl.contract.config import EngineConfig
from deep3.hdl.contract.program import Function, Loss, Space
from deep3.sim.golden.engine.engine import Engine

BATCH, BUFFERS, EPOCHS, TRAIN = 50, 7, 12, 1400
RATES = {Loss.SOFTMAX: 0.3, Loss.MSE: 0.1}
FLOAT_FUNCTIONS = {Function.TANH: torch.tanh, Function.RELU: torch.relu, Function.SIGMOID: torch.sigmoid}


def digits() -> tuple[np.ndarray, np.ndarray]:
    """Shuffled digits, pixels in [-1, 1]."""
    images, labels = load_digits(return_X_y=True)
    order = np.random.default_rng(0).permutation(len(images))
    return (images[order] / 8 - 1).astype(np.float32), labels[order]


def initial_weights(sizes: tuple[int, ...]) -> list[tuple[np.ndarray, np.ndarray]]:
    """Multiples of 2^-12, so that both start from the same network."""
    rng = np.random.default_rng(1)
    shapes = [(after, before) for before, after in pairwise(sizes)]
    scaled = [rng.uniform(-1, 1, shape) / np.sqrt(shape[1]) for shape in shapes]
    return [(np.round(w * 4096).astype(np.int16), np.zeros(len(w), np.int16)) for w in scaled]


def batches() -> list[np.ndarray]:
    rng = np.random.default_rng(2)
    return [rng.permutation(TRAIN).reshape(-1, BATCH) for _ in range(EPOCHS)]


def fixed_accuracy(network: Network) -> float:
    images, labels = digits()
    words = np.round(images * 4096).astype(np.int16)
    lowered = lower(network, EngineConfig(), BATCH, BUFFERS)
    layout, engine = lowered.layout, Engine(EngineConfig())
    engine.write(Space.PROGRAM, 0, lowered.image())
    engine.write(Space.ACTIVATION, 0, layout.borders().view(np.uint16))
    engine.write(Space.WEIGHT, 0, layout.pack_weights(initial_weights(network.sizes)).view(np.uint16))
    rate = quantise_rate(RATES[network.loss], BATCH)
    for epoch, order in enumerate(batches()):
        for buffers in order.reshape(-1, BUFFERS, BATCH):
            load(engine, layout.inputs.base, layout.padded_inputs(words[buffers]), labels[buffers])
            seed = 11 if epoch == 0 else 0
            engine.start(lowered.training.start(layout, len(buffers), rate, seed=seed))
    test = words[TRAIN : TRAIN + 350].reshape(BUFFERS, BATCH, -1)
    load(engine, layout.inputs.base, layout.padded_inputs(test), np.zeros(350))
    engine.start(lowered.classify.start(layout, BUFFERS))
    return float((engine.read(Space.LABEL, 0, 350) == labels[TRAIN : TRAIN + 350]).mean())


def load(engine: Engine, base: int, samples: np.ndarray, labels: np.ndarray) -> None:
    engine.write(Space.ACTIVATION, base, samples.view(np.uint16).ravel())
    engine.write(Space.LABEL, 0, labels.astype(np.uint16).ravel())


def float_accuracy(network: Network) -> float:
    images, labels = digits()
    x, y = torch.from_numpy(images), torch.from_numpy(labels)
    pairs = initial_weights(network.sizes)
    parameters = [torch.tensor(p / 4096, dtype=torch.float32, requires_grad=True) for pair in pairs for p in pair]

    def outputs(samples: torch.Tensor) -> torch.Tensor:
        for layer, function in enumerate(network.functions):
            samples = samples @ parameters[2 * layer].T + parameters[2 * layer + 1]
            samples = FLOAT_FUNCTIONS[function](samples) if function is not Function.IDENTITY else samples
        return samples

    for order in batches():
        for batch in order:
            if network.loss is Loss.SOFTMAX:
                loss = torch.nn.functional.cross_entropy(outputs(x[batch]), y[batch])
            else:
                target = torch.nn.functional.one_hot(y[batch], network.classes)
                loss = 0.5 * (outputs(x[batch]) - target).square().sum() / BATCH
            gradients = torch.autograd.grad(loss, parameters)
            with torch.no_grad():
                for parameter, gradient in zip(parameters, gradients, strict=True):
                    parameter -= RATES[network.loss] * gradient
    found = outputs(x[TRAIN : TRAIN + 350]).argmax(dim=1)
    return float((found == y[TRAIN : TRAIN + 350]).float().mean())


@pytest.mark.parametrize(
    ("function", "loss"),
    [
        (Function.TANH, Loss.SOFTMAX),
        (Function.RELU, Loss.SOFTMAX),
        (Function.SIGMOID, Loss.SOFTMAX),
        (Function.TANH, Loss.MSE),
    ],
)
def test_fixed_point_learns_like_float32(function: Function, loss: Loss) -> None:
    network = Network.uniform((64, 24, 10), function, loss)
    fixed, real = fixed_accuracy(network), float_accuracy(network)
    assert fixed > 0.9
    assert abs(fixed - real) <= 0.01
