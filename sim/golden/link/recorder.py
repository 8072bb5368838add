"""Memory and a log of commands in the place of an engine: twin of `sim.bench.link.recorder.Recorder`."""

import numpy as np
from numpy.typing import NDArray

from deep3.hdl.contract.program import Space, StartParameters

__all__ = ["ABORTED", "COMMITTED", "LOG_BASE", "LOG_ENTRIES", "MEMORY_WORDS", "STARTED", "Recorder"]

MEMORY_WORDS = 1 << 13
"""Of each space; addresses below `LOG_BASE` go round."""

LOG_ENTRIES = 1 << 12
LOG_BASE = 1 << 17
"""Word address of the log, in the spaces that reach as far."""

STARTED, COMMITTED, ABORTED = 1, 2, 3
"""Kinds of the log."""

Words = NDArray[np.uint16]


class Recorder:
    """What a `sim.golden.link.endpoint.Endpoint` needs of an engine: twin of `sim.bench.link.recorder.Recorder`.

    Attributes
    ----------
    memory
        ``uint16 [spaces, MEMORY_WORDS]``.
    log
        (kind, seed, batches) of every START, COMMIT and new session.
    """

    def __init__(self) -> None:
        self.memory = np.zeros((Space.COUNTER, MEMORY_WORDS), np.uint16)
        self.log: list[tuple[int, int, int]] = []
        self.batches_done = 0
        self.words_written = 0
        self._left = 0

    @property
    def busy(self) -> bool:
        """A run is on."""
        return self._left > 0

    def write(self, space: Space, address: int, words: Words) -> None:
        """Store words."""
        self.words_written += len(words)
        first = address % MEMORY_WORDS
        if first + len(words) <= MEMORY_WORDS:
            self.memory[space, first : first + len(words)] = words
        else:
            self.memory[space, np.arange(first, first + len(words)) % MEMORY_WORDS] = words

    def read(self, space: Space, address: int, count: int) -> Words:
        """Words of a memory, of the log or of the counts."""
        places = range(address, address + count)
        if space == Space.COUNTER:
            counts = len(self.log) | self.words_written << 32
            return np.array([counts >> 16 * (place & 3) & 0xFFFF for place in places], np.uint16)
        words: Words = self.memory[space, np.arange(address, address + count) % MEMORY_WORDS]
        for place in places[max(0, LOG_BASE - address) :]:
            words[place - address] = self._logged(place)
        return words

    def start(self, parameters: StartParameters) -> None:
        """Begin a run, which ends when as many batches are committed as it has."""
        self.log.append((STARTED, parameters.seed, parameters.batches & 0xFFFF))
        self.batches_done = 0
        self._left = parameters.batches

    def commit(self, batches: int) -> None:
        """Finish batches at once."""
        self.log.append((COMMITTED, 0, batches))
        finished = min(batches, self._left)
        self.batches_done += finished
        self._left -= finished

    def abort(self) -> None:
        """End a run."""
        self.log.append((ABORTED, 0, 0))
        self._left = 0

    def _logged(self, address: int) -> int:
        index = (address >> 2) % LOG_ENTRIES
        # The log goes round: the newest command whose place this is.
        rounds = (len(self.log) - 1 - index) // LOG_ENTRIES
        if rounds < 0:
            return 0
        kind, seed, batches = self.log[index + rounds * LOG_ENTRIES]
        return (seed | batches << 32 | kind << 48) >> 16 * (address & 3) & 0xFFFF
