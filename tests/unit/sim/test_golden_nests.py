"""Instructions of several levels: the golden engine against docs/engine.md word by word, on Python integers."""

import random

import dense_reference as dense
import numpy as np
import pytest
import torch

from deep3.hdl.contract.config import EngineConfig
from deep3.hdl.contract.instruction import Instruction, Mask, Ones
from deep3.hdl.contract.nest import Walk
from deep3.hdl.contract.program import Format, Memory, Mode
from deep3.sim.golden.engine import plan
from deep3.sim.golden.engine.chain import Chain
from deep3.sim.golden.engine.execute import Memories, Rate, execute
from deep3.sim.nests import BUFFER_WORDS, random_nest

CONFIG = EngineConfig(
    rows=3, columns=5, activation_bank_words=1024, weight_bank_words=1024, error_bank_words=1024,
    accumulator_words=32, convolution=True, dropout=True, adagrad=True,
)  # fmt: skip
RATE = Rate(40000, 1)


def digits(step: int, periods: tuple[int, ...]) -> list[int]:
    """Of a step of a loop, innermost first."""
    if not periods:
        return [step]
    return [*digits(step % periods[-1], periods[:-1]), step // periods[-1]]


class Nest:
    """An instruction, one word after the other."""

    def __init__(self, instruction: Instruction, memories: dict[Memory, np.ndarray], offset: int) -> None:
        self.instruction = instruction
        self.memories = memories
        self.offset = offset

    def address(self, walk: Walk, steps: dict[str, int], lane: int) -> int:
        """Of a lane of a walk at a step of each loop; the first loop is the walk's ``inner``."""
        start = walk.base + (self.offset if walk.buffered else 0) + lane * (walk.lane_step * CONFIG.banks + 1)
        for loop, step in steps.items():
            strides = {"reduction": walk.reduction, "outer": walk.outer}.get(loop, walk.inner)
            place = digits(step, self.instruction.loop(loop)[1])
            start += sum(digit * stride for digit, stride in zip(place, strides, strict=False))
        return start

    def width(self, k: int) -> int:
        """Lanes of a reduction tile that count."""
        nest = self.instruction
        if k == nest.reduction_count - 1:
            return nest.last_reduction_width
        inner_ends = bool(nest.reduction_periods) and digits(k + 1, nest.reduction_periods)[0] == 0
        return min(nest.edge_width, CONFIG.rows) if inner_ends else CONFIG.rows

    def operand(self, role: Mask, steps: dict[str, int], lane: int) -> int:
        nest = self.instruction
        if role is Mask.STREAM:
            last = steps["reduction"] == nest.reduction_count - 1 and lane == nest.last_reduction_width - 1
            if nest.ones is Ones.LANE and last:
                return 4096
            if nest.ones is Ones.TIME and steps["time"] == nest.time_count - 1:
                return 4096
        walk, memory = (nest.stream, nest.stream_memory) if role is Mask.STREAM else (nest.load, nest.load_memory)
        word = int(self.memories[memory][self.address(walk, steps, lane)])
        if nest.mask is not role:
            return word
        position = self.address(nest.positions, {loop: steps[loop] for loop in ("reduction", "outer")}, 0)
        if (word - position) % (1 << nest.mask_bits):
            return 0
        return word >> nest.mask_bits << nest.mask_bits

    def total(self, t: int, n: int, c: int) -> int:
        found = 0
        for k in range(self.instruction.reduction_count):
            for r in range(self.width(k)):
                x = self.operand(Mask.STREAM, {"time": t, "reduction": k, "outer": n}, r)
                found += x * self.operand(Mask.LOAD, {"column": c, "reduction": k, "outer": n}, r)
        return found


def lane(nest: Nest, total: int, clips: dense.Clips, aux: int, random_word: int) -> int:
    """What the post lanes make of a sum."""
    mode, format, function = nest.instruction.mode, nest.instruction.format, nest.instruction.function
    entries = CONFIG.activation_entries
    if mode is Mode.FORWARD:
        y = clips.saturate((clips.saturate(total >> (15 if format is Format.Q7_8 else 11), 18) + 1) >> 1, 16)
        return y if format is Format.Q7_8 else dense.activation(y, function, entries)
    if mode is Mode.BACKWARD:
        stops = nest.instruction.dropout_threshold and aux == 0
        slope = 0 if stops else dense.slope(aux, function, entries)
        half = 1 << 15 + nest.instruction.position_bits
        return clips.saturate((clips.saturate(total >> 10, 18) * slope + half) >> 16, 16)
    if mode is Mode.ADAGRAD and format is Format.Q3_12:
        window = clips.saturate(total >> 15, 18)
        low = (window + 65536) % 131072 - 65536
        return clips.saturate(aux + ((window * low + random_word) >> 16), 16)
    if mode is Mode.ADAGRAD:
        return clips.saturate(-((clips.saturate(total >> 14, 18) * dense.root(aux) + random_word) >> 16), 16)
    own = nest.instruction
    mantissa, shift = (own.rate_mantissa, own.rate_shift) if own.rate_mantissa else (RATE.mantissa, RATE.shift)
    step = ((clips.saturate(total >> 14, 18) * mantissa >> 4 * shift) + random_word) >> 16
    return clips.saturate(aux - step, 16)


def written(nest: Nest, words: np.ndarray) -> tuple[dict[int, int], int]:
    """Address to value of everything that is written, and the lanes that were clipped."""
    instruction, clips = nest.instruction, dense.Clips()
    found: dict[int, int] = {}
    low = (1 << instruction.position_bits) - 1
    for n in range(instruction.outer_count):
        last = n == instruction.outer_count - 1
        for c in range(instruction.last_outer_width if last else instruction.tile_width):
            results = []
            for t in range(instruction.time_count):
                aux = 0
                if instruction.mode is not Mode.FORWARD:
                    at = nest.address(instruction.aux, {"time": t, "outer": n}, c)
                    aux = int(nest.memories[instruction.aux_memory][at])
                activation = aux & ~low if instruction.mode is Mode.BACKWARD else aux
                random_word = int(words[n * instruction.time_count + t, c])
                value = lane(nest, nest.total(t, n, c), clips, activation, random_word)
                clips.end_lane()
                results.append(value & ~low | aux & low if instruction.mode is Mode.BACKWARD else value)
                if len(results) == instruction.window:
                    best = max(results)
                    position = results.index(best) if instruction.window > 1 else best
                    at = nest.address(instruction.out, {"time": t, "outer": n}, c)
                    found[at] = best & ~low | position & low if instruction.mode is Mode.FORWARD else best
                    if instruction.mode is Mode.FORWARD and random_word % 256 < instruction.dropout_threshold:
                        found[at] = 0
                    results = []
    return found, clips.count


@pytest.mark.parametrize("mode", list(Mode))
@pytest.mark.parametrize("seed", range(20))
def test_any_nest_gives_what_the_levels_say(mode: Mode, seed: int) -> None:
    compare(mode, seed)


@pytest.mark.parametrize("mode", list(Mode))
@pytest.mark.parametrize("seed", range(20, 24))
def test_tables_that_are_not_kept_say_the_same(mode: Mode, seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plan, "_KEPT_WORDS", 0)
    monkeypatch.setattr(plan, "_BLOCK_WORDS", 50)
    compare(mode, seed)


def compare(mode: Mode, seed: int) -> None:
    """A random nest on the golden engine and word by word."""
    rng, noise = random.Random(f"{mode} {seed}"), np.random.default_rng(seed)
    magnitude = 1 << rng.randint(9, 15)
    instruction = random_nest(rng, CONFIG, mode)
    assert Instruction.decode(instruction.encode(CONFIG.encoding), CONFIG.encoding) == instruction
    memories = Memories(CONFIG)
    before = {}
    for memory, content in memories.operands.items():
        before[memory] = noise.integers(-magnitude, magnitude, len(content)).astype(np.int16)
        content[:] = torch.from_numpy(before[memory])
    memories.random.restart(seed + 1)
    words = memories.random.take(instruction.outer_count * instruction.time_count).numpy()
    memories.random.restart(seed + 1)
    offset = rng.randrange(BUFFER_WORDS)
    results, clipped = written(Nest(instruction, before, offset), words)
    (outcome,) = execute(Chain([plan.Plan(instruction, CONFIG)]), memories, offset, 0, RATE)
    for address, value in results.items():
        before[instruction.output_memory][address] = value
    for memory, content in memories.operands.items():
        np.testing.assert_array_equal(content.numpy(), before[memory], memory.name)
    assert outcome.saturations == clipped
