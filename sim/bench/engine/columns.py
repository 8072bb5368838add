"""Bench of array, accumulators and post lanes together: tiles of all modes and formats, against their twin."""

import itertools
import os
import random
from typing import Any

import cocotb

from deep3.hdl.contract.config import EngineConfig
from deep3.hdl.contract.program import Format, Function, Mode
from deep3.hdl.contract.timing import REVISIT_CYCLES, columns_cycles, sums_cycles
from deep3.hdl.engine.columns import step_layout
from deep3.sim.bench.timeline import Timeline
from deep3.sim.bench.words import pack, random_word, unpack
from deep3.sim.golden.engine.columns import Columns, Constants, Step
from deep3.sim.golden.engine.lanes import Setting

WORD_BITS = 16
STEP = step_layout()


class Stimulus:
    """Operands of changing magnitude, so that sums meet all limits of the lanes, and the shapes of instructions."""

    def __init__(self, rng: random.Random, config: EngineConfig) -> None:
        self.rng = rng
        self.config = config
        self.stream_bits = self.load_bits = WORD_BITS

    def operand(self, bits: int) -> list[int]:
        return [random_word(self.rng, bits) for _ in range(self.config.rows)]

    def aux(self) -> list[int]:
        return [random_word(self.rng) for _ in range(self.config.columns)]

    def rescale(self) -> None:
        self.stream_bits, self.load_bits = (self.rng.randint(10, WORD_BITS) for _ in range(2))

    def constants(self, mode: Mode, format: Format, function: Function) -> Constants:
        rng = self.rng
        threshold = rng.choice((0, rng.getrandbits(8))) if self.config.dropout else 0
        rate = rng.randrange(1 << rng.randint(1, 16)), rng.randrange(4)
        setting = Setting(mode, format, function, *rate, threshold, self.position_bits(mode))
        return Constants(setting, rng.randint(1, self.config.columns), rng.randint(1, self.config.columns))

    def position_bits(self, mode: Mode) -> int:
        return self.rng.choice((0, 2, 4)) if self.config.convolution and mode is Mode.BACKWARD else 0

    def steps(self) -> list[Step | None]:
        """The time steps of an instruction, None where there is none; tiles follow each other as soon as they may."""
        rng = self.rng
        outer_count, reduction_count = rng.randint(1, 3), rng.choice((1, 1, 2, 3, 5))
        time_count = rng.choice((1, 2, REVISIT_CYCLES, rng.randint(1, 16), self.config.accumulator_words))
        gap = rng.choice((0.0, 0.0, 0.3))
        steps: list[Step | None] = []
        for outer, reduction in itertools.product(range(outer_count), range(reduction_count)):
            for time in range(time_count):
                while rng.random() < gap:
                    steps.append(None)
                steps.append(
                    Step(time == 0, reduction == 0, reduction == reduction_count - 1, outer == outer_count - 1)
                )
            steps += [None] * (REVISIT_CYCLES - time_count)
        return steps


class Driver:
    """Presents time steps, `aux` when their sums are ready, loads and constants; what is not valid is noise."""

    def __init__(self, dut: Any, rng: random.Random, aux: list[list[int]], config: EngineConfig) -> None:
        self.dut = dut
        self.config = config
        self.rng = rng
        self._aux = aux

    def constants(self, constants: Constants) -> None:
        setting = constants.setting
        self.dut.mode.value = int(setting.mode)
        self.dut.format.value = int(setting.format)
        self.dut.function.value = int(setting.function)
        self.dut.rate_mantissa.value = setting.rate_mantissa
        self.dut.rate_shift.value = setting.rate_shift
        if self.config.dropout:
            self.dut.dropout_threshold.value = setting.dropout_threshold
        if self.config.convolution:
            self.dut.position_bits.value = setting.position_bits
        self.dut.tile_width.value = constants.tile_width
        self.dut.last_outer_width.value = constants.last_outer_width

    def seed(self, seed: int | None) -> None:
        self.dut.seed_load.value = int(seed is not None)
        self.dut.seed.value = self.rng.getrandbits(32) if seed is None else seed

    def step(self, step: Step | None, stream: list[int], aux: list[int]) -> None:
        bits = self.rng.getrandbits(STEP.size) & ~(1 << STEP["valid"].offset)
        if step is not None:
            fields = {"valid": True, **vars(step)}
            bits = sum(int(value) << STEP[name].offset for name, value in fields.items())
        self.dut.step.value = bits
        self.dut.stream.value = pack(stream, WORD_BITS)
        self._aux.append(aux)
        self.dut.aux.value = pack(self._aux.pop(0), WORD_BITS)

    def load(self, words: list[int], column: int, valid: bool) -> None:
        self.dut.load.value = pack(words, WORD_BITS)
        self.dut.load_column.value = column
        self.dut.load_valid.value = int(valid)


class Bench:
    """Columns with everything around them."""

    def __init__(self, dut: Any) -> None:
        self.config = config = EngineConfig.from_toml(os.environ["DEEP3_CONFIG"])
        self.rng = random.Random(int(os.environ["DEEP3_SEED"]))
        self.stimulus = Stimulus(self.rng, config)
        aux = [self.stimulus.aux() for _ in range(sums_cycles(config))]
        self.driver = Driver(dut, self.rng, aux, config)
        self.twin = Columns(config)
        self.dut = dut
        self.board = Timeline(dut, self.sample)
        self.lanes = self.clipped_lanes = 0

    def sample(self, output: str) -> object:
        value = int(getattr(self.dut, output).value)
        return unpack(value, WORD_BITS, self.config.columns) if output == "results" else value

    async def reset(self) -> None:
        """Reset, and load every column."""
        self.set(self.stimulus.constants(Mode.FORWARD, Format.Q3_12, Function.IDENTITY), None)
        self.driver.step(None, self.stimulus.operand(WORD_BITS), self.stimulus.aux())
        self.driver.load(self.stimulus.operand(WORD_BITS), 0, False)
        await self.board.clock.reset()
        for cycle in range(columns_cycles(self.config) + 1):
            self.board.expect("saturations", cycle, 0)
        for column in range(self.config.columns):
            await self.cycle(None, column)

    def set(self, constants: Constants, seed: int | None) -> None:
        self.constants = constants
        self.driver.constants(constants)
        self.driver.seed(seed)
        if seed is not None:
            self.twin.random.restart(seed)

    async def cycle(self, step: Step | None, load_column: int | None) -> None:
        """A time step or none, and the load of one column of the next tile or of none."""
        stream, aux = self.stimulus.operand(self.stimulus.stream_bits), self.stimulus.aux()
        load = self.stimulus.operand(self.stimulus.load_bits)
        self.driver.step(step, stream, aux)
        self.driver.load(load, self.rng.randrange(16) if load_column is None else load_column, load_column is not None)
        result = None if step is None else self.twin.step(step, stream, aux, self.constants)
        if load_column is not None:
            self.twin.load(load_column, load)
        latency_cycles = columns_cycles(self.config)
        if result is not None:
            self.board.expect("results", latency_cycles, tuple(result.values.tolist()))
            if self.config.dropout:
                self.board.expect("dropped", latency_cycles, pack([int(lane) for lane in result.dropped], 1))
            self.lanes += self.config.columns
            self.clipped_lanes += result.saturations
        self.board.expect("saturations", latency_cycles + 1, 0 if result is None else result.saturations)
        await self.board.cycle_ends()
        self.driver.seed(None)

    async def instruction(self, mode: Mode, format: Format, function: Function, seed: int | None) -> None:
        """Constants stand from the first time step until the last result, no longer."""
        self.set(self.stimulus.constants(mode, format, function), seed)
        load = self.rng.choice((0.3, 1.0))
        for step in self.stimulus.steps() + [None] * columns_cycles(self.config):
            if step is not None and step.tile_start:
                self.stimulus.rescale()
            await self.cycle(step, self.rng.randrange(16) if self.rng.random() < load else None)


@cocotb.test()
async def all_modes_and_formats(dut: Any) -> None:
    """Every mode with every format and function, in random order."""
    bench = Bench(dut)
    await bench.reset()
    kinds = list(itertools.product(bench.config.modes, Format, Function))
    for index, kind in enumerate(bench.rng.sample(kinds, len(kinds))):
        # The first third meets the power-up seed.
        reseed = index > len(kinds) / 3 and bench.rng.random() < 0.5
        await bench.instruction(*kind, bench.rng.randrange(1, 1 << 32) if reseed else None)
    await bench.board.finish()
    assert 0 < bench.clipped_lanes < bench.lanes / 2, f"{bench.clipped_lanes} of {bench.lanes} lanes were clipped"
