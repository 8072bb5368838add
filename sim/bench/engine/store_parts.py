"""Parts of the bench of the operand store: what reads, drains and host words are presented."""

import random
from collections import deque
from dataclasses import dataclass
from typing import Any

from deep3.hdl.contract.config import EngineConfig
from deep3.hdl.contract.program import Memory
from deep3.hdl.contract.timing import MEMORY_WRITE_CYCLES
from deep3.sim.bench.words import pack, random_word, unpack
from deep3.sim.golden.engine.store import OperandStore

__all__ = ["EDGES", "OPERANDS", "ROLES", "Drain", "Driver", "HostWord", "HostWrites", "Monitor", "Stimulus"]

OPERANDS = (Memory.ACTIVATION, Memory.WEIGHT, Memory.ERROR)
ROLES = ("stream", "load", "aux")
EDGES = ("load_edge", "load_inner_edge")
"""Engines without convolution have the first one."""

WORD_BITS = 16


@dataclass(frozen=True)
class Drain:
    """A vector of results."""

    memory: Memory
    address: int
    values: tuple[int, ...]
    enable: tuple[int, ...]


@dataclass(frozen=True)
class HostWord:
    """A word from the host."""

    memory: Memory
    address: int
    word: int


class Stimulus:
    """Where to read and write. Host words of a walk are chosen before it, and drains stay off: their order is free."""

    def __init__(self, rng: random.Random, twin: OperandStore, config: EngineConfig) -> None:
        self.rng = rng
        self.twin = twin
        self.columns = config.columns
        self.lane_step_bits = config.encoding.lane_step_bits
        self.host_words: dict[tuple[Memory, int], HostWord] = {}

    def lane_step(self) -> int:
        return self.rng.choice((0, 1, self.rng.randrange(1 << self.lane_step_bits)))

    def address(self, memory: Memory) -> int:
        """Now and then among the first words, so that reads meet what was written."""
        words = len(self.twin.memories[memory].words)
        return self.rng.randrange(self.rng.choice((64, words)))

    def drain(self, memory: Memory, lane_step: int) -> Drain | None:
        """None where it would meet a host word of the walk."""
        address = self.address(memory)
        located = self.twin.memories[memory].located(address, lane_step, self.columns).tolist()
        if any((memory, word) in self.host_words for word in located):
            return None
        values = tuple(random_word(self.rng) for _ in located)
        enable = tuple(int(self.rng.random() < 0.7) for _ in located)
        return Drain(memory, address, values, enable)

    def choose_host_words(self, count: int) -> deque[HostWord]:
        """No two of them at one place."""
        self.host_words.clear()
        for _ in range(count):
            memory = self.rng.choice(OPERANDS)
            address = self.address(memory)
            self.host_words[memory, address] = HostWord(memory, address, random_word(self.rng))
        return deque(self.host_words.values())


class Driver:
    """Presents addresses and drains; what does not count is noise."""

    def __init__(self, dut: Any, rng: random.Random, config: EngineConfig) -> None:
        self.dut = dut
        self.rng = rng
        self.columns = config.columns
        self.address_bits = config.encoding.address_bits
        self.edges = EDGES[: 1 + config.convolution]

    def roles(self, memories: dict[str, Memory], steps: dict[str, int], edge_widths: dict[str, int]) -> None:
        for role in ROLES:
            getattr(self.dut, f"{role}_memory").value = int(memories[role])
            getattr(self.dut, f"{role}_step").value = steps[role]
        for edge in self.edges:
            getattr(self.dut, f"{edge}_width").value = edge_widths[edge]

    def read(self, role: str, address: int) -> None:
        getattr(self.dut, f"{role}_address").value = address

    def load_edge(self, reached: str | None) -> None:
        for edge in self.edges:
            getattr(self.dut, edge).value = int(edge == reached)

    def host_reads(self, active: bool) -> None:
        self.dut.host_reads.value = int(active)

    def host_read(self, memory: Memory, address: int) -> None:
        self.dut.host_memory.value = int(memory)
        self.dut.host_address.value = address

    def write_step(self, lane_step: int) -> None:
        self.dut.write_step.value = lane_step

    def drain(self, drain: Drain | None) -> None:
        rng = self.rng
        values = (rng.getrandbits(15),) * self.columns
        shown = drain or Drain(rng.choice(OPERANDS), rng.getrandbits(self.address_bits), values, ())
        self.dut.write_memory.value = int(shown.memory)
        self.dut.write_address.value = shown.address
        self.dut.write_data.value = pack(shown.values, WORD_BITS)
        self.dut.write_enable.value = pack(shown.enable, 1)


class HostWrites:
    """Presents host words and keeps them up until they are taken; says which waits, by the twin."""

    def __init__(self, dut: Any, twin: OperandStore, address_bits: int) -> None:
        self.dut = dut
        self.twin = twin
        self.address_bits = address_bits
        self.word: HostWord | None = None
        self.accepted: HostWord | None = None
        self._drains: deque[Memory | None] = deque([None] * MEMORY_WRITE_CYCLES)

    def drive(self, word: HostWord | None, drain: Drain | None) -> None:
        """``word`` is offered where none is."""
        self._drains.append(drain.memory if drain and any(drain.enable) else None)
        self.word = self.word or word
        self.dut.host_write__valid.value = int(self.word is not None)
        if self.word:
            data = (self.word.word & 0xFFFF) << (2 + self.address_bits)
            self.dut.host_write__payload.value = int(self.word.memory) | self.word.address << 2 | data

    def sample(self) -> None:
        """Ready and waits are what the twin says; a word taken is stored."""
        waits = self.twin.host_waits(self.accepted and self.accepted.memory, self._drains.popleft())
        seen = bool(self.dut.host_waits.value), bool(self.dut.host_write__ready.value)
        assert seen == (waits, not waits), f"(host_waits, host_write.ready) is {seen}, the twin waits: {waits}"
        if waits:
            return
        self.accepted, self.word = self.word, None
        if self.accepted:
            self.twin.memories[self.accepted.memory].words[self.accepted.address] = self.accepted.word


class Monitor:
    """Vectors by role, and the host's word."""

    def __init__(self, dut: Any, config: EngineConfig) -> None:
        self.dut = dut
        self.lanes = {"stream": config.rows, "load": config.rows, "aux": config.columns, "host_data": 1}

    def sample(self, output: str) -> tuple[int, ...]:
        return unpack(int(getattr(self.dut, output).value), WORD_BITS, self.lanes[output])
