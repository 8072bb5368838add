"""The twins of the units, put together vector by vector, against the golden engine, which has a whole instruction
before it: two models of one engine."""

import random
from itertools import product

import numpy as np
import pytest
import torch

from deep3.hdl.contract.config import EngineConfig
from deep3.hdl.contract.instruction import Instruction
from deep3.hdl.contract.nest import Walk
from deep3.hdl.contract.program import Format, Function, Memory, Mode
from deep3.sim.golden.engine.chain import Chain
from deep3.sim.golden.engine.columns import Columns, Constants, Step
from deep3.sim.golden.engine.execute import Memories, Rate, execute
from deep3.sim.golden.engine.lanes import Setting
from deep3.sim.golden.engine.plan import Plan
from deep3.sim.golden.engine.store import OperandStore
from deep3.sim.golden.engine.walker import ONE_STEP, Loop, walk_addresses

CONFIG = EngineConfig(
    rows=5, columns=6, activation_bank_words=1024, weight_bank_words=1024, error_bank_words=1024, accumulator_words=16
)
OPERANDS = (Memory.ACTIVATION, Memory.WEIGHT, Memory.ERROR)
BUFFER_OFFSET = 700


def random_instruction(rng: random.Random, mode: Mode) -> Instruction:
    """Any shape that stays inside the memories; what is written lies behind what is read."""
    time, reduction, outer = rng.randint(1, 16), rng.randint(1, 3), rng.randint(1, 3)
    width = rng.randint(1, CONFIG.columns)

    def walk(base: int) -> Walk:
        strides = [(rng.randint(-6, 6),) for _ in range(3)]
        return Walk(base + rng.randrange(300), *strides, lane_step=rng.randrange(3), buffered=rng.random() < 0.5)

    stream, load, aux = rng.sample(OPERANDS, 3)
    output = rng.choice(OPERANDS)
    # Every word of a result has a place of its own.
    pitch = CONFIG.banks * rng.randint(3, 5) + 1
    out = Walk(4000, inner=(pitch,), outer=(pitch * time,), buffered=rng.random() < 0.5)
    return Instruction(
        mode, time, reduction, outer, max(time, width, 4), width,
        rng.randint(1, CONFIG.rows), rng.randint(1, width), walk(400), walk(400), stream, load,
        out=out, output_memory=output, aux=walk(400), aux_memory=Memory.NONE if mode is Mode.FORWARD else aux,
        format=rng.choice(list(Format)), function=rng.choice(list(Function)),
    )  # fmt: skip


def unit_by_unit(instruction: Instruction, store: OperandStore, columns: Columns, rate: Rate) -> int:
    """What the units do with an instruction, one vector after the other; the lanes that were clipped."""
    loop = instruction.loop

    def addresses(walk: Walk, inner: str, reduction: Loop) -> np.ndarray:
        bits = CONFIG.encoding.address_bits
        return walk_addresses(walk, loop(inner), reduction, loop("outer"), BUFFER_OFFSET, bits)

    stream = addresses(instruction.stream, "time", loop("reduction"))
    load = addresses(instruction.load, "column", loop("reduction"))
    aux = addresses(instruction.aux, "time", ONE_STEP)
    out = addresses(instruction.out, "time", ONE_STEP)
    setting = Setting(instruction.mode, instruction.format, instruction.function, rate.mantissa, rate.shift)
    constants = Constants(setting, instruction.tile_width, instruction.last_outer_width)
    memories, saturations = store.memories, 0
    drained = []
    for n, k in product(range(instruction.outer_count), range(instruction.reduction_count)):
        last, last_outer = k == instruction.reduction_count - 1, n == instruction.outer_count - 1
        for column in range(instruction.tile_width):
            edge = instruction.last_reduction_width if last else None
            words = store.load(instruction.load_memory, int(load[n, k, column]), instruction.load.lane_step, edge)
            columns.load(column, words)
        for t in range(instruction.time_count):
            vector = memories[instruction.stream_memory].read(
                int(stream[n, k, t]), instruction.stream.lane_step, CONFIG.rows
            )
            beside = [0] * CONFIG.columns
            if instruction.aux_memory is not Memory.NONE:
                beside = memories[instruction.aux_memory].read(
                    int(aux[n, 0, t]), instruction.aux.lane_step, CONFIG.columns
                ).tolist()  # fmt: skip
            result = columns.step(Step(t == 0, k == 0, last, last_outer), vector, beside, constants)
            if result is not None:
                width = instruction.last_outer_width if last_outer else instruction.tile_width
                saturations += result.saturations
                drained.append((int(out[n, 0, t]), result.values, np.arange(CONFIG.columns) < width))
    for address, values, enable in drained:
        memories[instruction.output_memory].write(address, instruction.out.lane_step, values, enable)
    return saturations


@pytest.mark.parametrize("mode", CONFIG.modes)
@pytest.mark.parametrize("seed", range(6))
def test_the_units_together_do_what_the_golden_engine_does(mode: Mode, seed: int) -> None:
    rng, noise = random.Random(f"{mode} {seed}"), np.random.default_rng(seed)
    memories, store, columns = Memories(CONFIG), OperandStore(CONFIG), Columns(CONFIG)
    for memory in OPERANDS:
        magnitude = 1 << rng.randint(9, 15)
        words = noise.integers(-magnitude, magnitude, len(store.memories[memory].words))
        store.memories[memory].words[:] = words
        memories.operands[memory][:] = torch.from_numpy(words)
    memories.random.restart(seed + 1)
    columns.random.restart(seed + 1)
    rate = Rate(rng.randrange(1 << 16), rng.randrange(4))
    for _ in range(3):
        instruction = random_instruction(rng, mode)
        (outcome,) = execute(Chain([Plan(instruction, CONFIG)]), memories, BUFFER_OFFSET, 0, rate)
        assert unit_by_unit(instruction, store, columns, rate) == outcome.saturations
        for memory in OPERANDS:
            assert (store.memories[memory].words == memories.operands[memory].numpy()).all(), memory.name
        assert columns.random.states == memories.random.states
