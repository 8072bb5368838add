"""An engine as a worker: a board over its link, a virtual board, or the bit-exact twin in this process."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from deep3.compiler.dropout import engine_weights, network_weights
from deep3.compiler.layout import DoesNotFit
from deep3.compiler.lowering import lower_with_most_buffers
from deep3.compiler.network.network import Network
from deep3.compiler.optimisers.optimiser import SGD, Optimiser
from deep3.hdl.contract.fixed_point import STEPS, from_q3_12, saturate_q3_12
from deep3.hdl.contract.program import Counter
from deep3.host.board.board import Board
from deep3.host.global_network.blocks import Weights

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
        How weights change.

    Raises
    ------
    BackendError
        When the network does not fit the engine, or the engine cannot train.
    LinkError
        When the board does not answer.
    """

    def __init__(self, board: Board, topology: Network, batch: int, optimiser: Optimiser = SGD) -> None:
        self._board = board
        self._optimiser = optimiser
        self._state_unit = optimiser.state_unit(batch)
        try:
            self._load(topology, batch, optimiser)
        except BaseException:
            board.close()
            raise

    def train(
        self,
        weights: Weights,
        inputs: NDArray[np.int16],
        labels: NDArray[np.int64],
        rate: float,
        seed: int,
        state: Sequence[NDArray[np.float32]] = (),
    ) -> Trained:
        """See `host.workers.base.Backend.train`."""
        rounded = [saturate_q3_12(matrix) for matrix in engine_weights(self._steps, weights)]
        initial = [words for words, _ in rounded]
        initial_state = self._state_words(state or [np.zeros_like(matrix) for matrix in weights])
        self._board.write_weights(initial, initial_state)
        try:
            self._board.train(inputs, labels, rate, seed)
        except ValueError as error:
            raise BackendError(f"{self._board.port.name}: {error}") from None
        final, final_state = self._board.read_weights(), self._board.read_state()
        counters = self._board.counters()
        change = [from_q3_12(after) - from_q3_12(before) for after, before in zip(final, initial, strict=True)]
        return Trained(
            _float32(network_weights(self._steps, change)),
            correct=counters.totals[Counter.CORRECT],
            state_difference=self._state_difference(final_state, initial_state),
            clipped=counters.saturations + sum(clipped for _, clipped in rounded),
            engine_cycles=counters.totals[Counter.CYCLES],
        )

    def close(self) -> None:
        """Give the board back."""
        self._board.close()

    def _state_words(self, state: Sequence[NDArray[np.float32]]) -> list[NDArray[np.int16]]:
        """The state as the engine keeps it; empty for an optimiser without one. Sums that are too large for a word are
        the largest, as they are on the engine: nothing was lost that should be counted."""
        if not self._optimiser.state:
            return []
        scaled = engine_weights(self._steps, state, self._optimiser.state_power)
        return [saturate_q3_12(matrix / (self._state_unit * STEPS))[0] for matrix in scaled]

    def _state_difference(self, after: list[NDArray[np.int16]], before: list[NDArray[np.int16]]) -> Weights:
        if not self._optimiser.state:
            return []
        change = [(a.astype(np.float64) - b) * self._state_unit for a, b in zip(after, before, strict=True)]
        return _float32(network_weights(self._steps, change, self._optimiser.state_power))

    def _load(self, topology: Network, batch: int, optimiser: Optimiser) -> None:
        config, name = self._board.config, self._board.port.name
        if not config.loss_unit:
            raise BackendError(f"{name} cannot train: loss_unit of its configuration must be true, not False")
        try:
            lowered = lower_with_most_buffers(topology, config, batch, optimiser)
        except DoesNotFit as error:
            remedy = what_fits(topology, config, batch, optimiser)
            raise BackendError(f"local network {topology.widths} on {name}: {error}; {remedy}") from None
        except ValueError as error:
            raise BackendError(f"local network {topology.widths} on {name}: {error}") from None
        self._steps = lowered.layout.steps
        self._board.load(lowered)


def _float32(matrices: Sequence[NDArray[np.floating]]) -> Weights:
    return [matrix.astype(np.float32) for matrix in matrices]
