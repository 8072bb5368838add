"""Label and program memories behind the host's door."""

import numpy as np

from deep3.hdl.contract.config import EngineConfig
from deep3.hdl.contract.program import Space

__all__ = ["HostPort"]


class HostPort:
    """Twin of `hdl.engine.host_port.HostPort`, without its latency: the spaces that it keeps itself.

    Attributes
    ----------
    spaces : dict of `Space` to int64 [words]
        Unsigned words.
    """

    def __init__(self, config: EngineConfig) -> None:
        self.spaces = {
            Space.LABEL: np.zeros(config.label_words, np.int64),
            Space.PROGRAM: np.zeros(config.max_instructions * config.encoding.words, np.int64),
        }

    def write(self, space: Space, address: int, word: int) -> None:
        """Store a word; the counters do not take any."""
        if space in self.spaces:
            self.spaces[space][address] = word

    def read(self, space: Space, address: int) -> int:
        """A word of the label or program memory."""
        return int(self.spaces[space][address])
