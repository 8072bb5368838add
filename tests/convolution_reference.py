"""Networks with convolution and pooling in the arithmetic of docs/engine.md, computed directly with NumPy on int64
[sample, channel, y, x]: no code of the golden model and none of the schedules."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from itertools import product

import numpy as np
from dense_reference import activation, mse_errors, slope, softmax_errors
from numpy.typing import NDArray

from deep3.compiler.network.layers import Convolution, Dense, Dropout, Layer, MaxPool, MeanPool
from deep3.compiler.network.network import Network
from deep3.hdl.contract.config import EngineConfig
from deep3.hdl.contract.program import Function, Loss

Integers = NDArray[np.int64]
Windowed = Convolution | MaxPool | MeanPool

SMALLEST = -32768


@cache
def activations(function: Function, entries: int) -> Integers:
    """By y + 32768."""
    return np.array([activation(y, function, entries) for y in range(-32768, 32768)], np.int64)


@cache
def slopes(function: Function, entries: int) -> Integers:
    """By h + 32768."""
    return np.array([slope(h, function, entries) for h in range(-32768, 32768)], np.int64)


def saturate(values: Integers, bits: int) -> Integers:
    limit = 1 << (bits - 1)
    return np.clip(values, -limit, limit - 1)


def wrap(values: Integers) -> Integers:
    return (values + (1 << 39)) % (1 << 40) - (1 << 39)


def position_bits(pool: MaxPool | None) -> int:
    positions = pool.kernel[0] * pool.kernel[1] if pool else 1
    return 0 if positions == 1 else 2 if positions <= 4 else 4


def without_positions(values: Integers, bits: int) -> Integers:
    return values >> bits << bits


@dataclass
class Stored:
    """What the engine computes at once: a layer, perhaps with the pool behind it; and what it keeps of it.

    ``before`` and ``behind`` are the values read and written; with ``dropping`` some of these may be dropped.
    """

    layer: Layer
    matrix: int | None
    pool: MaxPool | None
    before: Integers = field(default_factory=lambda: np.zeros(0, np.int64))
    behind: Integers = field(default_factory=lambda: np.zeros(0, np.int64))
    dropping: bool = False

    @property
    def function(self) -> Function:
        return Function.IDENTITY if isinstance(self.layer, MaxPool) else self.layer.function  # type: ignore[union-attr]

    @property
    def bits(self) -> int:
        return position_bits(self.layer if isinstance(self.layer, MaxPool) else self.pool)


@dataclass
class Direct:
    """A network in fixed point; ``weights`` are those of the network, the bias last. Pools of the layers whose numbers
    are in ``at_once`` keep no results of the convolution before them."""

    network: Network
    config: EngineConfig
    weights: list[Integers]
    at_once: frozenset[int]

    def forward(self, samples: Integers, drops: Mapping[int, NDArray[np.bool_]] | None = None) -> list[Stored]:
        """All that is stored; the last holds the outputs. Of what has this number, dropout drops ``drops``."""
        found: list[Stored] = []
        values = samples.reshape(-1, *self.network.input_shape).astype(np.int64)
        matrices = iter(range(len(self.weights)))
        computing = [n for n, layer in enumerate(self.network.layers) if isinstance(layer, Dense | Windowed)]
        for number, layer in enumerate(self.network.layers):
            if number in self.at_once:
                assert isinstance(layer, MaxPool)
                values = self._max(layer, values)
                found[-1].pool, found[-1].behind = layer, values
            elif number in computing:
                matrix = next(matrices) if isinstance(layer, Dense | Convolution) else None
                stored = Stored(layer, matrix, None, values)
                logits = number == computing[-1] and isinstance(layer, Dense) and self.network.loss is Loss.SOFTMAX
                values = self._layer(stored, logits)
                stored.behind = values
                found.append(stored)
            elif isinstance(layer, Dropout):
                if drops is not None and layer.probability:
                    here = found[-1]
                    values = np.where(drops[len(found) - 1].reshape(values.shape), 0, values)
                    here.behind, here.dropping = values.reshape(here.behind.shape), True
            else:
                values = values.reshape(len(values), -1)
        if not isinstance(found[-1].layer, Dense):
            # The last maps are read once more.
            outputs = values.reshape(len(values), -1)
            last = Stored(Dense(outputs.shape[1]), None, None, outputs)
            last.behind = self._forward_lane(4096 * outputs, Function.IDENTITY, self.network.loss is Loss.SOFTMAX)
            found.append(last)
        return found

    def _layer(self, stored: Stored, logits: bool) -> Integers:
        layer, x = stored.layer, stored.before
        if isinstance(layer, MaxPool):
            return self._max(layer, x)
        if isinstance(layer, Dense):
            matrix = self.weights[stored.matrix or 0]
            sums = x.reshape(len(x), -1) @ matrix[:, :-1].T + 4096 * matrix[:, -1]
        elif isinstance(layer, Convolution):
            matrix = self.weights[stored.matrix or 0]
            kernels = matrix[:, :-1].reshape(layer.maps, x.shape[1], *layer.kernel)
            windows = seen(layer, x, 0)
            sums = sum(np.einsum("oc,bchw->bohw", kernels[:, :, ky, kx], v) for (ky, kx), v in windows)
            sums = sums + 4096 * matrix[:, -1][:, None, None]
        else:
            assert isinstance(layer, MeanPool)
            sums = sum(v for _, v in seen(layer, x, 0)) * shares(layer, x)
        return self._forward_lane(wrap(sums), stored.function, logits)

    def _forward_lane(self, sums: Integers, function: Function, logits: bool) -> Integers:
        y = saturate((saturate(sums >> (15 if logits else 11), 18) + 1) >> 1, 16)
        return y if logits else activations(function, self.config.activation_entries)[y + 32768]

    @staticmethod
    def _max(layer: MaxPool, x: Integers) -> Integers:
        windows = np.stack([v for _, v in seen(layer, x, SMALLEST)])
        bits = position_bits(layer)
        first = np.argmax(windows, axis=0)
        largest = np.max(windows, axis=0)
        return without_positions(largest, bits) | first if bits else largest

    def errors(self, outputs: Integers, labels: Integers) -> Integers:
        """Of the outputs."""
        pairs = [(row.tolist(), int(label)) for row, label in zip(outputs, labels, strict=True)]
        if self.network.loss is Loss.SOFTMAX:
            return np.array([softmax_errors(r, label, self.config.exponential_entries) for r, label in pairs], np.int64)
        return np.array([mse_errors(r, label) for r, label in pairs], np.int64)

    def sums(self, stored: list[Stored], labels: Integers) -> list[Integers]:
        """Sums of the gradients of all matrices."""
        error = self.errors(stored[-1].behind.reshape(len(labels), -1), labels).reshape(stored[-1].behind.shape)
        first = next(number for number, each in enumerate(stored) if each.matrix is not None)
        found: list[Integers] = []
        for number in reversed(range(first, len(stored))):
            here = stored[number]
            spread = self._spread(here, error)
            if here.matrix is not None:
                found.append(wrap(self._gradient(here, spread)))
            if number > first:
                below = wrap(self._below(here, spread)).reshape(here.before.shape)
                error = self._backward_lane(below, here.before, stored[number - 1])
                error = error.reshape(stored[number - 1].behind.shape)
        return found[::-1]

    def _spread(self, here: Stored, error: Integers) -> Integers:
        """Errors of a pooled convolution where its results were."""
        if here.pool is None or here.bits == 0:
            return error
        assert isinstance(here.layer, Convolution)
        shape = here.layer.output_shape(here.before.shape[1:])
        whole = np.zeros((len(error), *shape), np.int64)
        return spread(here.pool, error, here.bits, whole)

    def _gradient(self, here: Stored, error: Integers) -> Integers:
        if isinstance(here.layer, Dense):
            sums = error.T @ here.before.reshape(len(error), -1)
            return np.concatenate([sums, 4096 * error.sum(axis=0)[:, None]], axis=1)
        assert isinstance(here.layer, Convolution)
        taps = [np.einsum("bohw,bchw->oc", error, v) for _, v in seen(here.layer, here.before, 0)]
        weights = np.stack(taps, axis=2).reshape(here.layer.maps, -1)
        return np.concatenate([weights, 4096 * error.sum(axis=(0, 2, 3))[:, None]], axis=1)

    def _below(self, here: Stored, error: Integers) -> Integers:
        """Sums of the errors of what was read."""
        layer, x = here.layer, here.before
        if isinstance(layer, Dense) and here.matrix is None:
            return 4096 * error
        if isinstance(layer, Dense):
            return error @ self.weights[here.matrix or 0][:, :-1]
        if isinstance(layer, MaxPool):
            if not here.bits:
                return 4096 * scatter(layer, x, lambda ky, kx: error)
            return 4096 * spread(layer, error, here.bits, np.zeros_like(x))
        if isinstance(layer, MeanPool):
            return scatter(layer, x, lambda ky, kx: error * shares(layer, x))
        assert isinstance(layer, Convolution)
        kernels = self.weights[here.matrix or 0][:, :-1].reshape(layer.maps, x.shape[1], *layer.kernel)
        return scatter(layer, x, lambda ky, kx: np.einsum("oc,bohw->bchw", kernels[:, :, ky, kx], error))

    def _backward_lane(self, sums: Integers, h: Integers, before: Stored) -> Integers:
        bits = before.bits
        factor = slopes(before.function, self.config.activation_entries)[without_positions(h, bits) + 32768]
        if before.dropping:
            factor = np.where(without_positions(h, bits) == 0, 0, factor)
        error = saturate((saturate(sums >> 10, 18) * factor + (32768 << bits)) >> 16, 16)
        return without_positions(error, bits) | (h & ((1 << bits) - 1))

    def update(self, sums: list[Integers], random: list[Integers], rate: tuple[int, int]) -> None:
        """New weights, with a random word for each."""
        for number, (each, words) in enumerate(zip(sums, random, strict=True)):
            steps = ((saturate(each >> 14, 18) * rate[0] >> (4 * rate[1])) + words) >> 16
            self.weights[number] = saturate(self.weights[number] - steps, 16)


def around(layer: Windowed, x: Integers, value: int) -> Integers:
    """``x`` with its padding, and as far as windows reach."""
    sizes = layer.output_shape(x.shape[1:])[1:]
    sides = []
    for size, windows, kernel, stride, padding in zip(
        x.shape[2:], sizes, layer.kernel, layer.stride, layer.padding, strict=True
    ):
        sides.append((padding, max(padding, (windows - 1) * stride + kernel - padding - size)))
    return np.pad(x, ((0, 0), (0, 0), *sides), constant_values=value)


def views(layer: Windowed, wide: Integers, shape: tuple[int, ...]) -> list[tuple[tuple[int, int], Integers]]:
    """For each place (ky, kx) what all windows have there, from maps of a shape as `around` gives them."""
    height, width = layer.output_shape(shape)[1:]
    down, across = layer.stride
    return [
        ((y, x), wide[:, :, y : y + (height - 1) * down + 1 : down, x : x + (width - 1) * across + 1 : across])
        for y, x in product(range(layer.kernel[0]), range(layer.kernel[1]))
    ]


def seen(layer: Windowed, x: Integers, value: int) -> list[tuple[tuple[int, int], Integers]]:
    return views(layer, around(layer, x, value), x.shape[1:])


def scatter(layer: Windowed, x: Integers, part: object) -> Integers:
    """To every value of ``x`` what ``part(ky, kx)`` gives for the windows that have it there."""
    wide = around(layer, np.zeros_like(x), 0)
    for place, view in views(layer, wide, x.shape[1:]):
        view += part(*place)  # type: ignore[operator]
    top, left = layer.padding
    return wide[:, :, top : top + x.shape[2], left : left + x.shape[3]]


def spread(pool: MaxPool, error: Integers, bits: int, whole: Integers) -> Integers:
    """Errors at the positions that their low bits name."""
    clear, width = without_positions(error, bits), pool.kernel[1]
    return scatter(pool, whole, lambda ky, kx: np.where(error - clear == ky * width + kx, clear, 0))


def shares(layer: MeanPool, x: Integers) -> Integers:
    """One over the size of each window, in Q3.12."""
    sizes = []
    for there, windows, kernel, stride, padding in zip(
        x.shape[2:], layer.output_shape(x.shape[1:])[1:], layer.kernel, layer.stride, layer.padding, strict=True
    ):
        begins = [window * stride - padding for window in range(windows)]
        sizes.append([min(begin + kernel, there + padding) - begin for begin in begins])
    return np.array([[round(4096 / (a * b)) for b in sizes[1]] for a in sizes[0]], np.int64)
