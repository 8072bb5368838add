"""Bench of the operand store: roles, drains and host words at once, against its twin."""

import os
import random
from typing import Any

import cocotb

from deep3.hdl.contract.config import EngineConfig
from deep3.hdl.contract.program import Memory
from deep3.hdl.contract.timing import MEMORY_WRITE_CYCLES, STORE_READ_CYCLES
from deep3.hdl.engine.memory import BankAddresses
from deep3.sim.bench.timeline import Timeline
from deep3.sim.golden.engine.store import OperandStore

from .store_parts import EDGES, OPERANDS, ROLES, Drain, Driver, HostWord, HostWrites, Monitor, Stimulus

SETTLE_CYCLES = BankAddresses.SETTLE_CYCLES + 2
REST_CYCLES = STORE_READ_CYCLES + 2
"""From the last address of a walk until all is read and stored."""


class Bench:
    """A store with everything around it."""

    def __init__(self, dut: Any) -> None:
        self.config = config = EngineConfig.from_toml(os.environ["DEEP3_CONFIG"])
        self.rng = random.Random(int(os.environ["DEEP3_SEED"]))
        self.twin = OperandStore(config)
        self.stimulus = Stimulus(self.rng, self.twin, config)
        self.driver = Driver(dut, self.rng, config)
        self.host = HostWrites(dut, self.twin, config.encoding.address_bits)
        self.board = Timeline(dut, Monitor(dut, config).sample)
        self.lanes = {"stream": config.rows, "load": config.rows, "aux": config.columns}
        self.memories = dict(zip(ROLES, OPERANDS, strict=True))
        self.steps = dict.fromkeys(ROLES, 0)
        self.write_step = 0
        self.edge_widths = dict.fromkeys(EDGES, config.rows)

    async def cycle(self, *, drain: Drain | None = None, offer: HostWord | None = None) -> None:
        """Reads are presented before: they see the drains of earlier cycles."""
        self.driver.drain(drain)
        self.host.drive(offer, drain)
        if drain:
            self.twin.memories[drain.memory].write(drain.address, self.write_step, drain.values, drain.enable)
        await self.board.settle()
        self.host.sample()
        await self.board.edge()

    def present_noise(self) -> None:
        for role in ROLES:
            self.driver.read(role, self.stimulus.address(Memory.ACTIVATION))
        self.driver.load_edge(self.rng.choice((None, *self.driver.edges)))

    def present(self, role: str, drain: Drain | None) -> None:
        """A vector for a role; compared unless some word of it may be written before or after it is read."""
        memory, step = self.memories[role], self.steps[role]
        address = self.stimulus.address(Memory.ACTIVATION if memory is Memory.NONE else memory)
        self.driver.read(role, address)
        edge = self.rng.choice((None, *self.driver.edges))
        if role == "load":
            self.driver.load_edge(edge)
        if memory is Memory.NONE:
            return
        operand = self.twin.memories[memory]
        located = set(operand.located(address, step, self.lanes[role]).tolist())
        unsure = {word for where, word in self.stimulus.host_words if where is memory}
        if drain and drain.memory is memory:
            unsure |= set(operand.located(drain.address, self.write_step, self.config.columns).tolist())
        if located & unsure:
            return
        if role == "load":
            vector = self.twin.load(memory, address, step, self.edge_widths[edge] if edge else None)
        else:
            vector = operand.read(address, step, self.lanes[role])
        self.board.expect(role, STORE_READ_CYCLES, tuple(vector.tolist()))

    async def rest(self, cycles: int) -> None:
        for _ in range(cycles):
            self.present_noise()
            await self.cycle()

    async def walk(self, vectors: int, drain_rate: float, offer_rate: float) -> None:
        """Reads by all roles, drains into any memory, host words into all."""
        rng = self.rng
        memories = rng.sample([*OPERANDS, Memory.NONE], 3)
        self.memories = dict(zip(ROLES, memories, strict=True))
        self.steps = {role: self.stimulus.lane_step() for role in ROLES}
        self.edge_widths = {edge: rng.randrange(1, self.config.rows + 1) for edge in EDGES}
        self.write_step = self.stimulus.lane_step()
        self.driver.roles(self.memories, self.steps, self.edge_widths)
        self.driver.write_step(self.write_step)
        host_words = self.stimulus.choose_host_words(vectors if offer_rate else 0)
        await self.rest(SETTLE_CYCLES)
        destination = rng.choice(OPERANDS)
        for _ in range(vectors):
            offers = bool(host_words) and not self.host.word and rng.random() < offer_rate
            drain = self.stimulus.drain(destination, self.write_step) if rng.random() < drain_rate else None
            for role in ROLES:
                self.present(role, drain)
            await self.cycle(drain=drain, offer=host_words.popleft() if offers else None)
        while self.host.word:
            await self.rest(1)
        await self.rest(REST_CYCLES)

    async def host_reads(self, addresses: list[tuple[Memory, int]]) -> None:
        """Single words, one a cycle."""
        self.driver.host_reads(True)
        await self.rest(SETTLE_CYCLES)
        for memory, address in addresses:
            self.present_noise()
            self.driver.host_read(memory, address)
            word = int(self.twin.memories[memory].words[address])
            self.board.expect("host_data", STORE_READ_CYCLES, (word,))
            await self.cycle()
        await self.rest(REST_CYCLES)
        self.driver.host_reads(False)

    async def reset(self) -> None:
        self.driver.roles(self.memories, self.steps, self.edge_widths)
        self.driver.write_step(0)
        self.driver.host_reads(False)
        self.driver.host_read(Memory.ACTIVATION, 0)
        self.driver.drain(None)
        self.host.dut.host_write__valid.value = 0
        self.present_noise()
        await self.board.clock.reset()
        await self.rest(MEMORY_WRITE_CYCLES)


@cocotb.test()
async def random_walks(dut: Any) -> None:
    """DEEP3_WALKS walks with host reads between them, then every word of every memory."""
    bench = Bench(dut)
    rng, stimulus = bench.rng, bench.stimulus
    await bench.reset()
    for _ in range(int(os.environ["DEEP3_WALKS"])):
        await bench.walk(rng.randrange(1, 60), rng.choice((0.0, 0.5, 1.0)), rng.choice((0.0, 0.5, 1.0)))
        chosen = [rng.choice(OPERANDS) for _ in range(rng.randrange(10))]
        await bench.host_reads([(memory, stimulus.address(memory)) for memory in chosen])
    words = {memory: len(operand.words) for memory, operand in bench.twin.memories.items()}
    await bench.host_reads([(memory, address) for memory in OPERANDS for address in range(words[memory])])
    await bench.board.finish()
    assert set(bench.board.compared) == {*ROLES, "host_data"}
