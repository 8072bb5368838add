"""Bench of the address generator: loop nests as an instruction encodes them, against their strides."""

import os
import random
from dataclasses import replace
from typing import Any

import cocotb

from deep3.hdl.cells.layouts import instruction_layout
from deep3.hdl.contract.config import EngineConfig
from deep3.hdl.contract.instruction import WALKS, Encoding, Instruction
from deep3.hdl.contract.nest import Walk
from deep3.hdl.contract.program import Memory, Mode
from deep3.hdl.contract.timing import walk_cycles
from deep3.sim.bench.timeline import Timeline
from deep3.sim.bench.words import pack
from deep3.sim.golden.engine.levels import advancing_level
from deep3.sim.golden.engine.walker import ONE_STEP, walk_addresses

BARE = Instruction(
    mode=Mode.FORWARD, time_count=1, reduction_count=1, outer_count=1, tile_cycles=64, tile_width=1,
    last_reduction_width=1, last_outer_width=1, stream=Walk(), load=Walk(),
    stream_memory=Memory.ACTIVATION, load_memory=Memory.WEIGHT,
)  # fmt: skip


class Nest:
    """A random instruction; one of its operands is walked."""

    def __init__(self, rng: random.Random, operand: str, encoding: Encoding) -> None:
        self.operand = operand
        self.encoding = encoding
        depth = encoding.depth
        loops: dict[str, tuple[int, tuple[int, ...]]] = {}
        strides: dict[str, tuple[int, ...]] = {}
        half = 1 << (encoding.address_bits - 1)
        for loop in WALKS[operand]:
            levels = rng.randint(1, getattr(depth, loop))
            periods = tuple(sorted(rng.sample(range(1, 8), levels - 1)))
            loops[loop] = rng.choice((1, rng.randint(1, 6), rng.randint(1, 5 * levels))), periods
            steps = (rng.choice((0, 1, rng.randint(-half, half - 1))) for _ in range(levels))
            strides[loop if loop in ("reduction", "outer") else "inner"] = tuple(steps)
        mask = (1 << encoding.address_bits) - 1
        self.walk = Walk(base=rng.randint(0, mask), buffered=bool(rng.getrandbits(1)), **strides)
        self.offset = rng.randint(0, mask)
        self.loops = loops
        counts = {"tile_width" if loop == "column" else f"{loop}_count": count for loop, (count, _) in loops.items()}
        periods_of = {f"{loop}_periods": periods for loop, (_, periods) in loops.items()}
        instruction = replace(BARE, **counts, **periods_of, **{operand: self.walk})  # type: ignore[arg-type]
        packed = sum(word << (16 * index) for index, word in enumerate(instruction.encode(encoding)))
        layout = instruction_layout(encoding)
        fields: Any = layout.from_bits(packed & ((1 << layout.size) - 1))
        names = [f"{operand}_{loop}_{level}" for loop, level in depth.levels(WALKS[operand])]
        self.jumps = pack([int(fields[name]) for name in names], encoding.address_bits)
        self.base = int(fields[f"{operand}_base"])
        self.buffered = int(fields[f"{operand}_buffered"])

    def addresses(self) -> list[int]:
        # Out walks pass once over an outer tile, whatever the reduction is.
        inner, *reduction, outer = (self.loops[loop] for loop in WALKS[self.operand])
        between = reduction[0] if reduction else ONE_STEP
        bits = self.encoding.address_bits
        return [int(address) for address in walk_addresses(self.walk, inner, between, outer, self.offset, bits).flat]

    def levels(self) -> list[int]:
        """The level that advances after each address."""
        found = []
        for step in range(len(self.addresses())):
            below, rest = 0, step
            for loop in WALKS[self.operand]:
                count, periods = self.loops[loop]
                rest, here = divmod(rest, count)
                if here < count - 1 or loop == "outer":
                    found.append(below + advancing_level(here, periods))
                    break
                below += getattr(self.encoding.depth, loop)
        return found


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
        self.dut.jumps.value = nest.jumps

    def control(self, *, begin: bool, step: bool, level: int) -> None:
        self.dut.begin.value = int(begin)
        self.dut.step.value = int(step)
        self.dut.level.value = level


@cocotb.test()
async def random_nests(dut: Any) -> None:
    """DEEP3_NESTS walks of the operand DEEP3_OPERAND with gaps; some are left before their end."""
    config = EngineConfig.from_toml(os.environ["DEEP3_CONFIG"])
    rng = random.Random(int(os.environ["DEEP3_SEED"]))
    driver = Driver(dut, rng)
    board = Timeline(dut, lambda _: int(dut.address.value))
    latency_cycles = walk_cycles(config)
    driver.control(begin=False, step=False, level=0)
    await board.clock.reset()
    for _ in range(int(os.environ["DEEP3_NESTS"])):
        nest = Nest(rng, os.environ["DEEP3_OPERAND"], config.encoding)
        driver.show(nest)
        driver.control(begin=True, step=bool(rng.getrandbits(1)), level=rng.getrandbits(1))
        await board.cycle_ends()
        gap = rng.choice((0.0, 0.5))
        addresses = nest.addresses()
        used = rng.choice((len(addresses), rng.randint(1, len(addresses))))
        for address, level in zip(addresses[:used], nest.levels()[:used], strict=True):
            while rng.random() < gap:
                driver.control(begin=False, step=False, level=rng.getrandbits(1))
                board.expect("address", latency_cycles, address)
                await board.cycle_ends()
            driver.control(begin=False, step=True, level=level)
            board.expect("address", latency_cycles, address)
            await board.cycle_ends()
        # The fields stand until the last address has come.
        driver.control(begin=False, step=False, level=0)
        for _ in range(latency_cycles):
            await board.cycle_ends()
    await board.finish()
