"""A board as an object: networks in, trained weights, classes and counters out."""

import time
from collections.abc import Sequence
from dataclasses import replace
from types import TracebackType

import numpy as np
import numpy.typing as npt

from deep3.compiler.lowering import Lowered, Program, quantise_rate
from deep3.errors import Deep3Error
from deep3.hdl.contract.config import EngineConfig
from deep3.hdl.contract.program import COUNTER_WORDS, Counter, Space, StartParameters, counter_word

from .counters import Counters, InstructionCounters
from .port import Port, Words

__all__ = ["Board", "BoardError", "whole_batches"]

Int16 = npt.NDArray[np.int16]

FIRST_POLL_S = 0.0002
LONGEST_POLL_S = 0.01


class BoardError(Deep3Error):
    """A board that cannot do what it was asked, or does not get on with it."""


class Board:
    """One board with one network at a time.

    Parameters
    ----------
    port
        Reaches the board; closed with it.
    config
        Its engine.
    """

    def __init__(self, port: Port, config: EngineConfig) -> None:
        self.port = port
        self.config = config
        self._lowered: Lowered | None = None
        self._program: Program | None = None

    def __enter__(self) -> "Board":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Give the board back; harmless when repeated."""
        self.port.close()

    def load(self, lowered: Lowered) -> None:
        """Write the programs of a network and what lies around and behind its hidden tensors; the weights come after.

        Raises
        ------
        BoardError
            When it was lowered for another engine.
        """
        self.check_engine(lowered.layout.config)
        self.port.write(Space.PROGRAM, 0, lowered.image())
        borders = lowered.layout.borders()
        if len(borders):
            self.port.write(Space.ACTIVATION, 0, borders)
        self.port.flush()
        self._lowered = lowered
        self._program = None

    def check_engine(self, config: EngineConfig) -> None:
        """The board's engine is that for which programs were lowered.

        Raises
        ------
        BoardError
            When it is another.
        """
        if config != self.config:
            raise BoardError(
                f"{self.port.name} has engine {self.config.digest}; "
                f"the network was lowered for engine {config.digest}"
            )

    def forget(self) -> None:
        """The network is gone: something else was written over it."""
        self._lowered = None
        self._program = None

    def write_weights(self, weights: Sequence[Int16], state: Sequence[Int16] = ()) -> None:
        """Q3.12 weights of every layer, [outputs, inputs + 1], biases in the last column; and what an optimiser keeps
        of them in the same form, in words of `compiler.optimisers.optimiser`'s ``state_unit``, or 0."""
        layout = self._loaded().layout
        self.port.write(Space.WEIGHT, 0, layout.initial_weights(_parts(weights), _parts(state)))
        self.port.flush()

    def read_weights(self) -> list[Int16]:
        """The inverse of `write_weights`, without the state."""
        return self._read_matrices(0)

    def read_state(self) -> list[Int16]:
        """What the optimiser keeps of the weights, in the form of `write_weights`; empty where it keeps nothing."""
        state = self._loaded().layout.state
        return self._read_matrices(state[0].base) if state else []

    def train(
        self, samples: Int16, labels: npt.NDArray[np.integer], learning_rate: float, seed: int = 0, epochs: int = 1
    ) -> None:
        """Stochastic gradient descent over all batches in order, ``epochs`` times.

        Batches that all fit into the board are written once; otherwise each is written into a buffer that is free
        again, while the board works on those before.

        Parameters
        ----------
        samples
            Q3.12, [batches, batch, inputs].
        labels
            Class indices, [batches, batch].
        learning_rate
            On the mean gradient of a batch.
        seed
            Restarts the random bits of the rounding where it is not 0.
        epochs
            How often all batches are walked.

        Raises
        ------
        ValueError
            For arrays of another shape or type, labels or a rate out of range.
        BoardError
            When the engine cannot train, or makes no progress.
        """
        lowered = self._loaded()
        if not self.config.loss_unit:
            raise BoardError(f"{self.port.name} cannot train: its engine is forward-only (loss_unit = false)")
        layout = lowered.layout
        targets = _checked_labels(labels, samples.shape[:2], layout.network.classes)
        rows = layout.padded_inputs(samples)
        if not len(rows) or epochs < 1:
            raise ValueError(f"batches and epochs must be 1 or more, not {len(rows)} and {epochs!r}")
        rate = quantise_rate(learning_rate, layout.batch, layout.optimiser)
        resident = len(rows) <= layout.buffers
        run = lowered.training.start(layout, len(rows) * epochs, rate, resident, seed)
        if resident:
            self._write_batches(rows, targets)
            self._start(lowered.training, replace(run, buffers=len(rows)))
        else:
            self._start(lowered.training, run)
            self._stream(rows, targets, epochs)
        self.wait_idle()

    def predict(self, samples: Int16) -> npt.NDArray[np.int64]:
        """Classes of any number of samples, Q3.12 [samples, inputs]."""
        if not self.config.loss_unit:
            largest: npt.NDArray[np.int64] = np.argmax(self.logits(samples), axis=1).astype(np.int64)
            return largest
        lowered = self._loaded()
        layout = lowered.layout
        rows = layout.padded_inputs(whole_batches(samples, layout.batch, layout.network.inputs))
        classes = np.empty((len(rows), layout.batch), np.int64)
        for first in range(0, len(rows), layout.buffers):
            group = rows[first : first + layout.buffers]
            self._write_batches(group, None)
            self._start(lowered.classify, replace(lowered.classify.start(layout, len(group)), buffers=len(group)))
            self.wait_idle()
            found = self.port.read(Space.LABEL, 0, len(group) * layout.batch)
            classes[first : first + len(group)] = found.reshape(len(group), layout.batch)
        return classes.reshape(-1)[: len(samples)]

    def logits(self, samples: Int16) -> Int16:
        """Outputs of any number of samples: Q7.8, with a mean square loss Q3.12; [samples, classes]."""
        lowered = self._loaded()
        layout = lowered.layout
        rows = layout.padded_inputs(whole_batches(samples, layout.batch, layout.network.inputs))
        run = replace(lowered.forward.start(layout, 1), buffers=1)
        found = []
        for batch in rows:
            self._write_batches(batch[np.newaxis], None)
            self._start(lowered.forward, run)
            self.wait_idle()
            words = self._read_signed(Space.ACTIVATION, layout.outputs.base, layout.outputs.words)
            found.append(layout.outputs.take(words))
        return np.concatenate(found)[: len(samples)]

    def counters(self) -> Counters:
        """Counters of the last run; zeros before the first."""
        first, last = (self._program.first_instruction, self._program.end) if self._program else (0, 0)
        totals = _pairs(self.port.read(Space.COUNTER, 0, COUNTER_WORDS * len(Counter)))
        counts = np.empty((0, 2), np.int64)
        if last > first:
            words = self.port.read(Space.COUNTER, counter_word(first), counter_word(last) - counter_word(first))
            counts = _pairs(words).reshape(-1, 2)
        return Counters(
            {counter: int(totals[counter]) for counter in Counter},
            tuple(InstructionCounters(int(cycles), int(clipped)) for cycles, clipped in counts),
        )

    def batches_done(self) -> int:
        """Batches finished in the last run, as known without asking."""
        return self.port.batches_done()

    def wait_idle(self, timeout_s: float | None = None, longest_poll_s: float = LONGEST_POLL_S) -> None:
        """Wait for the end of the run, asking now and then, at least every ``longest_poll_s``.

        Raises
        ------
        BoardError
            When no batch ends for ``timeout_s`` (by default ten times the patience of the port).
        """
        pause_s = FIRST_POLL_S
        done, since_s = -1, time.monotonic()
        limit_s = 10 * self.port.patience_s if timeout_s is None else timeout_s
        while self.port.running():
            if self.port.batches_done() != done:
                done, since_s = self.port.batches_done(), time.monotonic()
            self._check_progress(since_s, limit_s)
            time.sleep(pause_s)
            pause_s = min(2 * pause_s, longest_poll_s)

    def _start(self, program: Program, parameters: StartParameters) -> None:
        self.wait_idle()
        self.port.start(parameters)
        self._program = program

    def _write_batches(self, rows: Int16, labels: npt.NDArray[np.uint16] | None) -> None:
        """Batches [batches, batch, pitch] into the buffers from the first on."""
        layout = self._loaded().layout
        self.port.write(Space.ACTIVATION, layout.inputs.base, rows)
        if labels is not None:
            self.port.write(Space.LABEL, 0, labels)
        self.port.flush()

    def _stream(self, rows: Int16, labels: npt.NDArray[np.uint16], epochs: int) -> None:
        layout = self._loaded().layout
        for index in range(len(rows) * epochs):
            self._wait_for_batch(index - layout.buffers + 1)
            buffer, source = index % layout.buffers, index % len(rows)
            self.port.write(Space.ACTIVATION, layout.inputs.base + buffer * layout.buffer_words, rows[source])
            self.port.write(Space.LABEL, buffer * layout.batch, labels[source])
            self.port.commit(1)
        self.port.flush()

    def _wait_for_batch(self, batches: int) -> None:
        """Wait until so many batches of the run are done."""
        if self.port.batches_done() >= batches:
            return
        pause_s = FIRST_POLL_S
        since_s = time.monotonic()
        while self.port.running() and self.port.batches_done() < batches:
            self._check_progress(since_s, 10 * self.port.patience_s)
            time.sleep(pause_s)
            pause_s = min(2 * pause_s, LONGEST_POLL_S)

    def _check_progress(self, since_s: float, limit_s: float) -> None:
        if time.monotonic() - since_s > limit_s:
            raise BoardError(
                f"{self.port.name} has finished no batch for {limit_s:g} s "
                f"({self.port.batches_done()} batches of this run are done)"
            )

    def _read_signed(self, space: Space, address: int, count: int) -> Int16:
        return self.port.read(space, address, count).view(np.int16)

    def _read_matrices(self, base: int) -> list[Int16]:
        layout = self._loaded().layout
        image = self._read_signed(Space.WEIGHT, base, layout.weights[-1].end)
        return [np.column_stack(parts) for parts in layout.unpack_weights(image)]

    def _loaded(self) -> Lowered:
        if self._lowered is None:
            raise BoardError(f"{self.port.name} holds no network yet: load one first")
        return self._lowered


def _parts(matrices: Sequence[Int16]) -> list[tuple[Int16, Int16]]:
    return [(np.ascontiguousarray(matrix[:, :-1]), np.ascontiguousarray(matrix[:, -1])) for matrix in matrices]


def _checked_labels(
    labels: npt.NDArray[np.integer], shape: tuple[int, ...], classes: int
) -> npt.NDArray[np.uint16]:
    if labels.shape != shape or labels.dtype.kind not in "iu":
        raise ValueError(f"labels must be integers of shape {shape}, not {labels.dtype} of shape {labels.shape}")
    if labels.size and not 0 <= labels.min() <= labels.max() < classes:
        worst = labels.min() if labels.min() < 0 else labels.max()
        raise ValueError(f"labels must be between 0 and {classes - 1}, not {int(worst)}")
    return np.ascontiguousarray(labels, np.uint16)


def whole_batches(samples: Int16, batch: int, inputs: int) -> Int16:
    """[batches, batch, inputs], the last filled up with zeros.

    Raises
    ------
    ValueError
        When the shape or the type of ``samples`` is not [1 or more, inputs] of int16.
    """
    if samples.ndim != 2 or samples.shape[1] != inputs or samples.dtype != np.int16 or not len(samples):
        raise ValueError(
            f"samples must be int16 [1 or more, {inputs}], not {samples.dtype} {list(samples.shape)}"
        )
    batches = -(-len(samples) // batch)
    whole = np.zeros((batches * batch, inputs), np.int16)
    whole[: len(samples)] = samples
    return whole.reshape(batches, batch, inputs)


def _pairs(words: Words) -> npt.NDArray[np.int64]:
    """32-bit values from words, low half first."""
    return np.ascontiguousarray(words, "<u2").view("<u4").astype(np.int64)
