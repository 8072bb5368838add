"""Random programs, runs and surroundings of a sequencer."""

import random
from dataclasses import replace

from deep3.compiler.schedule import MIN_TILE_CYCLES
from deep3.hdl.contract.config import EngineConfig
from deep3.hdl.contract.instruction import Instruction
from deep3.hdl.contract.nest import Walk
from deep3.hdl.contract.program import ADDRESS_BITS, Format, Function, Loss, Memory, Mode, StartParameters
from deep3.hdl.contract.timing import SETUP_CYCLES, fetch_cycles
from deep3.sim.golden.engine.sequencer import Inputs

__all__ = ["Surroundings", "random_instruction", "random_start"]


def random_instruction(rng: random.Random, config: EngineConfig) -> Instruction:
    """Few tiles of few steps, or one with as many steps as the accumulator takes; operands anywhere."""
    long = rng.random() < 0.05
    time_count = config.accumulator_words if long else rng.choice((1, rng.randint(1, 9)))
    tile_width = rng.randint(1, config.columns)
    return Instruction(
        mode=rng.choice(list(Mode)), format=rng.choice(list(Format)), function=rng.choice(list(Function)),
        loss=rng.choice(list(Loss)),
        time_count=time_count,
        reduction_count=rng.choice((1, rng.randint(1, 4))),
        outer_count=rng.choice((1, rng.randint(1, 4))),
        tile_cycles=max(time_count, tile_width, MIN_TILE_CYCLES) + rng.choice((0, 0, rng.randint(0, 5))),
        tile_width=tile_width,
        last_reduction_width=rng.randint(1, config.rows), last_outer_width=rng.randint(1, tile_width),
        label_base=rng.getrandbits(14),
        stream=_walk(rng), stream_memory=rng.choice(list(Memory)),
        load=_walk(rng), load_memory=rng.choice(list(Memory)),
        out=_walk(rng), output_memory=rng.choice(list(Memory)), aux=_walk(rng), aux_memory=rng.choice(list(Memory)),
        loss_out=_walk(rng),
    )  # fmt: skip


def _walk(rng: random.Random) -> Walk:
    strides = {level: rng.getrandbits(ADDRESS_BITS - 1) for level in ("inner", "reduction", "outer")}
    buffered = bool(rng.getrandbits(1))
    return Walk(base=rng.getrandbits(ADDRESS_BITS), lane_step=rng.getrandbits(14), buffered=buffered, **strides)


def random_start(rng: random.Random, config: EngineConfig) -> StartParameters:
    """A run of one to four instructions; now and then one without batches."""
    count = rng.randint(1, 4)
    return StartParameters(
        first_instruction=rng.randint(0, config.max_instructions - count),
        instruction_count=count,
        batches=rng.choice((0, 1, 2, 3, 6)),
        buffers=rng.choice((1, 2, 3)),
        buffer_words=rng.getrandbits(ADDRESS_BITS),
        label_words=rng.getrandbits(14),
        resident=rng.random() < 0.4,
        rate_mantissa=rng.getrandbits(16),
        rate_shift=rng.getrandbits(2),
        seed=rng.choice((0, rng.getrandbits(32))),
    )


class Surroundings:
    """Host and loss unit during one run: how often they commit, start what is already running, and are busy; when they
    abort."""

    def __init__(self, rng: random.Random, config: EngineConfig, start: StartParameters) -> None:
        self._rng = rng
        self._config = config
        self._program = start
        self._commit_rate = rng.choice((0.002, 0.01, 0.5))
        self._commit_batches = rng.choice(((1,), (1, 2), (1, 65535)))
        # With START, in the first instruction, or anywhere.
        longest = rng.choice((0, SETUP_CYCLES + config.columns, 400))
        self._cycles_to_abort = rng.choice((None, rng.randint(0, longest) + (fetch_cycles() if longest else 0)))
        self._start_rate = rng.choice((0.0, 0.02))
        self._loss_rates = rng.choice(((0.0, 1.0), (0.1, 0.1), (0.02, 0.02), (0.5, 0.5)))
        self._loss_busy = False
        self.aborted = False

    def inputs(self) -> Inputs:
        """Of the next cycle."""
        rng = self._rng
        if rng.random() < self._loss_rates[self._loss_busy]:
            self._loss_busy = not self._loss_busy
        abort = self._cycles_to_abort == 0
        if self._cycles_to_abort is not None:
            self._cycles_to_abort -= 1
        self.aborted |= abort
        return Inputs(
            start=self._other_start() if rng.random() < self._start_rate else None,
            commit_batches=rng.choice(self._commit_batches) if rng.random() < self._commit_rate else 0,
            abort=abort,
            loss_busy=self._loss_busy,
        )

    def _other_start(self) -> StartParameters:
        """Of the same program: it is heard where the run happens to be over."""
        first, count = self._program.first_instruction, self._program.instruction_count
        return replace(random_start(self._rng, self._config), first_instruction=first, instruction_count=count)
