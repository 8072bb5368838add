"""Instructions that the golden engine executes as one, against the same ones after the other."""

import random
from dataclasses import replace

import map_networks
import numpy as np
import pytest
import torch

from deep3.compiler.lowering import lower
from deep3.cost_model.engine_choice import engine_holding
from deep3.hdl.contract.config import EngineConfig
from deep3.hdl.contract.instruction import Instruction
from deep3.hdl.contract.nest import Walk
from deep3.hdl.contract.program import Memory, Mode
from deep3.sim.golden.engine.chain import Chain, chains
from deep3.sim.golden.engine.execute import Memories, Rate, execute
from deep3.sim.golden.engine.plan import Plan
from deep3.sim.nests import BUFFER_WORDS, random_nest

CONFIG = EngineConfig(
    rows=3, columns=5, activation_bank_words=1024, weight_bank_words=1024, error_bank_words=1024,
    accumulator_words=32, convolution=True, dropout=True, adagrad=True,
)  # fmt: skip
RATE = Rate(40000, 1)


def memories_of_noise(seed: int) -> Memories:
    noise = np.random.default_rng(seed)
    memories = Memories(CONFIG)
    for content in memories.operands.values():
        content[:] = torch.from_numpy(noise.integers(-9000, 9000, len(content)).astype(np.int16))
    memories.random.restart(seed + 1)
    return memories


def outcomes(made: list[Chain], memories: Memories, offset: int) -> list[int]:
    return [each.saturations for chain in made for each in execute(chain, memories, offset, 0, RATE)]


def single(instructions: list[Instruction]) -> list[Chain]:
    return [Chain([Plan(instruction, CONFIG)]) for instruction in instructions]


def like(first: Instruction, other: Instruction, base: int) -> Instruction:
    """The loops and strides of one nest, and all else of another; results from ``base`` on."""
    kept = (
        "mode", "format", "function", "loss", "window", "stream_memory", "load_memory", "aux_memory", "output_memory",
        "mask", "mask_bits", "position_bits", "dropout_threshold",
    )  # fmt: skip
    walks = {
        name: replace(getattr(other, name), buffered=getattr(first, name).buffered)
        for name in ("stream", "load", "aux", "out")
    }
    walks["out"] = replace(walks["out"], base=base)
    return replace(other, **walks, **{name: getattr(first, name) for name in kept})


@pytest.mark.parametrize("seed", range(12))
def test_a_chain_does_what_its_instructions_do_one_by_one(seed: int) -> None:
    rng = random.Random(seed)
    first = random_nest(rng, CONFIG, Mode.BACKWARD)
    others = [random_nest(rng, CONFIG, Mode.BACKWARD) for _ in range(3)]
    program = [first, *(like(first, other, first.out.base + rng.randrange(3)) for other in others)]
    offset = rng.randrange(BUFFER_WORDS)
    together, apart = memories_of_noise(seed), memories_of_noise(seed)
    made = chains(program, CONFIG)
    assert outcomes(made, together, offset) == outcomes(single(program), apart, offset)
    for memory, content in together.operands.items():
        assert torch.equal(content, apart.operands[memory]), memory.name


def backward(stream_base: int, out_base: int) -> Instruction:
    """E at one place times W, to E at another."""
    return Instruction(
        Mode.BACKWARD, 2, 1, 1, 4, 2, 3, 2, Walk(stream_base, (4,)), Walk(0, (4,)), Memory.ERROR, Memory.WEIGHT,
        out=Walk(out_base, (8,)), output_memory=Memory.ERROR, aux=Walk(0, (8,)), aux_memory=Memory.ACTIVATION,
    )  # fmt: skip


def test_what_reads_a_result_waits_for_it() -> None:
    assert [len(chain.plans) for chain in chains([backward(0, 100), backward(0, 200)], CONFIG)] == [2]
    assert [len(chain.plans) for chain in chains([backward(0, 100), backward(100, 200)], CONFIG)] == [1, 1]


def test_of_results_at_one_place_the_last_counts() -> None:
    program = [backward(0, 100), backward(40, 100)]
    together, apart = memories_of_noise(5), memories_of_noise(5)
    (chain,) = chains(program, CONFIG)
    assert outcomes([chain], together, 0) == outcomes(single(program), apart, 0)
    assert torch.equal(together.operands[Memory.ERROR], apart.operands[Memory.ERROR])


def test_the_gradient_of_a_convolution_is_one_chain() -> None:
    config = engine_holding(map_networks.LENET, EngineConfig(convolution=True, max_layers=16), 16)
    assert config is not None
    program = lower(map_networks.LENET, config, 16, 1).training.instructions
    assert sorted(len(chain.plans) for chain in chains(program, config))[-1] == 49
