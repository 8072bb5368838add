"""Instruction prefetch: which instruction is ready when."""

from collections.abc import Sequence
from typing import NamedTuple

from deep3.hdl.contract.config import EngineConfig
from deep3.hdl.contract.timing import fetch_cycles

__all__ = ["Fetch", "FetchOutputs", "instruction_words", "packed_instruction"]


class FetchOutputs(NamedTuple):
    """Of one cycle; None where the contract leaves a value open.

    Attributes
    ----------
    address : int or None
        Of the word that is read.
    ready : bool
    instruction : int or None
        Encoded, first word in the lowest 16 bits.
    """

    address: int | None
    ready: bool
    instruction: int | None


class Fetch:
    """Twin of `hdl.engine.fetch.Fetch` with the program memory that it reads.

    Parameters
    ----------
    config : EngineConfig
    program
        16-bit words; may change while nothing is read.
    """

    def __init__(self, config: EngineConfig, program: Sequence[int]) -> None:
        self._words = config.encoding.words
        self._cycles = fetch_cycles(config)
        self._program = program
        self._slot: int | None = None
        self._since_begin = 0

    def cycle(self, begin: bool, slot: int) -> FetchOutputs:
        """The outputs of this cycle; what begins now is seen from the next on."""
        outputs = self._outputs()
        self._since_begin += 1
        if begin:
            self._slot, self._since_begin = slot, 0
        return outputs

    def _outputs(self) -> FetchOutputs:
        if self._slot is None:
            return FetchOutputs(address=None, ready=True, instruction=None)
        if self._since_begin < self._words:
            return FetchOutputs(self._slot * self._words + self._since_begin, ready=False, instruction=None)
        if self._since_begin < self._cycles:
            return FetchOutputs(address=None, ready=False, instruction=None)
        words = instruction_words(self._program, self._slot, self._words)
        return FetchOutputs(address=None, ready=True, instruction=packed_instruction(words))


def instruction_words(program: Sequence[int], slot: int, words: int) -> list[int]:
    """The encoded instruction of so many words in program slot ``slot``."""
    return list(program[slot * words : (slot + 1) * words])


def packed_instruction(words: Sequence[int]) -> int:
    """The words of an instruction as one, the first in the lowest bits."""
    return sum(word << (16 * index) for index, word in enumerate(words))
