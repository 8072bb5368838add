"""Random instructions of engines with convolution: any levels, masks, ones and windows that a program may have."""

import random
from dataclasses import replace
from typing import Any

import numpy as np

from deep3.compiler.phase import tile_cycles
from deep3.hdl.contract.config import EngineConfig
from deep3.hdl.contract.instruction import DROPOUT_BITS, Instruction, Mask, Ones
from deep3.hdl.contract.nest import Walk
from deep3.hdl.contract.program import Format, Function, Memory, Mode
from deep3.sim.golden.engine.walker import ONE_STEP, Loop, loop_offsets

__all__ = ["BUFFER_WORDS", "random_nest"]

BUFFER_WORDS = 300
"""What a second buffer may add to buffered walks."""

OPERANDS = (Memory.ACTIVATION, Memory.WEIGHT, Memory.ERROR)


def random_nest(rng: random.Random, config: EngineConfig, mode: Mode) -> Instruction:
    """An instruction that reads the lower halves of the memories and writes each word of the upper half of one at most
    once. All memories have the same size."""
    depth = config.encoding.depth
    window, position_bits = 1, rng.choice((0, 2, 4)) if mode is Mode.BACKWARD else 0
    if mode is Mode.FORWARD and rng.random() < 0.5:
        window = rng.randint(2, 16)
        position_bits = rng.choice([bits for bits in (0, 2, 4) if not bits or window <= 1 << bits])
    time = window * rng.randint(1, max(1, config.accumulator_words // window))
    width = rng.randint(1, config.columns)
    mask = rng.choice((Mask.NONE, *Mask))
    shape: dict[str, Any] = {
        "time_count": time, "reduction_count": rng.choice((1, rng.randint(1, 12))), "outer_count": rng.randint(1, 6),
        "tile_width": width, "tile_cycles": tile_cycles(time, width) + rng.choice((0, 0, 3)),
        "last_reduction_width": rng.randint(1, config.rows), "last_outer_width": rng.randint(1, width),
        "column_periods": _periods(rng, depth.column, width), "time_periods": _periods(rng, depth.time, time),
        "reduction_periods": _periods(rng, depth.reduction, 12), "outer_periods": _periods(rng, depth.outer, 6),
    }  # fmt: skip
    stream, load, aux = rng.sample(OPERANDS, 3)
    bare = Instruction(
        mode=mode, **shape, stream=Walk(), load=Walk(), stream_memory=stream, load_memory=load,
        output_memory=rng.choice(OPERANDS), aux_memory=Memory.NONE if mode is Mode.FORWARD else aux,
        format=rng.choice(list(Format)), function=rng.choice(list(Function)),
        edge_width=rng.randint(1, config.rows), ones=rng.choice(list(Ones)), window=window,
        position_bits=position_bits, mask=mask, mask_bits=rng.choice((2, 4)) if mask else 0,
        rate_mantissa=rng.choice((0, rng.getrandbits(16))), rate_shift=rng.randrange(4),
        dropout_threshold=rng.choice((0, rng.getrandbits(DROPOUT_BITS))) if config.dropout else 0,
    )  # fmt: skip
    loops = bare.loop("time"), bare.loop("reduction"), bare.loop("outer")
    time_loop, reduction_loop, outer_loop = loops
    return replace(
        bare,
        stream=_read(rng, config, time_loop, reduction_loop, outer_loop, config.rows),
        load=_read(rng, config, bare.loop("column"), reduction_loop, outer_loop, config.rows),
        aux=_read(rng, config, time_loop, ONE_STEP, outer_loop, config.columns),
        out=_written(rng, config, time_loop, outer_loop),
        positions=Walk(
            rng.randrange(16), (), _strides(rng, reduction_loop, 0, 7), _strides(rng, outer_loop, 0, 7)
        ) if mask else Walk(),
    )  # fmt: skip


def _periods(rng: random.Random, levels: int, most: int) -> tuple[int, ...]:
    cuts = rng.randint(0, min(levels - 1, most))
    return tuple(sorted(rng.sample(range(1, most + 1), cuts)))


def _strides(rng: random.Random, loop: Loop, low: int, high: int) -> tuple[int, ...]:
    return tuple(rng.choice((0, 1, rng.randint(low, high))) for _ in range(len(loop[1]) + 1))


def _read(rng: random.Random, config: EngineConfig, inner: Loop, reduction: Loop, outer: Loop, lanes: int) -> Walk:
    """A walk inside the lower half of a memory."""
    walk = Walk(
        0, _strides(rng, inner, -20, 20), () if reduction is ONE_STEP else _strides(rng, reduction, -20, 20),
        _strides(rng, outer, -20, 20), rng.randrange(4), rng.random() < 0.5,
    )  # fmt: skip
    offsets = [
        loop_offsets(inner, walk.inner), loop_offsets(reduction, walk.reduction), loop_offsets(outer, walk.outer),
        np.arange(lanes) * (walk.lane_step * config.banks + 1),
    ]  # fmt: skip
    lowest, highest = (sum(int(edge(part)) for part in offsets) for edge in (np.min, np.max))
    return replace(walk, base=rng.randint(-lowest, config.activation_words // 2 - BUFFER_WORDS - highest))


def _written(rng: random.Random, config: EngineConfig, time: Loop, outer: Loop) -> Walk:
    """Words side by side: lanes inside steps, or steps inside lanes."""
    lane_step, pitch = 0, config.columns
    if rng.random() < 0.5:
        lane_step, pitch = -(-time[0] * outer[0] // config.banks), 1
    steps = tuple(pitch * step for step in (1, *time[1]))
    tiles = tuple(pitch * time[0] * tile for tile in (1, *outer[1]))
    return Walk(config.activation_words // 2, steps, (), tiles, lane_step, rng.random() < 0.5)
