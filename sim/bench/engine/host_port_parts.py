"""Parts of the bench of the host's door: the two ends of its streams, and the store and counters behind it."""

import random
from collections import deque
from dataclasses import dataclass
from typing import Any

from deep3.hdl.contract.program import Space
from deep3.hdl.contract.timing import COUNTER_READ_CYCLES, STORE_READ_CYCLES

__all__ = ["HostReads", "HostWrites", "Neighbours", "Word", "counter_word", "store_word"]

STORE_SPACES = (Space.ACTIVATION, Space.WEIGHT, Space.ERROR)


@dataclass(frozen=True)
class Word:
    """A word to write."""

    space: Space
    address: int
    word: int


def store_word(space: int, address: int) -> int:
    """What the operand memories of this bench hold."""
    return (address * 40503 + space * 30011) >> 2 & 0xFFFF


def counter_word(address: int) -> int:
    """What the counters of this bench hold."""
    return (address * 52711 + 7) & 0xFFFF


class HostWrites:
    """Presents words with gaps, and keeps them up until they are taken."""

    def __init__(self, dut: Any, rng: random.Random, address_bits: int) -> None:
        self.dut = dut
        self.rng = rng
        self.address_bits = address_bits
        self.gap = 0.0
        self.waiting: deque[Word] = deque()
        self._valid = False

    def drive(self) -> None:
        self._valid = self._valid or (bool(self.waiting) and self.rng.random() >= self.gap)
        self.dut.write__valid.value = int(self._valid)
        shown = self.waiting[0] if self._valid else Word(self.rng.choice(list(Space)), 0, 0)
        self.dut.write__payload.value = int(shown.space) | shown.address << 3 | shown.word << (3 + self.address_bits)

    def sample(self) -> Word | None:
        """The word that was taken."""
        if not (self._valid and self.dut.write__ready.value):
            return None
        self._valid = False
        return self.waiting.popleft()


class HostReads:
    """Asks for words with gaps and takes them with stalls; checks order and that a stalled word holds still."""

    def __init__(self, dut: Any, rng: random.Random, address_bits: int) -> None:
        self.dut = dut
        self.rng = rng
        self.address_bits = address_bits
        self.gap = 0.0
        self.stall = 0.0
        self.wanted: deque[tuple[Space, int, int]] = deque()
        self.compared = 0
        self._asked: deque[tuple[Space, int, int]] = deque()
        self._valid = False
        self._ready = False
        self._held: int | None = None

    @property
    def idle(self) -> bool:
        return not self.wanted and not self._asked

    def drive(self) -> None:
        self._valid = self._valid or (bool(self.wanted) and self.rng.random() >= self.gap)
        self._ready = self.rng.random() >= self.stall
        self.dut.read__valid.value = int(self._valid)
        noise = Space.COUNTER, self.rng.getrandbits(self.address_bits), 0
        space, address, _ = self.wanted[0] if self._valid else noise
        self.dut.read__payload.value = int(space) | address << 3
        self.dut.read_data__ready.value = int(self._ready)

    def sample(self) -> None:
        if self._valid:
            ready = bool(self.dut.read__ready.value)
            assert ready or self.stall, "a read waits, though every word was taken at once"
            if ready:
                self._asked.append(self.wanted.popleft())
                self._valid = False
        if not self.dut.read_data__valid.value:
            assert self._held is None, "read_data: a word was withdrawn before it was taken"
            return
        got = int(self.dut.read_data__payload.value)
        assert self._held in (None, got), "read_data: a stalled word changed"
        assert self._asked, f"read_data: {got}, and nothing was asked for"
        space, address, word = self._asked[0]
        assert got == word, f"{space.name} {address} is {got}, the twin's is {word}"
        self._held = None if self._ready else got
        if self._ready:
            self._asked.popleft()
            self.compared += 1


class Neighbours:
    """Play the operand store, which may make a word wait, and the counters."""

    def __init__(self, dut: Any, rng: random.Random, address_bits: int) -> None:
        self.dut = dut
        self.rng = rng
        self.address_bits = address_bits
        self.wait = 0.0
        self.stored: list[Word] = []
        self._ready = False
        self._store = deque([0] * STORE_READ_CYCLES, STORE_READ_CYCLES)
        self._counters = deque([0] * COUNTER_READ_CYCLES, COUNTER_READ_CYCLES)

    def drive(self) -> None:
        self._ready = self.rng.random() >= self.wait
        self.dut.store_write__ready.value = int(self._ready)
        self.dut.store_data.value = self._store[0]
        self.dut.counter_word.value = self._counters[0]

    def sample(self) -> None:
        dut = self.dut
        self._store.append(store_word(int(dut.store_memory.value), int(dut.store_address.value)))
        self._counters.append(counter_word(int(dut.counter_address.value)))
        if self._ready and dut.store_write__valid.value:
            packed = int(dut.store_write__payload.value)
            address = packed >> 2 & ((1 << self.address_bits) - 1)
            self.stored.append(Word(STORE_SPACES[packed & 3], address, packed >> (2 + self.address_bits)))
