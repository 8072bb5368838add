"""Bench of the address generator: loop nests as an instruction encodes them, against their strides."""

import os
import random
from typing import Any

import cocotb

from deep3.hdl.cells.layouts import instruction_layout
from deep3.hdl.contract.instruction import Instruction
from deep3.hdl.contract.nest import Walk
from deep3.hdl.contract.program import ADDRESS_BITS, Memory, Mode
from deep3.hdl.engine.walker import Level
from deep3.sim.bench.timeline import Timeline
from deep3.sim.golden.engine.walker import walk_addresses

MASK = (1 << ADDRESS_BITS) - 1
LEVELS = {"stream": ("inner", "reduction", "outer"), "load": ("inner", "reduction", "outer"), "out": ("inner", "outer")}


class Nest:
    """A random instruction; one of its operands is walked."""

    def __init__(self, rng: random.Random) -> None:
        self.operand = rng.choice(list(LEVELS))
        strides = {level: rng.choice((0, 1, rng.randint(-(1 << 17), (1 << 17) - 1))) for level in LEVELS[self.operand]}
        self.walk = Walk(base=rng.randint(0, MASK), buffered=bool(rng.getrandbits(1)), **strides)
        self.offset = rng.randint(0, MASK)
        counts = [rng.choice((1, rng.randint(1, 6))) for _ in range(3)]
        inner, reduction, outer = counts
        walks = {"stream": Walk(), "load": Walk(), self.operand: self.walk}
        # Out walks pass once over an outer tile, whatever the reduction is.
        self.counts = (inner, 1 if self.operand == "out" else reduction, outer)
        instruction = Instruction(
            mode=Mode.FORWARD, reduction_count=reduction, outer_count=outer, tile_cycles=64,
            time_count=rng.randint(1, 6) if self.operand == "load" else inner,
            tile_width=inner if self.operand == "load" else rng.randint(1, 6),
            last_reduction_width=1, last_outer_width=1, stream_memory=Memory.ACTIVATION, load_memory=Memory.WEIGHT,
            **walks,
        )  # fmt: skip
        packed = sum(word << (16 * index) for index, word in enumerate(instruction.encode()))
        fields: Any = instruction_layout().from_bits(packed & ((1 << instruction_layout().size) - 1))
        self.jumps = {level: int(fields[f"{self.operand}_{level}"]) for level in LEVELS[self.operand]}
        self.base = int(fields[f"{self.operand}_base"])
        self.buffered = int(fields[f"{self.operand}_buffered"])

    def addresses(self) -> list[int]:
        return [int(address) for address in walk_addresses(self.walk, *self.counts, self.offset).flat]

    def levels(self) -> list[Level]:
        """The loop that advances after each address."""
        inner, reduction, outer = self.counts
        levels = []
        for tile in range(1, reduction * outer + 1):
            levels += [Level.INNER] * (inner - 1) + [Level.REDUCTION if tile % reduction else Level.OUTER]
        return levels


class Driver:
    """Plays the sequencer."""

    def __init__(self, dut: Any, rng: random.Random) -> None:
        self.dut = dut
        self.rng = rng

    def show(self, nest: Nest) -> None:
        """The fields of an instruction."""
        self.dut.base.value = nest.base
        self.dut.offset.value = nest.offset
        self.dut.buffered.value = nest.buffered
        for level in ("inner", "reduction", "outer"):
            getattr(self.dut, level).value = nest.jumps.get(level, self.rng.randint(0, MASK))

    def control(self, *, begin: bool, step: bool, level: Level) -> None:
        self.dut.begin.value = int(begin)
        self.dut.step.value = int(step)
        self.dut.level.value = level.value


@cocotb.test()
async def random_nests(dut: Any) -> None:
    """DEEP3_NESTS walks with gaps; some are left before their end."""
    rng = random.Random(int(os.environ["DEEP3_SEED"]))
    driver = Driver(dut, rng)
    board = Timeline(dut, lambda _: int(dut.address.value))
    driver.control(begin=False, step=False, level=Level.INNER)
    await board.clock.reset()
    for _ in range(int(os.environ["DEEP3_NESTS"])):
        nest = Nest(rng)
        driver.show(nest)
        driver.control(begin=True, step=bool(rng.getrandbits(1)), level=rng.choice(list(Level)))
        await board.cycle_ends()
        gap = rng.choice((0.0, 0.5))
        addresses = nest.addresses()
        used = rng.choice((len(addresses), rng.randint(1, len(addresses))))
        for address, level in zip(addresses[:used], nest.levels()[:used], strict=True):
            while rng.random() < gap:
                driver.control(begin=False, step=False, level=rng.choice(list(Level)))
                board.expect("address", 0, address)
                await board.cycle_ends()
            driver.control(begin=False, step=True, level=level)
            board.expect("address", 0, address)
            await board.cycle_ends()
    await board.finish()
