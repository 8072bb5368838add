"""The arithmetic of docs/engine.md once more, on Python integers, one scalar at a time: no code of the golden model."""

import math
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from deep3.compiler.lowering import Orientation, Phase
from deep3.compiler.network.network import Network
from deep3.hdl.contract.config import EngineConfig
from deep3.hdl.contract.program import Function, Loss, Mode

Integers = NDArray[np.int64]


@dataclass
class Clips:
    """Counts the lanes that were clipped."""

    count: int = 0
    seen: bool = False

    def saturate(self, value: int, bits: int) -> int:
        limit = 1 << (bits - 1)
        clipped = max(-limit, min(limit - 1, value))
        self.seen |= clipped != value
        return clipped

    def end_lane(self) -> None:
        self.count += self.seen
        self.seen = False


def nearest(value: float) -> int:
    return math.floor(value + 0.5)


def activation(y: int, function: Function, entries: int) -> int:
    if function is Function.RELU:
        return max(y, 0)
    if function is Function.IDENTITY:
        return y
    step = 32768 // entries * (2 if function is Function.SIGMOID else 1)
    index = min((abs(y) + step // 2) // step, entries - 1)
    table = nearest(4096 * math.tanh(8 * index / entries))
    odd = table if y >= 0 else -table
    return odd if function is Function.TANH else (4096 + odd + 1) // 2


def slope(h: int, function: Function, entries: int) -> int:
    if function is Function.IDENTITY:
        return 16384
    if function is Function.RELU:
        return 16384 if h > 0 else 0
    step = 4096 // (entries // 2)
    index = min((abs(h) + step // 2) // step, entries // 2 - 1)
    x = 2 * index / entries
    return nearest(16384 * (1 - x * x if function is Function.TANH else x * (1 - x)))


def root(s: int) -> int:
    """2^16 over the root of a sum of squares, of the middle of the step in which it lies."""
    size = min(abs(s), 32767)
    step = 1 if size < 64 else 8 if size < 512 else 64 if size < 4096 else 512
    middle = size // step * step + (step - 1) / 2
    return min(65535, nearest(65536 / math.sqrt(middle))) if middle else 65535


def exp2(t: int, entries: int) -> int:
    step = 256 // entries
    whole, fraction = divmod((max(-t, 0) + step // 2) // step, entries)
    return nearest(32768 * 2 ** (-fraction / entries)) >> whole if whole <= 15 else 0


def log2(s: int, entries: int) -> int:
    p = s.bit_length() - 1
    fraction = (s - (1 << p)) * entries >> p
    above = nearest(256 * math.log2(1 + (fraction + 0.5) / entries)) if fraction else 0
    return ((p - 15) << 8) + above


def softmax_errors(logits: list[int], label: int, entries: int) -> list[int]:
    t = [((z - max(logits)) * 1477 + 512) >> 10 for z in logits]
    logarithm = log2(sum(exp2(v, entries) for v in t), entries)
    probabilities = [min(2 * exp2(v - logarithm, entries), 65535) for v in t]
    return [(p - (65536 if o == label else 0) + 2) >> 2 for o, p in enumerate(probabilities)]


def mse_errors(outputs: list[int], label: int) -> list[int]:
    distances = [4 * (y - (4096 if o == label else 0)) for o, y in enumerate(outputs)]
    return [max(-32768, min(32767, distance)) for distance in distances]


@dataclass
class Randomness:
    """The LFSRs, stepped one bit at a time."""

    columns: int
    seed: int
    states: list[int] = field(init=False)

    def __post_init__(self) -> None:
        groups = (self.columns + 3) // 4
        self.states = [(self.seed ^ (group * 0x9E3779B9 % (1 << 32))) or 1 for group in range(groups)]

    def next_vector(self) -> list[int]:
        words = []
        for column in range(self.columns):
            bits = f"{self.states[column // 4]:032b}"
            rotation = 8 * (column % 4)
            words.append(int((bits[-rotation:] + bits[:-rotation])[-16:] if rotation else bits[-16:], 2))
        for _ in range(16):
            self.states = [(state >> 1) ^ (0x80200003 * (state & 1)) for state in self.states]
        return words


@dataclass
class Dense:
    """A network in fixed point, computed neuron by neuron.

    ``weights[l]`` is [outputs, inputs + 1], bias last.
    """

    network: Network
    config: EngineConfig
    weights: list[Integers]
    clips: Clips = field(default_factory=Clips)

    def forward(self, samples: Integers) -> list[Integers]:
        """Activations of the inputs and of every layer, each [samples, features]."""
        values = [samples]
        for layer, function in enumerate(self.network.functions):
            logits = layer == len(self.network.layers) - 1 and self.network.loss is Loss.SOFTMAX
            biased = np.concatenate([values[-1], np.full((len(samples), 1), 4096)], axis=1)
            sums = biased @ self.weights[layer].T
            values.append(self._lanes(sums, lambda s, b, o, f=function, q=logits: self._forward(s, f, q)))
        return values

    def _lanes(self, sums: Integers, lane: object) -> Integers:
        result = np.zeros_like(sums)
        for index in np.ndindex(sums.shape):
            result[index] = lane(int(sums[index]), *index)  # type: ignore[operator]
            self.clips.end_lane()
        return result

    def _forward(self, total: int, function: Function, logits: bool) -> int:
        window = self.clips.saturate(total >> (15 if logits else 11), 18)
        y = self.clips.saturate((window + 1) >> 1, 16)
        return y if logits else activation(y, function, self.config.activation_entries)

    def train(
        self,
        samples: Integers,
        labels: Integers,
        phases: tuple[Phase, ...],
        rate: tuple[int, int],
        random: Randomness,
    ) -> int:
        """One step; the order of the random words is that of ``phases``. Returns the samples that were right."""
        values = self.forward(samples)
        pairs = [(row.tolist(), int(label)) for row, label in zip(values[-1], labels, strict=True)]
        if self.network.loss is Loss.SOFTMAX:
            rows = [softmax_errors(row, label, self.config.exponential_entries) for row, label in pairs]
        else:
            rows = [mse_errors(row, label) for row, label in pairs]
        errors = np.array(rows, np.int64)
        for phase in phases:
            if phase.mode is Mode.BACKWARD:
                earlier = self._backward(errors, values[phase.layer], phase.layer)
            if phase.mode is Mode.UPDATE:
                self._update(errors, values[phase.layer], phase, rate, random)
                errors = earlier if phase.layer else errors
        return sum(row.index(max(row)) == label for row, label in pairs)

    def _backward(self, errors: Integers, h: Integers, layer: int) -> Integers:
        function, entries = self.network.functions[layer - 1], self.config.activation_entries
        sums = errors @ self.weights[layer][:, :-1]

        def lane(total: int, sample: int, neuron: int) -> int:
            window = self.clips.saturate(total >> 10, 18)
            product = window * slope(int(h[sample, neuron]), function, entries)
            return self.clips.saturate((product + 32768) >> 16, 16)

        return self._lanes(sums, lane)

    def _update(
        self, errors: Integers, inputs: Integers, phase: Phase, rate: tuple[int, int], random: Randomness
    ) -> None:
        biased = np.concatenate([inputs, np.full((len(inputs), 1), 4096)], axis=1)
        sums = errors.T @ biased
        words = self._random_of(sums.shape, phase, random)
        old = self.weights[phase.layer]

        def lane(total: int, o: int, i: int) -> int:
            window = self.clips.saturate(total >> 14, 18)
            step = ((window * rate[0] >> (4 * rate[1])) + int(words[o, i])) >> 16
            return self.clips.saturate(int(old[o, i]) - step, 16)

        self.weights[phase.layer] = self._lanes(sums, lane)

    @staticmethod
    def _random_of(shape: tuple[int, ...], phase: Phase, random: Randomness) -> Integers:
        """The random word of every weight [outputs, inputs + 1], in the order in which the phase drains them."""
        words = np.zeros(shape, np.int64)
        turned = words.T if phase.orientation is Orientation.A else words
        start = 0
        for instruction in phase.instructions:
            for outer in range(instruction.outer_count):
                first = outer * instruction.tile_width
                for time in range(start, start + instruction.time_count):
                    lanes = turned[time, first : first + instruction.tile_width]
                    lanes[:] = random.next_vector()[: len(lanes)]
            start += instruction.time_count
        return words
