"""A board in the hands of a Python program, with samples and weights as numbers."""

from collections.abc import Sequence
from contextlib import ExitStack
from types import TracebackType
from typing import Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from deep3.compiler.lowering import lower_with_most_buffers
from deep3.compiler.network.layers import Dropout
from deep3.compiler.network.network import Network
from deep3.compiler.streaming import Streamed, stream
from deep3.errors import Deep3Error
from deep3.hdl.contract.config import EngineConfig
from deep3.hdl.contract.fixed_point import from_q3_12, saturate_q3_12, to_q3_12
from deep3.hdl.contract.program import Loss
from deep3.host.board.by_address import open_board
from deep3.host.board.counters import Counters
from deep3.host.board.streamed import StreamedBoard
from deep3.host.global_network.global_network import GlobalNetwork

from .open import parse_workers

__all__ = ["Board", "BoardUseError"]

IN_SIMULATION = ("golden", "virtual")


class BoardUseError(Deep3Error, ValueError):
    """A call with values that a board cannot take."""


class Board:
    """One engine, holding one network at a time; leaving the context gives it back.

    Parameters
    ----------
    address
        ``HOST`` or ``HOST:PORT`` of a board on the network, ``serial:DEVICE[:BAUD]``, ``golden`` (the bit-exact model
        in this process) or ``virtual`` (the RTL in simulation, built at first use, which takes about a minute).
    config
        The engine that the board is; None for the default, `EngineConfig()`.
    take_over
        Take a board that another host uses.

    Attributes
    ----------
    config
        As given.

    Raises
    ------
    BackendError, LinkError, BoardBuildError
        For a wrong address; when the board does not answer, is another engine or in use; when a virtual one cannot be
        built.

    Examples
    --------
    >>> import deep3
    >>> from sklearn.datasets import load_digits
    >>> x, y = load_digits(return_X_y=True)
    >>> x = x[:1600] / 8 - 1
    >>> with deep3.Board("golden") as board:
    ...     board.load(deep3.Network.uniform((64, 16, 10)), batch=32)
    ...     board.train(x, y[:1600], rate=0.25, epochs=5)
    ...     accuracy = (board.predict(x) == y[:1600]).mean()
    ...     cycles = board.counters().cycles
    >>> bool(accuracy > 0.8), cycles > 0
    (True, True)
    """

    def __init__(self, address: str, config: EngineConfig | None = None, *, take_over: bool = False) -> None:
        self.config = config or EngineConfig()
        is_whole = address in IN_SIMULATION or address.startswith(("serial:", "board:"))
        (spec,) = parse_workers([address if is_whole else f"board:{address}"])
        with ExitStack() as stack:
            self._board = open_board(spec.kind, spec.address, self.config, stack, spec.baud, take_over)
            stack.callback(self._board.close)
            self._stack = stack.pop_all()
        self._network: Network | None = None
        self._batch = 0
        self._program: Streamed | None = None
        self._streamed: StreamedBoard | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Give the board back, and end a virtual one; harmless when repeated."""
        self._stack.close()

    def load(
        self,
        network: Network,
        batch: int,
        weights: Sequence[NDArray[np.floating]] | None = None,
        seed: int = 1,
        *,
        streamed: bool = False,
    ) -> None:
        """Write the programs of a network, and its weights.

        Parameters
        ----------
        network
            Its layers must fit the engine's memories.
        batch
            Samples of a batch.
        weights
            See `weights`; None for Glorot's uniform ones, drawn with ``seed``, and biases zero.
        streamed
            Weights stay on this side and come over the link piece by piece, each time they are needed: forward only,
            for networks whose weights do not fit.

        Raises
        ------
        BoardUseError
            When the network does not fit the engine, or the weights do not fit the network.
        LinkError
            When the board does not answer any more.
        """
        if any(isinstance(layer, Dropout) for layer in network.layers) and not streamed:
            raise BoardUseError(
                "networks with dropout are for deep3.train, which scales their weights for a board"
            )
        try:
            if streamed:
                self._program = stream(network, self.config, batch)
            else:
                self._board.load(lower_with_most_buffers(network, self.config, batch))
                self._program = None
        except ValueError as error:
            raise BoardUseError(f"network {network.widths} on {self._board.port.name}: {error}") from None
        self._streamed = None
        self._network, self._batch = network, batch
        self.weights = GlobalNetwork.initialise(network, 1.0, seed).weights if weights is None else weights

    @property
    def weights(self) -> list[NDArray[np.float64]]:
        """Weights on the board: one matrix a layer, ``outputs x (inputs + 1)`` multiples of 2^-12 in [-8, 8), the
        biases in the last column. Written, they are rounded, and must be in that range.

        Raises
        ------
        BoardUseError
            For other shapes, and without a network.
        RangeError
            For values out of range.
        """
        self._loaded()
        words = self._streamed.weights if self._streamed else self._board.read_weights()
        return [from_q3_12(matrix) for matrix in words]

    @weights.setter
    def weights(self, weights: Sequence[NDArray[np.floating]]) -> None:
        network = self._loaded()
        expected = list(network.weight_shapes)
        matrices = [np.asarray(matrix, np.float64) for matrix in weights]
        if [matrix.shape for matrix in matrices] != expected:
            raise BoardUseError(f"weights must have the shapes {expected}, not {[matrix.shape for matrix in matrices]}")
        words = [to_q3_12(matrix, f"weights {n + 1}") for n, matrix in enumerate(matrices)]
        if self._program is None:
            self._board.write_weights(words)
        else:
            self._streamed = StreamedBoard(self._board, self._program, words)

    def train(self, x: ArrayLike, y: ArrayLike, rate: float, epochs: int = 1, seed: int = 1) -> None:
        """Stochastic gradient descent over the samples in order, ``epochs`` times.

        Parameters
        ----------
        x
            ``samples x features`` numbers in [-8, 8), a whole number of batches; rounded to Q3.12.
        y
            ``samples`` class indices.
        rate
            Learning rate on the mean gradient of a batch.
        seed
            Restarts the random bits of the rounding; 0 goes on with them.

        Raises
        ------
        BoardUseError
            For arrays of another shape, labels or a rate out of range, a part of a batch.
        RangeError
            For samples out of range.
        BoardError, LinkError
            When the engine cannot train or makes no progress; when the board does not answer any more.
        """
        words, labels = self._samples(x), np.asarray(y)
        if self._streamed:
            raise BoardUseError("weights that come over the link are not trained; load the network without streamed")
        if not len(words) or len(words) % self._batch or labels.shape != (len(words),):
            raise BoardUseError(
                f"samples must be whole batches of {self._batch} with one label each, "
                f"not {len(words)} samples and labels of the shape {labels.shape}"
            )
        try:
            self._board.train(
                words.reshape(-1, self._batch, words.shape[1]), labels.reshape(-1, self._batch), rate, seed, epochs
            )
        except ValueError as error:
            raise BoardUseError(str(error)) from None

    def predict(self, x: ArrayLike) -> NDArray[np.int64]:
        """Class indices of any number of samples; values that leave [-8, 8) are saturated.

        Raises
        ------
        BoardUseError
            For samples with another number of features.
        BoardError, LinkError
            As `train`.
        """
        words = self._samples(x, saturate=True)
        if self._streamed:
            classes: NDArray[np.int64] = self._streamed.logits(words).argmax(axis=1)
            return classes
        return self._board.predict(words)

    def outputs(self, x: ArrayLike) -> NDArray[np.float64]:
        """Outputs of any number of samples, ``samples x classes``: logits as multiples of 2^-8, or of 2^-12 with a
        mean square loss; errors as `predict`."""
        bits = 8 if self._loaded().loss is Loss.SOFTMAX else 12
        board = self._streamed or self._board
        outputs: NDArray[np.float64] = board.logits(self._samples(x, saturate=True)) / float(1 << bits)
        return outputs

    def counters(self) -> Counters:
        """Counters of the last run: cycles, correct samples, saturations; zeros before the first."""
        return self._board.counters()

    def _samples(self, x: ArrayLike, saturate: bool = False) -> NDArray[np.int16]:
        features = self._loaded().inputs
        try:
            values = np.asarray(x, np.float64)
        except (TypeError, ValueError):
            raise BoardUseError("samples must be numbers, samples x features") from None
        if values.ndim != 2 or values.shape[1] != features or not np.isfinite(values).all():
            raise BoardUseError(f"samples must be finite, of the shape samples x {features}, not {values.shape}")
        return saturate_q3_12(values)[0] if saturate else to_q3_12(values, "samples")

    def _loaded(self) -> Network:
        if self._network is None:
            raise BoardUseError("the board holds no network yet: load one first")
        return self._network
