"""Where the tensors of a network lie in the operand memories, and their images (docs/engine.md, Tensors)."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from deep3.compiler.network.layers import MAX_SIZE, Dense, Shape
from deep3.compiler.network.network import Network
from deep3.hdl.contract.config import EngineConfig
from deep3.hdl.contract.program import Memory

from .convolution.constants import Table, identity_words, placed, tables
from .dropout import kept
from .inputs import rows_of, rows_together, side_by_side, sides
from .optimisers.optimiser import SGD, Adagrad, Optimiser
from .steps import Step, steps
from .tensors import NO_BORDER, Border, DoesNotFit, Maps, Matrix, Words, pitch_words
from .weight_order import row_words, weight_image, weight_places

__all__ = ["DoesNotFit", "Layout", "Matrix", "check_room", "most_buffers"]

MAX_BUFFERS = 8191

DIAGONAL = -32768
"""-8.0 in Q3.12."""


@dataclass(frozen=True)
class Layout:
    """Placement of one network, ``batch`` samples at a time, with ``buffers`` input buffers.

    A holds the hidden activations, the diagonals that an optimiser multiplies by, the outputs of a forward-only run,
    then the input buffers; W the weights (bias in the last column), constants, and the state of an optimiser; E the
    errors of what each step writes, from the first with weights on, and room for the gradients of an optimiser with a
    state; the label memory ``batch`` labels a buffer. Buffer i adds ``i * buffer_words`` to input addresses and
    ``i * batch`` to label addresses.

    Parameters
    ----------
    network, config
        What is placed, and where.
    batch
        Samples of a batch, 1..4093.
    buffers
        Batches that lie in A at the same time, 1..8191.
    optimiser
        How weights are trained.

    Raises
    ------
    ValueError
        For a batch, a number of buffers or a weight decay out of range.
    DoesNotFit
        When a memory, the program or the loss unit is too small, or the engine has no means for a layer; the first
        limit met is named.
    """

    network: Network
    config: EngineConfig
    batch: int
    buffers: int = 2
    optimiser: Optimiser = SGD

    def __post_init__(self) -> None:
        for name, most in (("batch", MAX_SIZE), ("buffers", MAX_BUFFERS)):
            value = getattr(self, name)
            if type(value) is not int or not 1 <= value <= most:
                raise ValueError(f"{name} must be an integer between 1 and {most}, not {value!r}")
        if not (self.network.is_dense or self.config.convolution):
            raise DoesNotFit("layers do not fit: convolution needed, the engine has none (convolution = false)")
        self._check_places()

    def _check_places(self) -> None:
        config, network = self.config, self.network
        check_room("layers", len(network.trained), config.max_layers, "layers (max_layers)")
        if self.optimiser.elementwise and not config.convolution:
            raise DoesNotFit(
                f"{self.optimiser} does not fit: convolution needed, the engine has none (convolution = false)"
            )
        if isinstance(self.optimiser, Adagrad) and not config.adagrad:
            raise DoesNotFit(f"{self.optimiser} does not fit: the engine has none (adagrad = false)")
        self.optimiser.decay_word(self.batch)
        if min(kept(self.steps)) < 1 and not config.dropout:
            raise DoesNotFit("layers do not fit: dropout needed, the engine has none (dropout = false)")
        if config.loss_unit:
            check_room("classes", network.classes, config.max_classes, "classes (max_classes)")
            check_room("classes", network.classes, config.accumulator_words, "sums (accumulator_words)")
            check_room("labels", self.batch * self.buffers, config.label_words, "words (label_words)")
            check_room("errors", self.errors_end, config.error_words, "words (error_bank_words x banks)")
        check_room("weights", self.weights_end, config.weight_words, "words (weight_bank_words x banks)")
        what = "weights and the optimiser's state"
        check_room(what, self.state_end, config.weight_words, "words (weight_bank_words x banks)")
        words = self.inputs.base + self.buffers * self.buffer_words
        check_room("activations", words, config.activation_words, "words (activation_bank_words x banks)")

    @cached_property
    def steps(self) -> tuple[Step, ...]:
        """What is computed, in order."""
        return steps(self.network, not self.config.loss_unit)

    @cached_property
    def first(self) -> int:
        """Number of the first step with weights; there are no errors before it."""
        return next(number for number, step in enumerate(self.steps) if step.matrix is not None)

    @cached_property
    def hidden(self) -> tuple[Matrix, ...]:
        """What each step but the last writes, Q3.12; as the next reads it: with a border, or a constant `ONE` behind
        each row for a dense layer."""
        placed: list[Matrix] = []
        for before, reader in zip(self.steps, self.steps[1:], strict=False):
            base = placed[-1].end if placed else 0
            placed.append(self._tensor(Memory.ACTIVATION, base, before.behind, reader.border, _reads_ones(reader)))
        return tuple(placed)

    @property
    def diagonals(self) -> tuple[int, ...]:
        """Words on the diagonals of the matrices that an optimiser multiplies by (`compiler.optimisers.passes`)."""
        decay = self.optimiser.decay_word(self.batch)
        return (DIAGONAL,) * self.optimiser.elementwise + (decay,) * (decay > 0)

    def diagonal(self, word: int) -> int:
        """Address in A of the matrix with this one of `diagonals`."""
        end = self.hidden[-1].end if self.hidden else 0
        return end + self.diagonals.index(word) * identity_words(self.config.rows)

    @cached_property
    def outputs(self) -> Matrix:
        """Outputs of a forward-only run of one batch: Q7.8 logits, Q3.12 where the loss is MSE."""
        end = self.hidden[-1].end if self.hidden else 0
        base = end + len(self.diagonals) * identity_words(self.config.rows)
        return self._tensor(Memory.ACTIVATION, base, (self.network.classes,))

    @cached_property
    def inputs(self) -> Matrix:
        """Input buffer 0, Q3.12, as the first step reads it (see `hidden`)."""
        return self._inputs(self.rows_together)

    def _inputs(self, together: int) -> Matrix:
        reader = self.steps[0]
        shape, border = reader.before, reader.border
        if together > 1:
            channels, _, width = shape
            shape, border = (together * channels, rows_of(reader, together), width), sides(reader)
        placed = self._tensor(Memory.ACTIVATION, self.outputs.end, shape, border, _reads_ones(reader))
        return replace(placed, buffered=True)

    @cached_property
    def rows_together(self) -> int:
        """Rows of an image that lie side by side in each pixel of the inputs, as a first convolution of few channels
        has it: as many as make its windows the fewest tiles, if two batches then fit into A."""
        def fits(together: int) -> bool:
            inputs = self._inputs(together)
            return inputs.base + 2 * inputs.words <= self.config.activation_words

        return rows_together(self.steps[0], self.config, fits)

    @property
    def buffer_words(self) -> int:
        """Words from one input buffer to the next."""
        return self.inputs.words

    @cached_property
    def weights(self) -> tuple[Matrix, ...]:
        """Weights of each layer that has some, Q3.12, row = output neuron or map; its bias follows its last weight.
        Their order is that of `compiler.weight_order.weight_places`."""
        placed: list[Matrix] = []
        for number, step in self._with_weights:
            base = placed[-1].end if placed else 0
            width = row_words(step, self._together(number))
            placed.append(Matrix(Memory.WEIGHT, base, step.maps, width, pitch_words(width + 1, self.config.banks)))
        return tuple(placed)

    @cached_property
    def errors(self) -> tuple[Matrix, ...]:
        """Errors of what each step writes, Q1.14, from step `first` on."""
        placed: list[Matrix] = []
        for step in self.steps[self.first :]:
            placed.append(self._tensor(Memory.ERROR, placed[-1].end if placed else 0, step.behind))
        return tuple(placed)

    @cached_property
    def constants(self) -> dict[Table, int]:
        """Addresses in W of the constants that pooling multiplies by, and of a zero."""
        return placed(tables(self.steps, self.first), self.config.rows, self.weights[-1].end)

    @property
    def zeros(self) -> int:
        """Address in W of zeros for all lanes, of an optimiser that takes passes over words."""
        ends = [base + len(table.words(self.config.rows)) for table, base in self.constants.items()]
        return max(ends, default=self.weights[-1].end)

    @property
    def weights_end(self) -> int:
        """First address of W behind weights and constants."""
        return self.zeros + (self.config.columns if self.optimiser.elementwise else 0)

    @cached_property
    def state(self) -> tuple[Matrix, ...]:
        """What the optimiser keeps of each matrix of weights, word for word; all 0 before the first batch."""
        placed: list[Matrix] = []
        for weights in self.weights if self.optimiser.state else ():
            placed.append(replace(weights, base=placed[-1].end if placed else self.weights_end))
        return tuple(placed)

    @property
    def state_end(self) -> int:
        """First address of W behind everything."""
        return self.state[-1].end if self.state else self.weights_end

    def scratch(self, matrix: int) -> Matrix:
        """Room in E for the gradients, or new velocities, of a matrix of weights: as many of its rows as there is room
        for."""
        weights, base = self.weights[matrix], self.errors[-1].end
        rows = min(weights.rows, (self.config.error_words - base) // weights.pitch)
        return replace(weights, memory=Memory.ERROR, base=base, rows=rows)

    @property
    def errors_end(self) -> int:
        """First address of E behind the errors and the scratch for one tile of the largest matrix."""
        end = self.errors[-1].end
        if not self.optimiser.elementwise:
            return end
        return end + max(min(weights.rows, self.config.columns) * weights.pitch for weights in self.weights)

    def reads(self, step: int) -> Matrix:
        """The tensor that a step reads."""
        return self.hidden[step - 1] if step else self.inputs

    def writes(self, step: int) -> Matrix:
        """The tensor that a step writes."""
        return (*self.hidden, self.outputs)[step]

    def errors_of(self, step: int) -> Matrix:
        """Errors of the tensor that a step writes."""
        return self.errors[step - self.first]

    def _tensor(
        self, memory: Memory, base: int, shape: Shape, border: Border = NO_BORDER, one: bool = False
    ) -> Matrix:
        """A tensor of one batch whose samples lie free of bank conflicts, with room for a constant behind each."""
        banks = self.config.banks
        if len(shape) == 1:
            return Matrix(memory, base, self.batch, shape[0], pitch_words(shape[0] + one, banks))
        channels, height, width = shape
        row = channels * (width + max(border.left, border.right))
        pitch = pitch_words(row * (height + max(border.top, border.bottom)) + one, banks)
        return Maps(
            memory, base, self.batch, channels * height * width, pitch, shape=(channels, height, width), border=border
        )

    def padded_inputs(self, samples: Words) -> Words:
        """Batches as they lie in A, [batches, buffer_words] with constants and borders, from Q3.12 ``samples``
        [batches, batch, features], or [batches, batch, channels, height, width].

        Raises
        ------
        ValueError
            When the shape or the type of ``samples`` is not that.
        """
        inputs = self.inputs
        shapes = ((self.batch, self.network.inputs), (self.batch, *self.network.input_shape))
        if samples.shape[1:] not in shapes or samples.dtype != np.int16:
            raise ValueError(
                f"samples must be int16 [batches, {self.batch}, {self.network.inputs}],"
                f" not {samples.dtype} {list(samples.shape)}"
            )
        padded = np.empty((len(samples), inputs.words), np.int16)
        for image, batch in zip(padded, samples, strict=True):
            values = batch.reshape(self.batch, *self.network.input_shape)
            if self.rows_together > 1:
                values = side_by_side(self.steps[0], self.rows_together, values)
            image[:] = inputs.image(values.reshape(self.batch, inputs.width), _reads_ones(self.steps[0]))
        return padded

    def borders(self) -> Words:
        """Image of A from address 0 over all hidden tensors and the diagonals of an optimiser: zero but for borders,
        the constant inputs of the biases of dense layers, and the diagonals. Written once: no program changes them."""
        image = np.zeros(self.outputs.base, np.int16)
        for tensor, reader in zip(self.hidden, self.steps[1:], strict=True):
            nothing = np.zeros((tensor.rows, tensor.width), np.int16)
            image[tensor.base : tensor.end] = tensor.image(nothing, _reads_ones(reader))
        for word in self.diagonals:
            image[self.diagonal(word) + self.config.rows - 1] = word
        return image

    def pack_weights(self, parameters: Sequence[tuple[Words, Words]]) -> Words:
        """Image of W from address 0 for (weights [outputs, inputs], bias [outputs]) of every layer with weights, Q3.12;
        the constants behind them.

        Raises
        ------
        ValueError
            When a layer is missing or has another shape or type.
        """
        image = np.zeros(self.weights_end, np.int16)
        self._place(image, parameters)
        for table, base in self.constants.items():
            words = table.words(self.config.rows)
            image[base : base + len(words)] = words
        return image

    def initial_weights(
        self, parameters: Sequence[tuple[Words, Words]], state: Sequence[tuple[Words, Words]] = ()
    ) -> Words:
        """`pack_weights`, and behind it what an optimiser keeps, in the same form; 0 where it is not given."""
        packed = self.pack_weights(parameters)
        image = np.pad(packed, (0, self.state_end - len(packed)))
        if self.state and state:
            self._place(image[self.state[0].base :], state)
        return image

    def _place(self, image: Words, parameters: Sequence[tuple[Words, Words]]) -> None:
        """Write weights, or what is kept of them, to an image that begins with them."""
        if len(parameters) != len(self.weights):
            raise ValueError(f"parameters must hold {len(self.weights)} layers, not {len(parameters)}")
        for index, (matrix, places, part) in enumerate(zip(self.weights, self.places, parameters, strict=True)):
            image[matrix.base : matrix.end] = weight_image(index, matrix, places, *part)

    def unpack_weights(self, image: Words) -> list[tuple[Words, Words]]:
        """The inverse of `pack_weights` without the constants: copies of (weights, bias) of every layer with weights;
        or of what an optimiser keeps, which has the same form.

        Raises
        ------
        ValueError
            When ``image`` has another length.
        """
        if image.shape != (self.weights[-1].end,):
            raise ValueError(f"image must have shape ({self.weights[-1].end},), not {image.shape}")
        found = []
        for matrix, places in zip(self.weights, self.places, strict=True):
            rows = image[matrix.base : matrix.end].reshape(matrix.rows, matrix.pitch)
            found.append((rows[:, places], rows[:, matrix.width].copy()))
        return found

    @cached_property
    def places(self) -> list[NDArray[np.intp]]:
        """Of the columns of each matrix of weights, see `compiler.weight_order.weight_places`."""
        return [weight_places(step, self._together(number)) for number, step in self._with_weights]

    @property
    def _with_weights(self) -> list[tuple[int, Step]]:
        return [(number, step) for number, step in enumerate(self.steps) if step.matrix is not None]

    def _together(self, number: int) -> int:
        """Rows of an image side by side in what a step reads."""
        return 1 if number else self.rows_together


def _reads_ones(step: Step) -> bool:
    """Whether a constant 1.0 must follow each sample that a step reads."""
    return isinstance(step.operation, Dense)


def check_room(what: str, needed: int, available: int, unit: str) -> None:
    """The engine has as many as are needed.

    Raises
    ------
    DoesNotFit
        When it does not.
    """
    if needed > available:
        raise DoesNotFit(f"{what} do not fit: {needed} needed, the engine has {available} {unit}")


def most_buffers(network: Network, config: EngineConfig, batch: int, optimiser: Optimiser = SGD) -> int:
    """The largest number of input buffers with which the network fits.

    Raises
    ------
    DoesNotFit
        When not even one does.
    """
    layout = Layout(network, config, batch, 1, optimiser)
    free_words = config.activation_words - layout.inputs.base
    by_labels = config.label_words // batch if config.loss_unit else MAX_BUFFERS
    return min(free_words // layout.buffer_words, by_labels, MAX_BUFFERS)
