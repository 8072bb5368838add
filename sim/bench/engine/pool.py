"""Bench of the maxima over windows: every window, ties and negative maxima, against its twin."""

import os
import random
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import cocotb
import torch

from deep3.hdl.contract.instruction import POSITION_BITS
from deep3.hdl.contract.timing import POOL_CYCLES
from deep3.sim.bench.timeline import Timeline
from deep3.sim.bench.words import pack, random_word, unpack
from deep3.sim.golden.engine.pool import keep_positions, window_maxima

WORD_BITS = 16
POSITIONS = (0, 2, 4)
WINDOWS = range(1, 17)


@dataclass(frozen=True)
class Setting:
    """Constants of an instruction."""

    forward: bool
    window: int
    position_bits: int


def settings(rng: random.Random) -> list[Setting]:
    """Every window with every number of bits in FORWARD, and as many of other modes, in random order."""
    found = [Setting(True, window, bits) for window in WINDOWS for bits in POSITIONS]
    found += [Setting(False, rng.choice(WINDOWS), bits) for _ in WINDOWS for bits in POSITIONS]
    return rng.sample(found, len(found))


def words(rng: random.Random, columns: int) -> Iterator[list[int]]:
    """Vectors without end, of few values for a while, so that the largest comes twice, or all negative."""
    while True:
        base, spread = rng.choice((-(1 << 15), -40, -8, 0, (1 << 15) - 6)), rng.choice((1, 2, 6))
        alike = rng.random() < 0.7
        for _ in range(rng.randint(1, 40)):
            yield [base + rng.randrange(spread) if alike else random_word(rng) for _ in range(columns)]


def maxima(
    setting: Setting, results: list[list[int]], aux: list[list[int]], dropped: list[list[bool]]
) -> list[tuple[int, ...]]:
    """What the twin makes of an instruction; of a window that is not complete, nothing."""
    values = torch.tensor(results, dtype=torch.int64)
    if setting.forward:
        complete = len(results) // setting.window * setting.window
        found = window_maxima(values[:complete], setting.window, setting.position_bits)
        found = found.masked_fill(torch.tensor(dropped)[:complete][setting.window - 1 :: setting.window], 0)
    else:
        found = keep_positions(values, torch.tensor(aux, dtype=torch.int64), setting.position_bits)
    return [tuple(vector) for vector in found.tolist()]


class Bench:
    """A pool and its twin."""

    def __init__(self, dut: Any) -> None:
        self.dut = dut
        self.columns = int(os.environ["DEEP3_COLUMNS"])
        self.dropout = os.environ["DEEP3_DROPOUT"] == "True"
        self.rng = random.Random(int(os.environ["DEEP3_SEED"]))
        self.words = words(self.rng, self.columns)
        self.board = Timeline(dut, self.sample)

    def sample(self, output: str) -> object:
        value = int(getattr(self.dut, output).value)
        return unpack(value, WORD_BITS, self.columns) if output == "pooled" else value

    def set(self, setting: Setting) -> None:
        self.dut.forward.value = int(setting.forward)
        self.dut.window.value = setting.window
        self.dut.position_bits.value = setting.position_bits

    def present(
        self, results: list[int], aux: list[int], dropped: list[bool], *, begin: bool = False, valid: bool = False
    ) -> None:
        self.dut.begin.value = int(begin)
        self.dut.valid.value = int(valid)
        self.dut.results.value = pack(results, WORD_BITS)
        self.dut.aux_positions.value = pack(aux, POSITION_BITS)
        if self.dropout:
            self.dut.dropped.value = pack([int(lane) for lane in dropped], 1)

    async def idle(self, *, begin: bool = False) -> None:
        """A cycle without a result."""
        self.present(next(self.words), self.aux(), self.drops(), begin=begin)
        self.board.expect("pooled_valid", POOL_CYCLES, 0)
        await self.board.cycle_ends()

    def aux(self) -> list[int]:
        return [random_word(self.rng) for _ in range(self.columns)]

    def drops(self) -> list[bool]:
        return [self.dropout and self.rng.random() < 0.4 for _ in range(self.columns)]

    async def instruction(self, setting: Setting) -> None:
        """Some windows and the beginning of another, with gaps."""
        count = self.rng.randint(1, 3) * setting.window + self.rng.randrange(setting.window)
        results = [next(self.words) for _ in range(count)]
        aux = [self.aux() for _ in range(count)]
        # Nothing is dropped but in FORWARD.
        dropped = [self.drops() if setting.forward else [False] * self.columns for _ in range(count)]
        window = setting.window if setting.forward else 1
        found = iter(maxima(setting, results, aux, dropped))
        gap = self.rng.choice((0.0, 0.0, 0.4))
        self.set(setting)
        await self.idle(begin=True)
        await self.idle()
        for step in range(count):
            while self.rng.random() < gap:
                await self.idle()
            self.present(results[step], aux[step], dropped[step], valid=True)
            ends = step % window == window - 1
            self.board.expect("pooled_valid", POOL_CYCLES, int(ends))
            if ends:
                self.board.expect("pooled", POOL_CYCLES, next(found))
            await self.board.cycle_ends()
        assert next(found, None) is None


@cocotb.test()
async def every_window(dut: Any) -> None:
    bench = Bench(dut)
    bench.set(Setting(True, 1, 0))
    bench.present(next(bench.words), bench.aux(), bench.drops())
    await bench.board.clock.reset()
    for setting in settings(bench.rng):
        await bench.instruction(setting)
        # Between instructions constants may be anything.
        bench.set(bench.rng.choice(settings(bench.rng)))
        await bench.idle()
    await bench.board.finish()
    assert bench.board.compared["pooled"] > len(settings(bench.rng))
