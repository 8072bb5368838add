"""A board that computes a network whose weights do not fit it: they come over the link, piece by piece."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from deep3.compiler.streaming import Piece, Streamed
from deep3.hdl.contract.program import Space

from .board import Board, whole_batches

__all__ = ["StreamedBoard"]

Int16 = npt.NDArray[np.int16]

POLL_S = 0.0002
"""The next piece waits for the end of a run."""


class StreamedBoard:
    """Outputs of one network on a board, forward only; it takes the place of whatever the board held.

    While the engine computes with the weights of one piece, those of the next are on their way; so are the samples of
    the next batch, once the last piece that reads them is done.

    Parameters
    ----------
    board
        Where it is computed; whoever opened it closes it.
    streamed
        Programs for its engine.
    weights
        Q3.12 weights of every layer, [outputs, inputs + 1], biases in the last column; an attribute too.

    Raises
    ------
    BoardError
        When the programs are for another engine.
    ValueError
        When a matrix of weights is missing, or has another shape or type.
    """

    def __init__(self, board: Board, streamed: Streamed, weights: Sequence[Int16]) -> None:
        layout = streamed.layout
        board.check_engine(layout.config)
        self._board = board
        self._port = board.port
        self._streamed = streamed
        self.weights = list(weights)
        self._images = streamed.images(weights)
        self._programs = [streamed.program_of(piece) for piece in streamed.pieces]
        board.wait_idle()
        board.forget()
        for space, words in ((Space.ACTIVATION, layout.borders()), (Space.WEIGHT, layout.constant_words())):
            if len(words):
                self._port.write(space, 0, words)
        self._port.flush()

    def logits(self, samples: Int16) -> Int16:
        """Outputs of any number of samples, Q3.12 [samples, inputs]: Q7.8, with a mean square loss Q3.12; [samples,
        classes].

        Raises
        ------
        ValueError
            For samples of another shape or type.
        BoardError, LinkError
            When the engine makes no progress; when the board does not answer any more.
        """
        layout, pieces = self._streamed.layout, self._streamed.pieces
        rows = layout.padded_inputs(whole_batches(samples, layout.batch, layout.network.inputs))
        found: list[Int16] = []
        running: Piece | None = None
        for batch in rows:
            for index, piece in enumerate(pieces):
                writes_inputs = index == 0
                if running is not None and running.address == piece.address:
                    # A number of pieces that is odd: the first lies where the last still works.
                    self._wait_idle()
                self._send(index)
                if writes_inputs and (running is None or not running.reads_inputs):
                    self._write_inputs(batch)
                    writes_inputs = False
                self._wait_idle()
                if index == 0 and running is not None:
                    found.append(self._outputs())
                if writes_inputs:
                    self._write_inputs(batch)
                # A START is taken behind all that was sent before.
                self._port.start(self._streamed.start_of(piece))
                running = piece
        self._wait_idle()
        found.append(self._outputs())
        return np.concatenate(found)[: len(samples)]

    def _wait_idle(self) -> None:
        """Most often the board has said so already, with the words that it took."""
        if self._port.batches_done() < 1:
            self._board.wait_idle(longest_poll_s=POLL_S)

    def _send(self, index: int) -> None:
        """Weights and program of a piece."""
        piece = self._streamed.pieces[index]
        self._port.write(Space.WEIGHT, piece.address, self._streamed.words_of(piece, self._images))
        words = self._streamed.layout.config.encoding.words
        self._port.write(Space.PROGRAM, piece.slot * words, self._programs[index])

    def _write_inputs(self, batch: Int16) -> None:
        self._port.write(Space.ACTIVATION, self._streamed.layout.inputs.base, batch)

    def _outputs(self) -> Int16:
        outputs = self._streamed.layout.outputs
        return outputs.take(self._port.read(Space.ACTIVATION, outputs.base, outputs.words).view(np.int16))
