"""Random programs, runs and surroundings of a sequencer."""

import random
from dataclasses import replace
from typing import Any

from deep3.compiler.phase import tile_cycles
from deep3.hdl.contract.config import EngineConfig
from deep3.hdl.contract.instruction import Encoding, Instruction, Mask, Ones
from deep3.hdl.contract.nest import Walk
from deep3.hdl.contract.program import ADDRESS_BITS, Format, Function, Loss, Memory, StartParameters
from deep3.hdl.contract.timing import SETUP_CYCLES, fetch_cycles
from deep3.sim.golden.engine.sequencer import Inputs

__all__ = ["Surroundings", "random_instruction", "random_start"]


def random_instruction(rng: random.Random, config: EngineConfig) -> Instruction:
    """Few tiles of few steps, or one with as many steps as the accumulator takes; operands anywhere."""
    long = rng.random() < 0.05
    time_count = config.accumulator_words if long else rng.choice((1, rng.randint(1, 9)))
    tile_width = rng.randint(1, config.columns)
    depth = config.encoding.depth
    periods = {loop: _periods(rng, getattr(depth, loop)) for loop in ("column", "time", "reduction", "outer")}

    def walk(inner: str) -> Walk:
        return _walk(rng, config.encoding, periods[inner], periods["reduction"], periods["outer"])

    beyond: dict[str, Any] = {}
    if config.convolution:
        beyond = {
            "edge_width": rng.randint(1, config.rows), "ones": rng.choice(list(Ones)), "window": rng.randint(1, 16),
            "position_bits": rng.choice((0, 2, 4)), "mask": rng.choice(list(Mask)), "mask_bits": rng.choice((2, 4)),
            "positions": Walk(base=rng.getrandbits(4)),
        }  # fmt: skip
    return Instruction(
        mode=rng.choice(config.modes), format=rng.choice(list(Format)), function=rng.choice(list(Function)),
        loss=rng.choice(list(Loss)),
        time_count=time_count,
        reduction_count=rng.choice((1, rng.randint(1, 4))),
        outer_count=rng.choice((1, rng.randint(1, 4))),
        tile_cycles=tile_cycles(time_count, tile_width) + rng.choice((0, 0, rng.randint(0, 5))),
        tile_width=tile_width,
        last_reduction_width=rng.randint(1, config.rows), last_outer_width=rng.randint(1, tile_width),
        label_base=rng.getrandbits(14),
        stream=walk("time"), stream_memory=rng.choice(list(Memory)),
        load=walk("column"), load_memory=rng.choice(list(Memory)),
        out=_drained(walk("time")), output_memory=rng.choice(list(Memory)),
        aux=_drained(walk("time")), aux_memory=rng.choice(list(Memory)), loss_out=Walk(base=rng.getrandbits(18)),
        **{f"{loop}_periods": cuts for loop, cuts in periods.items()}, **beyond,
    )  # fmt: skip


def _periods(rng: random.Random, levels: int) -> tuple[int, ...]:
    return tuple(sorted(rng.sample(range(1, 9), rng.randint(0, levels - 1))))


def _walk(rng: random.Random, encoding: Encoding, *periods: tuple[int, ...]) -> Walk:
    inner, reduction, outer = (
        tuple(rng.getrandbits(encoding.address_bits - 1) for _ in range(len(cuts) + 1)) for cuts in periods
    )
    return Walk(
        rng.getrandbits(encoding.address_bits), inner, reduction, outer,
        rng.getrandbits(encoding.lane_step_bits), bool(rng.getrandbits(1)),
    )  # fmt: skip


def _drained(walk: Walk) -> Walk:
    """Walks of what leaves the lanes pass once over an outer tile."""
    return replace(walk, reduction=())


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
        self._cycles_to_abort = rng.choice((None, rng.randint(0, longest) + (fetch_cycles(config) if longest else 0)))
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
