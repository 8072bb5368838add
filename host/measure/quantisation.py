"""What the engine's formats do to a model: its tensors of one batch, on the golden engine and in floating point."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from deep3.compiler.layout import Layout
from deep3.compiler.lowering import Lowered, lower
from deep3.compiler.network import reference
from deep3.compiler.network.layers import Dropout
from deep3.compiler.network.network import Network
from deep3.compiler.steps import Readout, Step
from deep3.compiler.tensors import DoesNotFit
from deep3.cost_model.engine_choice import layouts
from deep3.errors import Deep3Error
from deep3.hdl.contract.config import LIMITS, EngineConfig
from deep3.hdl.contract.fixed_point import saturate_q3_12
from deep3.hdl.contract.program import Loss, Space
from deep3.host.board.board import Board
from deep3.host.board.port import Port
from deep3.sim.golden.engine.engine import Engine
from deep3.sim.golden.port import GoldenPort

__all__ = ["QuantisationError", "Quantised", "Tensor", "quantised_tensors"]

Floats = NDArray[np.floating]
Words = NDArray[np.int16]

FRACTION_BITS = {"Q3.12": 12, "Q7.8": 8, "Q1.14": 14}
RATE = 0.01
"""Of the one batch that is trained for its errors, which do not depend on it."""
BUFFERS = 2


class QuantisationError(Deep3Error):
    """A model that the golden engine cannot hold."""


@dataclass(frozen=True)
class Tensor:
    """A tensor as floating point has it and as the engine does.

    Attributes
    ----------
    kind
        inputs, weights, activations, logits or errors.
    layer
        Its number in the model from 1 on, dropout not counted; 0 for the inputs.
    format
        A key of `FRACTION_BITS`.
    exact
        Values in floating point.
    words
        The engine's, of the same shape.
    position_bits
        Low bits of the words that hold the place of a maximum in its window.
    """

    kind: str
    layer: int
    format: str
    exact: Floats
    words: Words
    position_bits: int = 0

    @property
    def name(self) -> str:
        """Kind and layer."""
        return f"{self.kind} {self.layer}" if self.layer else self.kind

    @property
    def step(self) -> float:
        """Between neighbouring numbers of the format."""
        return float(2.0 ** -FRACTION_BITS[self.format])

    @property
    def limit(self) -> float:
        """Numbers of the format lie below it, and not below its negative."""
        return self.step * 32768

    @property
    def differences(self) -> Floats:
        """What the engine has, less what floating point has."""
        return self.words * self.step - self.exact

    @property
    def clipped(self) -> int:
        """Values at an end of the format."""
        highest = 32767 & -(1 << self.position_bits)
        return int(np.count_nonzero((self.words >= highest) | (self.words == -32768)))

    @property
    def zeros(self) -> float:
        """Share of the engine's words that are 0."""
        return float(np.mean((self.words & -(1 << self.position_bits)) == 0))

    @property
    def lost(self) -> float:
        """Share of values that are not 0, but nearer to it than half a step."""
        return float(np.mean((self.exact != 0) & (np.abs(self.exact) < self.step / 2)))

    @property
    def relative_error(self) -> float | None:
        """Root of the mean square difference over that of the values; None where all values are 0."""
        size = float(np.sqrt(np.mean(np.square(self.exact))))
        return float(np.sqrt(np.mean(np.square(self.differences)))) / size if size else None

    @property
    def worst_error(self) -> float:
        """The largest difference."""
        return float(np.abs(self.differences).max())

    @property
    def magnitudes(self) -> tuple[float, float, float] | None:
        """The first and the last percent of the magnitudes that are not 0, and the largest; None where all are 0."""
        sizes = np.abs(self.exact[self.exact != 0])
        if not len(sizes):
            return None
        low, high = np.percentile(sizes, [1, 99])
        return float(low), float(high), float(sizes.max())


@dataclass(frozen=True)
class Quantised:
    """Tensors of a model with some of the data; ``scaled`` where samples beyond Q3.12 had to be."""

    model: str
    data: str
    scaled: bool
    tensors: list[Tensor]


def quantised_tensors(
    network: Network, weights: Sequence[Floats], samples: Floats, labels: NDArray[np.int64] | None
) -> list[Tensor]:
    """Inputs, weights, activations, logits and, where there are ``labels``, errors of one batch.

    Dropout is off.

    Parameters
    ----------
    weights
        A matrix for each layer that has weights, see `compiler.network.reference.outputs`.
    samples
        ``samples x values``, which are one batch.

    Raises
    ------
    QuantisationError
        When no engine holds the network in such a batch.
    """
    network = replace(network, layers=tuple(layer for layer in network.layers if not isinstance(layer, Dropout)))
    lowered = _lowered(network, len(samples))
    layout = lowered.layout
    inputs, _ = saturate_q3_12(samples)
    rounded = [saturate_q3_12(matrix)[0] for matrix in weights]
    values = reference.activations(network, weights, samples)
    found = [Tensor("inputs", 0, "Q3.12", samples, inputs)]
    found += [
        Tensor("weights", layer + 1, "Q3.12", matrix, words)
        for layer, matrix, words in zip(network.trained, weights, rounded, strict=True)
    ]
    with Board(GoldenPort(Engine(layout.config)), layout.config) as board:
        board.load(lowered)
        board.write_weights(rounded)
        logits = board.logits(inputs)
        found += _activations(layout, board.port, values)
        format = "Q7.8" if network.loss is Loss.SOFTMAX else "Q3.12"
        found.append(Tensor("logits", len(network.layers), format, values[-1], logits))
        if labels is not None:
            board.train(inputs[np.newaxis], labels[np.newaxis], RATE, seed=1)
            found += _errors(layout, board.port, reference.errors(network, weights, values, labels), values)
    return found


def _lowered(network: Network, batch: int) -> Lowered:
    like = EngineConfig(max_layers=LIMITS["max_layers"].high, max_classes=LIMITS["max_classes"].high)
    try:
        layout = next(layouts(network, like, batch, BUFFERS))
        return lower(network, layout.config, batch, BUFFERS)
    except (DoesNotFit, ValueError) as error:
        raise QuantisationError(f"a batch of {batch} samples on the golden engine: {error}; fewer take less") from None


def _activations(layout: Layout, port: Port, values: Sequence[Floats]) -> Iterator[Tensor]:
    """What each step but the last writes."""
    for step, tensor in zip(layout.steps, layout.hidden, strict=False):
        words = tensor.take(port.read(Space.ACTIVATION, tensor.base, tensor.words).view(np.int16))
        last = _last_layer(step)
        exact = values[last + 1].reshape(words.shape)
        yield Tensor("activations", last + 1, "Q3.12", exact, words.copy(), step.position_bits)


def _errors(
    layout: Layout, port: Port, errors: dict[int, Floats], values: Sequence[Floats]
) -> Iterator[Tensor]:
    """Of what each step writes, before its function, from the last to the first with weights."""
    pairs = list(zip(layout.steps[layout.first :], layout.errors, strict=True))
    for step, tensor in reversed(pairs):
        if isinstance(step.operation, Readout):
            # The same values as those of the layer before.
            continue
        words = tensor.take(port.read(Space.ERROR, tensor.base, tensor.words).view(np.int16))
        last = _last_layer(step)
        exact = errors[last]
        if step.pool is not None:
            # Maxima are taken behind the function: its slope is that of the largest value.
            exact = exact * reference.slope(values[last + 1], step.function)
        clear = words & -(1 << step.position_bits)
        yield Tensor("errors", last + 1, "Q1.14", exact.reshape(words.shape), clear.astype(np.int16))


def _last_layer(step: Step) -> int:
    """The layer whose values a step writes."""
    return step.layer if step.pool is None else step.layer + 1
