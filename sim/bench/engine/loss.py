"""Bench of the loss unit against its golden twin: blocks as close as allowed, partial blocks, aborts."""

import os
import random
from collections import deque
from dataclasses import dataclass
from typing import Any

import cocotb
import torch

from deep3.hdl.contract.config import EngineConfig
from deep3.hdl.contract.program import Loss
from deep3.hdl.contract.timing import block_cycles, loss_tail_cycles
from deep3.sim.bench.clocking import Clock
from deep3.sim.golden.engine import loss as golden

WORD_BITS = 16
LABEL_READ_CYCLES = 2
KINDS = (Loss.SOFTMAX, Loss.MSE, Loss.ARGMAX)


@dataclass(frozen=True)
class Block:
    """Outputs of ``count`` samples, one row a class; ``cycles`` in which the classes are presented."""

    count: int
    outputs: list[list[int]]
    cycles: list[int]


@dataclass(frozen=True)
class Job:
    """One instruction: its blocks and where its labels are."""

    kind: Loss
    classes: int
    label_base: int
    blocks: list[Block]

    @property
    def samples(self) -> int:
        return sum(block.count for block in self.blocks)

    @property
    def last_cycle(self) -> int:
        return self.blocks[-1].cycles[-1]


class Stimulus:
    """Random jobs; outputs of every magnitude, ties and limits among them."""

    def __init__(self, rng: random.Random, config: EngineConfig) -> None:
        self.rng = rng
        self.config = config

    def labels(self, classes: int) -> list[int]:
        """The label memory; some labels name no class."""
        rng = self.rng
        none = (classes, 256, 256 + rng.randrange(classes), 65535)
        return [
            rng.choice(none) if rng.random() < 0.1 else rng.randrange(classes) for _ in range(self.config.label_words)
        ]

    def job(self) -> Job:
        rng, config = self.rng, self.config
        classes = rng.choice((2, 3, rng.randint(2, config.max_classes), rng.randint(2, min(12, config.max_classes))))
        width = rng.choice((config.columns, rng.randint(1, config.columns)))
        counts = [width] * rng.randrange(4) + [rng.randint(1, width)]
        first, blocks = config.columns + 4 + rng.randrange(10), []
        for count in counts:
            cycles = self._cycles(first, classes, blocks[-1].cycles[-1] if blocks else None)
            blocks.append(Block(count, [self._outputs() for _ in range(classes)], cycles))
            first = cycles[-1] + 1
        base = rng.randrange(config.label_words - sum(counts) + 1)
        return Job(rng.choice(KINDS), classes, base, blocks)

    def _cycles(self, first: int, classes: int, previous_last: int | None) -> list[int]:
        """Cycles of the classes of a block; blocks follow as closely as they may, or later."""
        rng = self.rng
        earliest = first + classes - 1
        if previous_last is not None:
            earliest = max(earliest, previous_last + block_cycles(classes, self.config.columns))
        last = earliest + rng.choice((0, 0, 1, rng.randrange(40)))
        style = rng.randrange(3)
        if style == 0:
            return list(range(last - classes + 1, last + 1))
        if style == 1:
            return [*range(first, first + classes - 1), last]
        return [*sorted(rng.sample(range(first, last), classes - 1)), last]

    def _outputs(self) -> list[int]:
        rng = self.rng
        limit = 1 << rng.randint(1, 15)
        return [rng.choice((rng.randrange(-limit, limit), -limit, limit - 1)) for _ in range(self.config.columns)]


@dataclass
class Expected:
    """What a job makes the unit give, in order."""

    errors: deque[tuple[int, tuple[int, ...]]]
    correct: deque[int]
    classes: deque[tuple[int, int]]


def expected(job: Job, labels: list[int], entries: int) -> Expected:
    """The golden twin's results: errors with their sample count, right samples a block, addresses and classes."""
    result = Expected(deque(), deque(), deque())
    address = job.label_base
    for block in job.blocks:
        outputs = torch.tensor(block.outputs, dtype=torch.int64).T[: block.count]
        targets = torch.tensor(labels[address : address + block.count], dtype=torch.int64)
        winners = golden.argmax(outputs)
        if job.kind is Loss.ARGMAX:
            result.classes.extend(zip(range(address, address + block.count), winners.tolist(), strict=True))
        else:
            softmax = job.kind is Loss.SOFTMAX
            errors = golden.softmax(outputs, targets, entries) if softmax else golden.mse(outputs, targets)
            result.errors.extend((block.count, tuple(row)) for row in errors.T.tolist())
            result.correct.append(int((winners == targets).sum()))
        address += block.count
    return result


class Driver:
    """Presents a job; lanes without a sample and cycles without an output carry noise."""

    def __init__(self, dut: Any, rng: random.Random, columns: int) -> None:
        self.dut = dut
        self.rng = rng
        self.columns = columns

    def begin(self, job: Job | None) -> None:
        self.dut.begin.value = int(job is not None)
        self.dut.label_base.value = self.rng.getrandbits(14)
        if job is not None:
            self.dut.kind.value = int(job.kind)
            self.dut.classes.value = job.classes
            self.dut.label_base.value = job.label_base

    def present(self, outputs: list[int] | None, last: bool, count: int) -> None:
        noise = self.rng.getrandbits(WORD_BITS * self.columns)
        word = 0
        for lane, value in enumerate(outputs or []):
            word |= (value & 0xFFFF) << (WORD_BITS * lane)
        self.dut.in_valid.value = int(outputs is not None)
        self.dut.in_values.value = noise if outputs is None else word
        self.dut.in_last.value = self.rng.getrandbits(1) if outputs is None else int(last)
        self.dut.in_count.value = count


class LabelMemory:
    """Answers label reads after two cycles and takes classes."""

    def __init__(self, dut: Any, words: int) -> None:
        self.dut = dut
        self.labels = [0] * words
        self._data = deque([0] * LABEL_READ_CYCLES)

    def drive(self) -> None:
        self.dut.label_data.value = self._data.popleft()

    def sample(self) -> tuple[int, int] | None:
        address = int(self.dut.label_address.value) % len(self.labels)
        self._data.append(self.labels[address])
        if not self.dut.label_write_valid.value:
            return None
        return int(self.dut.label_write_address.value), int(self.dut.label_write_data.value)


class Scoreboard:
    """Compares what leaves the unit with the twin's, in order, and ``busy`` to the cycle."""

    def __init__(self, dut: Any) -> None:
        self.dut = dut
        self.due = Expected(deque(), deque(), deque())
        self.compared = 0

    def check(self, written: tuple[int, int] | None, context: str) -> None:
        dut = self.dut
        if dut.out_valid.value:
            assert self.due.errors, f"{context}: errors that nobody waits for"
            count, values = self.due.errors.popleft()
            assert int(dut.out_count.value) == count, f"{context}: {int(dut.out_count.value)} samples, not {count}"
            word = int(dut.out_values.value)
            lanes = [(word >> (WORD_BITS * lane) & 0xFFFF) for lane in range(count)]
            got = tuple(value - (value >> 15 << 16) for value in lanes)
            assert got == values, f"{context}: errors {got}, the twin's are {values}"
            self.compared += 1
        if dut.correct_valid.value:
            assert self.due.correct, f"{context}: a count of correct samples that nobody waits for"
            correct = self.due.correct.popleft()
            assert int(dut.correct.value) == correct, f"{context}: {int(dut.correct.value)} correct, not {correct}"
        if written is not None:
            assert self.due.classes, f"{context}: a class that nobody waits for"
            due = self.due.classes.popleft()
            assert written == due, f"{context}: address and class {written}, the twin's are {due}"
            self.compared += 1

    def check_empty(self, context: str) -> None:
        due = self.due
        left = len(due.errors), len(due.correct), len(due.classes)
        assert left == (0, 0, 0), f"{context}: {left} errors, counts and classes are missing"


class Bench:
    """The unit with its label memory."""

    def __init__(self, dut: Any) -> None:
        self.dut = dut
        self.config = EngineConfig.from_toml(os.environ["DEEP3_CONFIG"])
        self.rng = random.Random(int(os.environ["DEEP3_SEED"]))
        self.stimulus = Stimulus(self.rng, self.config)
        self.driver = Driver(dut, self.rng, self.config.columns)
        self.memory = LabelMemory(dut, self.config.label_words)
        self.scoreboard = Scoreboard(dut)
        self.clock = Clock(dut)

    async def reset(self) -> None:
        self.dut.kind.value = int(Loss.NONE)
        self.dut.classes.value = 2
        self.driver.begin(None)
        self.driver.present(None, last=False, count=0)
        self.memory.drive()
        self.memory.sample()
        await self.clock.reset()

    async def step(self, context: str) -> bool:
        """One cycle of what is driven; returns ``busy``."""
        self.memory.drive()
        await self.clock.settle()
        self.scoreboard.check(self.memory.sample(), context)
        busy = bool(self.dut.busy.value)
        await self.clock.edge()
        return busy

    async def run(self, job: Job, stop_cycle: int | None = None) -> None:
        """Play a job to its end, or only until ``stop_cycle``."""
        tail_cycles = loss_tail_cycles(job.kind, job.classes, self.config.columns, job.blocks[-1].count)
        idle_cycle = job.last_cycle + tail_cycles
        presented = {
            cycle: (block, index) for block in job.blocks for index, cycle in enumerate(block.cycles)
        }
        first_cycle = job.blocks[0].cycles[0]
        gaps = self._gaps(job)
        name = f"{job.kind.name}, {job.classes} classes, blocks of {[block.count for block in job.blocks]}"
        for cycle in range(idle_cycle + 1 if stop_cycle is None else stop_cycle):
            context = f"{name}, cycle {cycle}"
            self.driver.begin(job if cycle == 0 else None)
            block, index = presented.get(cycle, (None, 0))
            if block is None:
                self.driver.present(None, last=False, count=gaps.get(cycle, 0))
            else:
                self.driver.present(block.outputs[index], last=index == job.classes - 1, count=block.count)
            busy = await self.step(context)
            if cycle > job.last_cycle:
                assert busy == (cycle < idle_cycle), f"{context}: busy is {busy}, idle cycle is {idle_cycle}"
            elif index > 0:
                assert busy, f"{context}: not busy inside a block"
            elif cycle <= first_cycle:
                assert not busy, f"{context}: busy before the first block"
        self.driver.present(None, last=False, count=0)

    def _gaps(self, job: Job) -> dict[int, int]:
        """The count of a block holds from its first to its last class."""
        return {
            cycle: block.count for block in job.blocks for cycle in range(block.cycles[0], block.cycles[-1])
        }

    async def abort(self) -> None:
        """Reset for one cycle, then see that nothing more comes."""
        self.driver.begin(None)
        self.dut.rst.value = 1
        await self.step("reset")
        self.dut.rst.value = 0
        self.scoreboard.due = Expected(deque(), deque(), deque())
        for _ in range(2 * self.config.max_classes + 40):
            assert not await self.step("after a reset"), "busy after a reset"


@cocotb.test()
async def random_jobs(dut: Any) -> None:
    bench = Bench(dut)
    await bench.reset()
    for _ in range(int(os.environ["DEEP3_JOBS"])):
        job = bench.stimulus.job()
        bench.memory.labels = bench.stimulus.labels(job.classes)
        bench.scoreboard.due = expected(job, bench.memory.labels, bench.config.exponential_entries)
        if bench.rng.random() < 0.1:
            await bench.run(job, stop_cycle=bench.rng.randrange(job.blocks[0].cycles[0], job.last_cycle + 20))
            await bench.abort()
        else:
            await bench.run(job)
            bench.scoreboard.check_empty(f"{job.kind.name}, {job.classes} classes")
    assert bench.scoreboard.compared > 0
