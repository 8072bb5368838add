"""Bench of the sequencer: runs of random programs, with commits, aborts and a loss at any time, against its twin."""

import os
import random
from collections import Counter
from functools import lru_cache
from typing import Any

import cocotb

from deep3.hdl.cells.layouts import start_layout
from deep3.hdl.contract.config import EngineConfig
from deep3.hdl.contract.nest import Depth
from deep3.hdl.contract.program import StartParameters
from deep3.hdl.engine.sequencer import load_issue_layout, stream_issue_layout
from deep3.sim.bench.timeline import Timeline
from deep3.sim.golden.engine.issues import LoadIssue, StreamIssue
from deep3.sim.golden.engine.sequencer import Inputs, Outputs, Sequencer

from .program_memory import ProgramMemory
from .sequencer_cases import Surroundings, random_instruction, random_start

ISSUES = ("stream", "load")
EVENTS = ("seed_load", "begin", "stream", "load", "loss_clear", "finished", "batch_wait", "fetch_wait", "loss_wait")
START_BITS = start_layout().size


@lru_cache
def stream_issue(bits: int, depth: Depth) -> StreamIssue | None:
    """The vector at the port, if there is one."""
    fields: Any = stream_issue_layout(depth).from_bits(bits)
    if not fields.valid:
        return None
    flags = {name: bool(fields[name]) for name in StreamIssue._fields if name != "level"}
    return StreamIssue(level=int(fields.level), **flags)


@lru_cache
def load_issue(bits: int, depth: Depth) -> LoadIssue | None:
    """The vector at the port, if there is one."""
    fields: Any = load_issue_layout(depth).from_bits(bits)
    if not fields.valid:
        return None
    return LoadIssue(int(fields.column), bool(fields.edge), bool(fields.last), int(fields.level))


class Driver:
    """Plays host and loss unit."""

    def __init__(self, dut: Any, rng: random.Random) -> None:
        self.dut = dut
        self.rng = rng
        self.inputs: Inputs | None = None

    def drive(self, inputs: Inputs) -> None:
        """What is not valid is random; what stays the same need not be driven again."""
        if inputs == self.inputs:
            return
        self.inputs = inputs
        committed = bool(inputs.commit_batches)
        encoded = self.rng.randbytes(START_BITS // 8) if inputs.start is None else inputs.start.encode()
        self.dut.start.value = int(inputs.start is not None)
        self.dut.parameters.value = int.from_bytes(encoded, "little")
        self.dut.commit.value = int(committed)
        self.dut.commit_batches.value = inputs.commit_batches if committed else self.rng.getrandbits(16)
        self.dut.abort.value = int(inputs.abort)
        self.dut.loss_busy.value = int(inputs.loss_busy)


class Bench:
    """A sequencer, its twin, and the program."""

    def __init__(self, dut: Any, config: EngineConfig, rng: random.Random) -> None:
        self.dut = dut
        self.config = config
        self.rng = rng
        self.driver = Driver(dut, rng)
        self.memory = ProgramMemory(dut.program_address, dut.program_word, config, rng)
        self.twin = Sequencer(config, self.memory.words)
        self.board = Timeline(dut, self.sample)
        self.seen: Counter[str] = Counter()

    def sample(self, output: str) -> object:
        bits = int(getattr(self.dut, output).value)
        if output in ISSUES:
            depth = self.config.encoding.depth
            return stream_issue(bits, depth) if output == "stream" else load_issue(bits, depth)
        return bits

    async def cycle(self, inputs: Inputs) -> Outputs:
        self.driver.drive(inputs)
        self.memory.drive()
        outputs = self.twin.cycle(inputs)
        for output, value in outputs._asdict().items():
            if value is not None or output in ISSUES:
                self.board.expect(output, 0, value)
        self.seen.update(event for event in EVENTS if getattr(outputs, event))
        await self.board.settle()
        self.memory.sample()
        await self.board.edge()
        return outputs

    async def run(self, start: StartParameters, surroundings: Surroundings) -> None:
        """START to the end of the run, or of one more that a late START began."""
        inputs = surroundings.inputs()._replace(start=start)
        while (outputs := await self.cycle(inputs)).busy or inputs.start is not None:
            self.seen["aborted while it issues"] += surroundings.aborted and outputs.stream is not None
            inputs = surroundings.inputs()
        self.seen["batches"] += outputs.batches_done


@cocotb.test()
async def random_runs(dut: Any) -> None:
    """DEEP3_RUNS runs, some in the very cycle in which the one before is over."""
    config = EngineConfig.from_toml(os.environ["DEEP3_CONFIG"])
    rng = random.Random(int(os.environ["DEEP3_SEED"]))
    bench = Bench(dut, config, rng)
    bench.driver.drive(Inputs())
    bench.memory.drive()
    await bench.board.clock.reset()
    await bench.cycle(Inputs())
    for _ in range(int(os.environ["DEEP3_RUNS"])):
        start = random_start(rng, config)
        for index in range(start.instruction_count):
            bench.memory.store(start.first_instruction + index, random_instruction(rng, config).encode(config.encoding))
        surroundings = Surroundings(rng, config, start)
        for _ in range(rng.choice((0, 0, 1, 5))):
            await bench.cycle(surroundings.inputs()._replace(start=None))
        await bench.run(start, surroundings)
    await bench.board.finish()
    unseen = [event for event in (*EVENTS, "aborted while it issues", "batches") if not bench.seen[event]]
    assert not unseen, f"never seen: {unseen}"
