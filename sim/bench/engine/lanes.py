"""Bench of the post lanes of a column group against their golden twin."""

import os
import random
from collections import deque
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import cocotb
import torch

from deep3.hdl.contract.config import EngineConfig
from deep3.hdl.contract.geometry import GROUP_COLUMNS
from deep3.hdl.contract.program import Format, Function
from deep3.hdl.contract.rounding import seed_offset
from deep3.hdl.engine.lanes import PostLanes
from deep3.sim.bench.clocking import Clock
from deep3.sim.bench.words import pack, unpack
from deep3.sim.golden.engine.lanes import Setting, dropped, post
from deep3.sim.golden.engine.random_words import RandomWords

SUM_BITS = 40
WORD_BITS = 16


@dataclass
class Vector:
    """What is presented in one cycle."""

    sums: list[int]
    aux: list[int]
    enable: int


@dataclass(frozen=True)
class Result:
    """What comes out for a vector."""

    cycle: int
    values: tuple[int, ...]
    saturated: int
    dropped: int


class Stimulus:
    """Random instructions and vectors; every magnitude is as likely as any other, so that all limits are met."""

    def __init__(self, rng: random.Random, config: EngineConfig, width: int, group: int) -> None:
        self.rng = rng
        self.config = config
        self.width = width
        self.group = group

    def setting(self) -> Setting:
        rng = self.rng
        mantissa = rng.choice((0, 1, 0xFFFF, rng.randrange(1 << rng.randint(1, 16))))
        threshold = rng.choice((0, 1, 255, rng.getrandbits(8))) if self.config.dropout else 0
        bits = rng.choice((0, 2, 4)) if self.config.convolution else 0
        return Setting(rng.choice(self.config.modes), rng.choice(list(Format)), rng.choice(list(Function)), mantissa,
                       rng.randrange(4), threshold, bits)  # fmt: skip

    def seed(self) -> int:
        """Now and then the one that would leave the group's LFSR at 0."""
        return (self.rng.random() < 0.2 and seed_offset(self.group)) or self.rng.randrange(1, 1 << 32)

    def vector(self) -> Vector:
        width = self.width
        return Vector(
            [self._number(SUM_BITS) for _ in range(width)],
            [self.rng.choice((0, self._number(WORD_BITS), self._number(WORD_BITS))) for _ in range(width)],
            self.rng.getrandbits(width),
        )

    def _number(self, bits: int) -> int:
        magnitude = 1 << self.rng.randrange(bits - 1)
        near_limit = magnitude + self.rng.randint(-3, 3)
        value = self.rng.choice((near_limit, self.rng.randrange(magnitude), self.rng.randrange(1 << (bits - 1))))
        signed = -value if self.rng.getrandbits(1) else value
        return max(-(1 << (bits - 1)), min((1 << (bits - 1)) - 1, signed))


class Model:
    """The golden twin of one group."""

    def __init__(self, config: EngineConfig, width: int, group: int) -> None:
        self.entries = config.activation_entries
        self.lanes = slice(GROUP_COLUMNS * group, GROUP_COLUMNS * group + width)
        self.random = RandomWords(self.lanes.stop)

    def restart(self, seed: int) -> None:
        self.random.restart(seed)

    def results(self, setting: Setting, vectors: list[Vector]) -> list[tuple[tuple[int, ...], int, int]]:
        sums = torch.tensor([vector.sums for vector in vectors], dtype=torch.int64)
        aux = torch.tensor([vector.aux for vector in vectors], dtype=torch.int64)
        def words() -> torch.Tensor:
            return self.random.take(len(sums))[:, self.lanes]

        values, clipped = post(setting, sums, lambda: aux, words, self.entries)
        drops = dropped(setting, words)
        masks = [0] * len(sums) if drops is None else [pack([int(lane) for lane in row], 1) for row in drops.tolist()]
        enabled = [[vector.enable >> lane & 1 for lane in range(sums.shape[1])] for vector in vectors]
        counts = (clipped & torch.tensor(enabled, dtype=torch.bool)).sum(dim=1)
        found = zip(values.tolist(), counts.tolist(), masks, strict=True)
        return [(tuple(row), count, mask) for row, count, mask in found]


class Driver:
    """Presents settings, seeds and vectors with gaps."""

    def __init__(self, dut: Any, rng: random.Random, config: EngineConfig) -> None:
        self.dut = dut
        self.rng = rng
        self.config = config

    def set(self, setting: Setting) -> None:
        self.dut.mode.value = int(setting.mode)
        self.dut.format.value = int(setting.format)
        self.dut.function.value = int(setting.function)
        self.dut.rate_mantissa.value = setting.rate_mantissa
        self.dut.rate_shift.value = setting.rate_shift
        if self.config.dropout:
            self.dut.dropout_threshold.value = setting.dropout_threshold
        if self.config.convolution:
            self.dut.position_bits.value = setting.position_bits

    def seed(self, seed: int | None) -> None:
        self.dut.seed_load.value = int(seed is not None)
        self.dut.seed.value = self.rng.getrandbits(32) if seed is None else seed

    def present(self, vector: Vector, valid: bool, ahead: bool) -> None:
        self.dut.valid.value = int(valid)
        self.dut.ahead.value = int(ahead)
        self.dut.sums.value = pack(vector.sums, SUM_BITS)
        self.dut.aux.value = pack(vector.aux, WORD_BITS)
        self.dut.enable.value = vector.enable


class Monitor:
    """Takes results with the cycle in which they came."""

    def __init__(self, dut: Any, width: int, dropout: bool) -> None:
        self.dut = dut
        self.width = width
        self.dropout = dropout

    def sample(self, cycle: int) -> Result | None:
        saturated = int(self.dut.saturated.value)
        if not self.dut.results_valid.value:
            assert saturated == 0, "saturations are counted without a result"
            return None
        drops = int(self.dut.dropped.value) if self.dropout else 0
        return Result(cycle, unpack(int(self.dut.results.value), WORD_BITS, self.width), saturated, drops)


class Scoreboard:
    """Compares results with the twin's, in order and to the cycle."""

    def __init__(self) -> None:
        self.expected: deque[Result] = deque()
        self.compared = 0

    def check(self, result: Result | None, cycle: int, setting: Setting) -> None:
        due = self.expected.popleft() if self.expected and self.expected[0].cycle == cycle else None
        assert result == due, f"{setting}: {result}, the twin's is {due}"
        self.compared += result is not None


class Bench:
    """One group of lanes with everything around it."""

    def __init__(self, dut: Any) -> None:
        config = EngineConfig.from_toml(os.environ["DEEP3_CONFIG"])
        width, group = int(os.environ["DEEP3_WIDTH"]), int(os.environ["DEEP3_GROUP"])
        self.rng = random.Random(int(os.environ["DEEP3_SEED"]))
        self.stimulus = Stimulus(self.rng, config, width, group)
        self.model = Model(config, width, group)
        self.driver = Driver(dut, self.rng, config)
        self.monitor = Monitor(dut, width, config.dropout)
        self.scoreboard = Scoreboard()
        self.clock = Clock(dut)
        self.cycle = 0

    async def reset(self) -> None:
        self.driver.set(self.stimulus.setting())
        self.driver.seed(None)
        self.driver.present(self.stimulus.vector(), valid=False, ahead=False)
        await self.clock.reset()

    async def step(self, setting: Setting, vector: Vector | None = None, ahead: Vector | None = None) -> None:
        """One cycle; without a vector, others that do not count are presented. ``ahead`` is the next one's."""
        presented = vector or self.stimulus.vector()
        self.driver.present(presented, valid=vector is not None, ahead=ahead is not None)
        await self.clock.settle()
        self.scoreboard.check(self.monitor.sample(self.cycle), self.cycle, setting)
        await self.clock.edge()
        self.cycle += 1

    async def instruction(self, setting: Setting, seed: int | None, vectors: list[Vector]) -> None:
        """Set up, present all vectors with gaps, wait for the last result."""
        rng = self.rng
        self.driver.set(setting)
        self.driver.seed(seed)
        if seed is not None:
            self.model.restart(seed)
        gap = rng.choice((0.0, 0.0, 0.3, 0.9))
        timeline: list[Vector | None] = [None, None]
        for vector in vectors:
            while rng.random() < gap:
                timeline += [None] * rng.choice((1, 1, 1, 2 * PostLanes.LATENCY))
            timeline.append(vector)
        timeline += [None] * (PostLanes.LATENCY + 1)
        results = iter(self.model.results(setting, vectors))
        for presented, ahead in pairwise([*timeline, None]):
            if presented is not None:
                self.scoreboard.expected.append(Result(self.cycle + PostLanes.LATENCY, *next(results)))
            await self.step(setting, presented, ahead)
            self.driver.seed(None)
        assert not self.scoreboard.expected, f"{setting}: {len(self.scoreboard.expected)} results are missing"


@cocotb.test()
async def random_instructions(dut: Any) -> None:
    bench = Bench(dut)
    await bench.reset()
    for index in range(int(os.environ["DEEP3_INSTRUCTIONS"])):
        # The first vectors of all meet the power-up seed.
        reseed = index > 2 and bench.rng.random() < 0.3
        seed = bench.stimulus.seed() if reseed else None
        vectors = [bench.stimulus.vector() for _ in range(bench.rng.randrange(1, 100))]
        await bench.instruction(bench.stimulus.setting(), seed, vectors)
    assert bench.scoreboard.compared > 0
