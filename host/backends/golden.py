"""The engine's bit-exact twin as a worker: what a board computes, without its clock cycles or its link."""

import numpy as np
from numpy.typing import NDArray

from cost_model.layout import most_buffers
from cost_model.lowering import lower, quantise_rate
from cost_model.network import Network
from hdl.config import EngineConfig
from hdl.program import Counter, Space, counter_word
from host.network import Weights
from sim.golden.engine import Engine

from .base import BackendError, Trained
from .quantised import difference, quantise

__all__ = ["GoldenBackend"]


class GoldenBackend:
    """A local trainer on `sim.golden.engine.Engine` (see `host.backends.base.Backend`).

    Raises
    ------
    BackendError
        When the network does not fit the engine.
    """

    def __init__(self, topology: Network, config: EngineConfig, batch: int) -> None:
        if not config.loss_unit:
            raise BackendError("worker golden needs an engine that trains: loss_unit must be true, not False")
        try:
            buffers = min(2, most_buffers(topology, config, batch))
            self._lowered = lower(topology, config, batch, max(1, buffers))
        except ValueError as error:
            raise BackendError(f"the local network does not go onto the engine: {error}") from None
        self._engine = Engine(config)
        self._engine.write(Space.PROGRAM, 0, self._lowered.image())
        self._write(Space.ACTIVATION, 0, self._lowered.layout.ones())

    def train(
        self, weights: Weights, inputs: NDArray[np.int16], labels: NDArray[np.int64], rate: float, seed: int
    ) -> Trained:
        """See `host.backends.base.Backend.train`."""
        layout, program = self._lowered.layout, self._lowered.training
        try:
            mantissa_and_shift = quantise_rate(rate, layout.batch)
        except ValueError as error:
            raise BackendError(str(error)) from None
        initial, clipped = quantise(weights)
        self._write(Space.WEIGHT, 0, layout.pack_weights(initial))
        self._engine.start(program.start(layout, len(inputs), mantissa_and_shift, resident=False, seed=seed))
        for index, batch in enumerate(layout.padded_inputs(inputs)):
            buffer = index % layout.buffers
            self._write(Space.ACTIVATION, layout.inputs.base + buffer * layout.buffer_words, batch.ravel())
            self._engine.write(Space.LABEL, buffer * layout.batch, labels[index].astype(np.uint16))
            self._engine.commit(1)
        image = self._engine.read(Space.WEIGHT, 0, layout.weights[-1].end).view(np.int16)
        return Trained(
            difference(layout.unpack_weights(image), initial),
            correct=self._engine.counter(Counter.CORRECT),
            clipped=clipped + self._saturations(),
            engine_cycles=self._engine.counter(Counter.CYCLES),
        )

    def close(self) -> None:
        """Nothing to give back."""

    def _write(self, space: Space, address: int, words: NDArray[np.int16]) -> None:
        self._engine.write(space, address, np.ascontiguousarray(words).view(np.uint16))

    def _saturations(self) -> int:
        program = self._lowered.training
        total = 0
        for index in range(program.first_instruction, program.end):
            low, high = self._engine.read(Space.COUNTER, counter_word(index, saturations=True), 2)
            total += int(low) | int(high) << 16
        return total
