"""Bench of the host's door: words written and read with gaps and stalls, idle and during a run, against its twin."""

import os
import random
from typing import Any

import cocotb

from deep3.hdl.contract.config import EngineConfig
from deep3.hdl.contract.program import Space
from deep3.sim.bench.timeline import Timeline
from deep3.sim.golden.engine.host_port import HostPort

from .host_port_parts import HostReads, HostWrites, Neighbours, Word, counter_word, store_word

STORE_SPACES = (Space.ACTIVATION, Space.WEIGHT, Space.ERROR)
MEMORY_CYCLES = 2
"""Latency of the label and program memories for the engine."""

MOST_CYCLES = 20_000


class Bench:
    """The port with everything around it."""

    def __init__(self, dut: Any) -> None:
        self.dut = dut
        self.rng = random.Random(int(os.environ["DEEP3_SEED"]))
        config = EngineConfig.from_toml(os.environ["DEEP3_CONFIG"])
        self.twin = HostPort(config)
        self.address_bits = config.encoding.address_bits
        self.writes = HostWrites(dut, self.rng, self.address_bits)
        self.reads = HostReads(dut, self.rng, self.address_bits)
        self.neighbours = Neighbours(dut, self.rng, self.address_bits)
        self.board = Timeline(dut, lambda output: int(getattr(dut, output).value))
        self.to_store: list[Word] = []
        self.busy = False
        self.class_rate = 0.0

    async def cycle(self) -> None:
        parts = (self.writes, self.reads, self.neighbours)
        for part in parts:
            part.drive()
        class_word = self.drive_engine()
        await self.board.settle()
        taken = self.writes.sample()
        self.reads.sample()
        self.neighbours.sample()
        assert not (class_word and taken and taken.space is Space.LABEL), "a label and a class were stored at once"
        written = [word for word in (class_word, taken) if word]
        self.expect_engine(written)
        for word in written:
            self.twin.write(word.space, word.address, word.word)
            if word.space in STORE_SPACES:
                self.to_store.append(word)
        await self.board.edge()

    def drive_engine(self) -> Word | None:
        """Sequencer and loss unit: addresses, now and then a class, which is returned."""
        dut, rng = self.dut, self.rng
        dut.busy.value = int(self.busy)
        self.addresses = {space: rng.randrange(len(words)) for space, words in self.twin.spaces.items()}
        dut.label_address.value = self.addresses[Space.LABEL]
        dut.program_address.value = self.addresses[Space.PROGRAM]
        valid = rng.random() < self.class_rate
        found = Word(Space.LABEL, rng.randrange(len(self.twin.spaces[Space.LABEL])), rng.getrandbits(16))
        dut.class_valid.value = int(valid)
        dut.class_address.value = found.address
        dut.class_index.value = found.word
        return found if valid else None

    def expect_engine(self, written: list[Word]) -> None:
        """What the engine reads, unless it is being written; before the twin stores what was."""
        if not self.busy:
            return
        for space, output in ((Space.LABEL, "label"), (Space.PROGRAM, "program_word")):
            address = self.addresses[space]
            if (space, address) in {(word.space, word.address) for word in written}:
                continue
            self.board.expect(output, MEMORY_CYCLES, self.twin.read(space, address))

    async def until_idle(self) -> None:
        for _ in range(MOST_CYCLES):
            if self.reads.idle and not self.writes.waiting:
                return
            await self.cycle()
        raise AssertionError(f"words are left after {MOST_CYCLES} cycles")

    def pace(self) -> None:
        """Other gaps, stalls and waits."""
        self.writes.gap, self.reads.gap, self.reads.stall, self.neighbours.wait = (
            self.rng.choice((0.0, 0.0, 0.3, 0.8)) for _ in range(4)
        )

    def address(self, space: Space) -> int:
        """Now and then among the first words, so that reads meet what was written."""
        words = len(self.twin.spaces[space]) if space in self.twin.spaces else 1 << self.address_bits
        return self.rng.randrange(self.rng.choice((min(words, 128), words)))

    async def write(self, words: int) -> None:
        for _ in range(words):
            space = self.rng.choice(list(Space))
            self.writes.waiting.append(Word(space, self.address(space), self.rng.getrandbits(16)))
        await self.until_idle()
        await self.cycle()

    async def fill(self) -> None:
        """Nothing is promised about memories before their first write."""
        for space, words in self.twin.spaces.items():
            self.writes.waiting.extend(Word(space, at, self.rng.getrandbits(16)) for at in range(len(words)))
        await self.until_idle()

    def ask(self, space: Space, address: int) -> None:
        if space in self.twin.spaces:
            word = self.twin.read(space, address)
        else:
            word = counter_word(address) if space is Space.COUNTER else store_word(int(space), address)
        self.reads.wanted.append((space, address, word))

    async def run(self, words: int) -> None:
        """The engine has its memories: counters are read, words are written meanwhile."""
        self.busy, self.class_rate = True, self.rng.choice((0.0, 0.2, 0.9))
        for _ in range(self.rng.randrange(100)):
            self.ask(Space.COUNTER, self.address(Space.COUNTER))
        await self.write(words)
        self.busy, self.class_rate = False, 0.0
        await self.cycle()


@cocotb.test()
async def random_traffic(dut: Any) -> None:
    """DEEP3_ROUNDS times: write, read back, run. In the end, read every word."""
    bench = Bench(dut)
    for part in (bench.writes, bench.reads, bench.neighbours):
        part.drive()
    bench.drive_engine()
    await bench.board.clock.reset()
    await bench.fill()
    for _ in range(int(os.environ["DEEP3_ROUNDS"])):
        bench.pace()
        await bench.write(bench.rng.randrange(80))
        for _ in range(bench.rng.randrange(80)):
            space = bench.rng.choice(list(Space))
            bench.ask(space, bench.address(space))
        await bench.until_idle()
        await bench.run(bench.rng.randrange(80))
    for space, words in bench.twin.spaces.items():
        for address in range(len(words)):
            bench.ask(space, address)
    await bench.until_idle()
    assert bench.neighbours.stored == bench.to_store
    assert bench.reads.compared
    await bench.board.finish()
