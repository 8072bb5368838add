"""Where the tensors of a network lie in the operand memories, and their images (docs/engine.md, Tensors)."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from deep3.compiler.network.layers import MAX_SIZE
from deep3.compiler.network.network import Network
from deep3.errors import Deep3Error
from deep3.hdl.contract.config import EngineConfig
from deep3.hdl.contract.program import Memory

__all__ = ["ONE", "DoesNotFit", "Layout", "Matrix", "most_buffers", "pitch_words"]

Words = NDArray[np.int16]

ONE = 4096
"""1.0 in Q3.12: the constant input of every bias."""

MAX_BUFFERS = 8191


class DoesNotFit(Deep3Error, ValueError):
    """A network that an engine cannot hold; the message names the memory, the words needed and those
    there."""


@dataclass(frozen=True)
class Matrix:
    """``rows`` rows of ``width`` elements in ``memory``, row r at ``base + r * pitch``; with ``buffered``
    there is one in every input buffer."""

    memory: Memory
    base: int
    rows: int
    width: int
    pitch: int
    buffered: bool = False

    @property
    def words(self) -> int:
        """Words from the first row to the end of the last, padding included."""
        return self.rows * self.pitch

    @property
    def end(self) -> int:
        """First address behind the matrix."""
        return self.base + self.words

    def take(self, words: NDArray[np.int16]) -> Words:
        """[rows, width] from the matrix's ``words`` as read from the engine."""
        return words.reshape(self.rows, self.pitch)[:, : self.width]


def pitch_words(needed: int, banks: int) -> int:
    """The smallest pitch of at least ``needed`` words that is 1 modulo ``banks``: then neither rows nor
    columns of a matrix have bank conflicts."""
    return needed + (1 - needed) % banks


@dataclass(frozen=True)
class Layout:
    """Placement of one network, ``batch`` samples at a time, with ``buffers`` input buffers.

    A holds the hidden activations, the outputs of a forward-only run, then the input buffers; W the weights
    (bias in the last column); E the errors of each layer; the label memory ``batch`` labels a buffer. Buffer
    i adds ``i * buffer_words`` to input addresses and ``i * batch`` to label addresses.

    Parameters
    ----------
    network, config
        What is placed, and where.
    batch
        Samples of a batch, 1..4093.
    buffers
        Batches that lie in A at the same time, 1..8191.

    Raises
    ------
    ValueError
        For a batch or a number of buffers out of range.
    DoesNotFit
        When a memory, the program or the loss unit is too small; the first limit met is named.
    """

    network: Network
    config: EngineConfig
    batch: int
    buffers: int = 2

    def __post_init__(self) -> None:
        for name, most in (("batch", MAX_SIZE), ("buffers", MAX_BUFFERS)):
            value = getattr(self, name)
            if type(value) is not int or not 1 <= value <= most:
                raise ValueError(f"{name} must be an integer between 1 and {most}, not {value!r}")
        config, network = self.config, self.network
        _check("layers", len(network.layers), config.max_layers, "layers (max_layers)")
        if config.loss_unit:
            _check("classes", network.classes, config.max_classes, "classes (max_classes)")
            _check("classes", network.classes, config.accumulator_words, "sums (accumulator_words)")
            _check("labels", self.batch * self.buffers, config.label_words, "words (label_words)")
            _check("errors", self.errors[-1].end, config.error_words, "words (error_bank_words x banks)")
        _check("weights", self.weights[-1].end, config.weight_words, "words (weight_bank_words x banks)")
        words = self.inputs.base + self.buffers * self.buffer_words
        _check("activations", words, config.activation_words, "words (activation_bank_words x banks)")

    def _stack(self, memory: Memory, shapes: Sequence[tuple[int, int, int]]) -> tuple[Matrix, ...]:
        """Matrices of (rows, width, words needed a row), one behind the other from address 0."""
        placed: list[Matrix] = []
        base = 0
        for rows, width, needed in shapes:
            placed.append(Matrix(memory, base, rows, width, pitch_words(needed, self.config.banks)))
            base = placed[-1].end
        return tuple(placed)

    @property
    def hidden(self) -> tuple[Matrix, ...]:
        """Activations of the hidden layers, Q3.12; a constant `ONE` follows each row's last feature."""
        sizes = self.network.sizes[1:-1]
        return self._stack(Memory.ACTIVATION, [(self.batch, size, size + 1) for size in sizes])

    @property
    def outputs(self) -> Matrix:
        """Outputs of a forward-only run of one batch: Q7.8 logits, Q3.12 where the loss is MSE."""
        classes, base = self.network.classes, self.hidden[-1].end if self.hidden else 0
        return Matrix(Memory.ACTIVATION, base, self.batch, classes, pitch_words(classes, self.config.banks))

    @property
    def inputs(self) -> Matrix:
        """Input buffer 0, Q3.12; a constant `ONE` follows each row's last feature."""
        size = self.network.inputs
        pitch = pitch_words(size + 1, self.config.banks)
        return Matrix(Memory.ACTIVATION, self.outputs.end, self.batch, size, pitch, buffered=True)

    @property
    def buffer_words(self) -> int:
        """Words from one input buffer to the next."""
        return self.inputs.words

    @property
    def weights(self) -> tuple[Matrix, ...]:
        """Weights of each layer, Q3.12, row = output neuron; its bias follows its last weight."""
        pairs = zip(self.network.sizes, self.network.sizes[1:], strict=False)
        return self._stack(Memory.WEIGHT, [(outputs, inputs, inputs + 1) for inputs, outputs in pairs])

    @property
    def errors(self) -> tuple[Matrix, ...]:
        """Errors of the outputs of each layer, Q1.14."""
        return self._stack(Memory.ERROR, [(self.batch, size, size) for size in self.network.sizes[1:]])

    def padded_inputs(self, samples: Words) -> Words:
        """Rows as they lie in A, [batches, batch, pitch] with the ones column, from Q3.12 ``samples``
        [batches, batch, features]. One ``[batch, pitch]`` fills an input buffer.

        Raises
        ------
        ValueError
            When the shape or the type of ``samples`` is not that.
        """
        inputs = self.inputs
        if samples.ndim != 3 or samples.shape[1:] != (self.batch, inputs.width) or samples.dtype != np.int16:
            raise ValueError(
                f"samples must be int16 [batches, {self.batch}, {inputs.width}],"
                f" not {samples.dtype} {list(samples.shape)}"
            )
        padded = np.zeros((samples.shape[0], self.batch, inputs.pitch), np.int16)
        padded[:, :, : inputs.width] = samples
        padded[:, :, inputs.width] = ONE
        return padded

    def ones(self) -> Words:
        """Image of A from address 0 over all hidden tensors: zero but for the constant inputs of the biases.
        Written once: no program changes them."""
        image = np.zeros(self.hidden[-1].end if self.hidden else 0, np.int16)
        for matrix in self.hidden:
            image[matrix.base : matrix.end].reshape(matrix.rows, matrix.pitch)[:, matrix.width] = ONE
        return image

    def pack_weights(self, parameters: Sequence[tuple[Words, Words]]) -> Words:
        """Image of W from address 0 for (weights [outputs, inputs], bias [outputs]) of every layer, Q3.12.

        Raises
        ------
        ValueError
            When a layer is missing or has another shape or type.
        """
        if len(parameters) != len(self.network.layers):
            raise ValueError(f"parameters must hold {len(self.network.layers)} layers, not {len(parameters)}")
        image = np.zeros(self.weights[-1].end, np.int16)
        for index, (matrix, (weights, bias)) in enumerate(zip(self.weights, parameters, strict=True)):
            for name, array, shape in (
                ("weights", weights, (matrix.rows, matrix.width)), ("bias", bias, (matrix.rows,))
            ):  # fmt: skip
                if array.shape != shape or array.dtype != np.int16:
                    raise ValueError(
                        f"{name} of layer {index} must be int16 {shape}, not {array.dtype} {array.shape}"
                    )
            rows = image[matrix.base : matrix.end].reshape(matrix.rows, matrix.pitch)
            rows[:, : matrix.width] = weights
            rows[:, matrix.width] = bias
        return image

    def unpack_weights(self, image: Words) -> list[tuple[Words, Words]]:
        """The inverse of `pack_weights`: copies of (weights, bias) of every layer.

        Raises
        ------
        ValueError
            When ``image`` has another length.
        """
        if image.shape != (self.weights[-1].end,):
            raise ValueError(f"image must have shape ({self.weights[-1].end},), not {image.shape}")
        rows = [image[m.base : m.end].reshape(m.rows, m.pitch) for m in self.weights]
        widths = [matrix.width for matrix in self.weights]
        return [(row[:, :w].copy(), row[:, w].copy()) for w, row in zip(widths, rows, strict=True)]


def _check(what: str, needed: int, available: int, unit: str) -> None:
    if needed > available:
        raise DoesNotFit(f"{what} do not fit: {needed} needed, the engine has {available} {unit}")


def most_buffers(network: Network, config: EngineConfig, batch: int) -> int:
    """The largest number of input buffers with which the network fits.

    Raises
    ------
    DoesNotFit
        When not even one does.
    """
    layout = Layout(network, config, batch, 1)
    free_words = config.activation_words - layout.inputs.base
    by_labels = config.label_words // batch if config.loss_unit else MAX_BUFFERS
    return min(free_words // layout.buffer_words, by_labels, MAX_BUFFERS)
