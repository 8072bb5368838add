"""An engine as a worker: a board over its link, a virtual board, or the bit-exact twin in this process."""

import numpy as np
from numpy.typing import NDArray

from deep3.compiler.dropout import engine_weights, network_weights
from deep3.compiler.layout import DoesNotFit, most_buffers
from deep3.compiler.lowering import lower
from deep3.compiler.network.network import Network
from deep3.compiler.optimisers.optimiser import SGD, Optimiser
from deep3.hdl.contract.fixed_point import from_q3_12, saturate_q3_12
from deep3.hdl.contract.program import Counter
from deep3.host.board.board import Board
from deep3.host.global_network.global_network import Weights

from .base import BackendError, Trained
from .engine_choice import what_fits

__all__ = ["FpgaBackend"]


class FpgaBackend:
    """A local trainer on `host.board.board.Board` (see `host.workers.base.Backend`).

    Parameters
    ----------
    board
        Closed with this, and when the network does not fit.
    topology
        The local network.
    batch
        Samples of a batch.
    optimiser
        How weights change; what it keeps begins at 0 with every `train`.

    Raises
    ------
    BackendError
        When the network does not fit the engine, or the engine cannot train.
    LinkError
        When the board does not answer.
    """

    def __init__(self, board: Board, topology: Network, batch: int, optimiser: Optimiser = SGD) -> None:
        self._board = board
        try:
            self._load(topology, batch, optimiser)
        except BaseException:
            board.close()
            raise

    def train(
        self, weights: Weights, inputs: NDArray[np.int16], labels: NDArray[np.int64], rate: float, seed: int
    ) -> Trained:
        """See `host.workers.base.Backend.train`."""
        rounded = [saturate_q3_12(matrix) for matrix in engine_weights(self._steps, weights)]
        initial = [words for words, _ in rounded]
        self._board.write_weights(initial)
        try:
            self._board.train(inputs, labels, rate, seed)
        except ValueError as error:
            raise BackendError(f"{self._board.port.name}: {error}") from None
        final = self._board.read_weights()
        counters = self._board.counters()
        change = [from_q3_12(after) - from_q3_12(before) for after, before in zip(final, initial, strict=True)]
        return Trained(
            network_weights(self._steps, change),
            correct=counters.totals[Counter.CORRECT],
            clipped=counters.saturations + sum(clipped for _, clipped in rounded),
            engine_cycles=counters.totals[Counter.CYCLES],
        )

    def close(self) -> None:
        """Give the board back."""
        self._board.close()

    def _load(self, topology: Network, batch: int, optimiser: Optimiser) -> None:
        config, name = self._board.config, self._board.port.name
        if not config.loss_unit:
            raise BackendError(f"{name} cannot train: loss_unit of its configuration must be true, not False")
        try:
            # As many buffers as fit: then the batches of a push are usually all there before the run begins.
            buffers = most_buffers(topology, config, batch, optimiser)
            lowered = lower(topology, config, batch, max(1, buffers), optimiser)
        except DoesNotFit as error:
            remedy = what_fits(topology, config, batch, optimiser)
            raise BackendError(f"local network {topology.widths} on {name}: {error}; {remedy}") from None
        except ValueError as error:
            raise BackendError(f"local network {topology.widths} on {name}: {error}") from None
        self._steps = lowered.layout.steps
        self._board.load(lowered)
