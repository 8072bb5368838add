"""Program memory in the place of the host port's."""

import random
from collections import deque
from typing import Any

from deep3.hdl.contract.config import EngineConfig
from deep3.hdl.contract.timing import PROGRAM_READ_CYCLES

__all__ = ["ProgramMemory"]


class ProgramMemory:
    """16-bit words behind a read port with a latency of `PROGRAM_READ_CYCLES`.

    Parameters
    ----------
    address, word
        Ports of the unit under test.
    config : EngineConfig
    rng
        Of the first contents.
    """

    def __init__(self, address: Any, word: Any, config: EngineConfig, rng: random.Random) -> None:
        self._instruction_words = config.encoding.words
        self.words = [rng.getrandbits(16) for _ in range(config.max_instructions * self._instruction_words)]
        self._address = address
        self._word = word
        self._addresses = deque([0] * PROGRAM_READ_CYCLES, PROGRAM_READ_CYCLES)

    def store(self, slot: int, words: list[int]) -> None:
        """An instruction; nothing may be read meanwhile."""
        start = slot * self._instruction_words
        self.words[start : start + self._instruction_words] = words

    def drive(self) -> None:
        """At the beginning of a cycle."""
        # Behind its last word a fetch reads on, whatever there is.
        self._word.value = self.words[self._addresses[0] % len(self.words)]

    def sample(self) -> None:
        """At its end."""
        self._addresses.append(int(self._address.value))
