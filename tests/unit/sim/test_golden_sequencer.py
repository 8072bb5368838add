"""The walk of the sequencer's twin against the closed form of the cost model, which knows no walk."""

import random
from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from deep3.compiler.cycles import instruction_cycles, run_cycles
from deep3.hdl.contract.config import EngineConfig
from deep3.hdl.contract.program import Loss, StartParameters
from deep3.sim.bench.engine.sequencer_cases import random_instruction
from deep3.sim.golden.engine.issues import steps
from deep3.sim.golden.engine.sequencer import Inputs, Outputs, Sequencer

CONFIG = EngineConfig(rows=3, columns=5, accumulator_words=16, max_layers=1)


@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), count=st.integers(1, 3), batches=st.integers(0, 3))
def test_resident_run_takes_the_cycles_of_the_closed_form(seed: int, count: int, batches: int) -> None:
    rng = random.Random(seed)
    program = [replace(random_instruction(rng, CONFIG), loss=Loss.NONE) for _ in range(count)]
    words = [word for instruction in program for word in instruction.encode()]
    sequencer = Sequencer(CONFIG, words + [0] * (CONFIG.max_instructions * CONFIG.encoding.words - len(words)))
    run = _run(sequencer, StartParameters(first_instruction=0, instruction_count=count, batches=batches))
    assert len(run) == run_cycles(program, CONFIG, batches)
    for slot, instruction in enumerate(program):
        counted = sum(outputs.counting and outputs.slot == slot for outputs in run)
        assert counted == batches * instruction_cycles(instruction, CONFIG)


@settings(max_examples=50, deadline=None)
@given(seed=st.integers(0, 2**32 - 1))
def test_every_tile_is_loaded_before_it_is_streamed(seed: int) -> None:
    instruction = random_instruction(random.Random(seed), CONFIG)
    tiles = instruction.outer_count * instruction.reduction_count
    loaded = streamed = 0
    for stream, load in steps(instruction, CONFIG.encoding.depth):
        if stream is not None:
            assert loaded // instruction.tile_width > streamed // instruction.time_count
        streamed += stream is not None
        loaded += load is not None
    assert (loaded, streamed) == (tiles * instruction.tile_width, tiles * instruction.time_count)


def _run(sequencer: Sequencer, parameters: StartParameters) -> list[Outputs]:
    """The cycles in which the sequencer is busy."""
    assert not sequencer.cycle(Inputs(start=parameters)).busy
    run = []
    while (outputs := sequencer.cycle(Inputs())).busy:
        run.append(outputs)
    return run
