"""``deep3 bench cost-model``: every prediction beside the truth."""

import random
import statistics
import tempfile
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from itertools import chain, pairwise
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from deep3.compiler.cycles import run_cycles
from deep3.compiler.lowering import Lowered, Program
from deep3.cost_model.logic import luts_of
from deep3.cost_model.resource_samples import Sample
from deep3.cost_model.resources import Link, block_rams, logic, multipliers
from deep3.flow.mapping_truth import mapped_hard_blocks
from deep3.flow.sample_synthesis import synthesise_sample
from deep3.hdl.contract.config import EngineConfig
from deep3.hdl.contract.program import Counter
from deep3.host.board.board import Board
from deep3.host.board.virtual import VirtualBoard
from deep3.sim.cases import random_case, random_config

from .machine import profile_machine

__all__ = [
    "CycleCase",
    "HardBlockCase",
    "LogicCase",
    "bench_cost_model",
    "bench_cycles",
    "bench_hard_blocks",
    "bench_logic",
    "sample_of",
]

SEED = 20170618
ENGINES = 10
NETWORKS = 10
"""Of each engine; each gives a training and a forward-only program: 200 pairs."""
LEARNING_RATE = 0.01

ECP5_ARRAYS = ((4, 4), (4, 8), (5, 7), (6, 6), (7, 5), (8, 4), (8, 8), (9, 10), (10, 13), (12, 8), (12, 12), (12, 13))
XILINX_ARRAYS = ((4, 4), (5, 7), (8, 8), (12, 12))
HELD_OUT = ((5, 5), (6, 7), (7, 4), (8, 6))
"""Arrays whose logic was not fitted."""


@dataclass(frozen=True)
class CycleCase:
    """Cycles of one run: counted by the RTL, and by closed form."""

    digest: str
    network: tuple[int, ...]
    batch: int
    batches: int
    training: bool
    counted: int
    predicted: int


@dataclass(frozen=True)
class HardBlockCase:
    """Block RAM cells and multipliers of an engine: mapped, and predicted."""

    family: str
    rows: int
    columns: int
    block_rams: dict[str, int]
    predicted_block_rams: dict[str, int]
    multipliers: int
    predicted_multipliers: int


@dataclass(frozen=True)
class LogicCase:
    """LUTs and flip-flops of an engine: synthesised, and predicted."""

    rows: int
    columns: int
    luts: int
    predicted_luts: int
    flip_flops: int
    predicted_flip_flops: int


def bench_cycles(engines: int = ENGINES, networks: int = NETWORKS, seed: int = SEED) -> Iterator[CycleCase]:
    """Random engines, random networks on each, trained and run forward on the RTL.

    Raises
    ------
    LinkError, BoardBuildError
        When a virtual board fails.
    """
    rng = random.Random(seed)
    for _ in range(engines):
        config = random_config(rng)
        with VirtualBoard(config) as virtual, virtual.connect() as board:
            for _ in range(networks):
                yield from _cycles(board, random_case(rng, config).lowered, rng)


def _cycles(board: Board, lowered: Lowered, rng: random.Random) -> Iterator[CycleCase]:
    layout = lowered.layout
    sizes = layout.network.sizes
    values = np.random.default_rng(rng.getrandbits(64))
    batches = rng.randint(1, layout.buffers)
    board.load(lowered)
    board.write_weights([np.zeros((o, i + 1), np.int16) for i, o in pairwise(sizes)])
    samples = values.integers(-8000, 8000, (batches, layout.batch, sizes[0])).astype(np.int16)
    labels = values.integers(0, sizes[-1], (batches, layout.batch))
    epochs = rng.randint(1, 3)
    board.train(samples, labels, LEARNING_RATE * layout.batch, 1, epochs)
    yield _counted(board, lowered, lowered.training, batches * epochs)
    board.logits(samples[0])
    yield _counted(board, lowered, lowered.forward, 1)


def _counted(board: Board, lowered: Lowered, program: Program, batches: int) -> CycleCase:
    layout = lowered.layout
    return CycleCase(
        digest=layout.config.digest,
        network=layout.network.sizes,
        batch=layout.batch,
        batches=batches,
        training=program is lowered.training,
        counted=board.counters().totals[Counter.CYCLES],
        predicted=run_cycles(program.instructions, layout.config, batches),
    )


def varied_config(rows: int, columns: int) -> EngineConfig:
    """An engine whose other parameters vary with its shape, repeatably."""
    rng = random.Random(f"{rows}x{columns}")
    return EngineConfig(
        rows=rows,
        columns=columns,
        activation_bank_words=1024 * rng.randint(1, 8),
        weight_bank_words=1024 * rng.randint(1, 4),
        error_bank_words=1024 * rng.randint(1, 2),
        label_words=rng.choice((64, 256, 1024)),
        accumulator_words=rng.choice((64, 128, 512)),
        activation_entries=rng.choice((256, 512, 1024)),
        exponential_entries=rng.choice((64, 256)),
        max_classes=rng.choice((16, 32, 64)),
        max_layers=rng.randint(2, 8),
    )


def bench_hard_blocks(arrays: tuple[tuple[int, int], ...], family: str) -> Iterator[HardBlockCase]:
    """Engines mapped by Yosys, without their link.

    Raises
    ------
    ToolError
        When Yosys fails or is missing.
    """
    for rows, columns in arrays:
        config = varied_config(rows, columns)
        with tempfile.TemporaryDirectory() as folder:
            blocks, found = mapped_hard_blocks(config, family, Path(folder))
        predicted = block_rams(config, family, Link.NONE)
        yield HardBlockCase(family, rows, columns, blocks, predicted, found, multipliers(config))


def bench_logic(arrays: tuple[tuple[int, int], ...] = HELD_OUT) -> Iterator[LogicCase]:
    """Engines synthesised for ECP5, without their link.

    Raises
    ------
    ToolError
        When Yosys fails or is missing.
    """
    for rows, columns in arrays:
        config = varied_config(rows, columns)
        cells = synthesise_sample(sample_of(config)).cells
        luts, flip_flops = logic(config, "ecp5", Link.NONE)
        yield LogicCase(rows, columns, luts_of(cells), luts, cells.get("TRELLIS_FF", 0), flip_flops)


def sample_of(config: EngineConfig) -> Sample:
    """The whole engine, to be synthesised."""
    default = EngineConfig()
    changed = {name: value for name, value in asdict(config).items() if value != getattr(default, name)}
    return Sample("engine", changed)


def bench_cost_model() -> dict[str, Any]:
    """All comparisons; minutes for the cycles, and for the synthesis of each engine: about an hour.

    Raises
    ------
    ToolError, LinkError, BoardBuildError
        When a tool or a virtual board fails.
    """
    cycles = list(tqdm(bench_cycles(), total=2 * ENGINES * NETWORKS, unit="run", desc="cycles"))
    mapped = chain(bench_hard_blocks(ECP5_ARRAYS, "ecp5"), bench_hard_blocks(XILINX_ARRAYS, "xilinx"))
    hard = list(tqdm(mapped, total=len(ECP5_ARRAYS) + len(XILINX_ARRAYS), unit="engine", desc="block RAM"))
    fabric = list(tqdm(bench_logic(), total=len(HELD_OUT), unit="engine", desc="logic"))
    profile = profile_machine("cpu")
    luts = [abs(case.predicted_luts / case.luts - 1) for case in fabric]
    flip_flops = [abs(case.predicted_flip_flops / case.flip_flops - 1) for case in fabric]
    return {
        "cycles_max_abs_error": max(abs(case.predicted - case.counted) for case in cycles),
        "cycles_cases": len(cycles),
        "bram_max_abs_error": max(_difference(case.block_rams, case.predicted_block_rams) for case in hard),
        "dsp_max_abs_error": max(abs(case.multipliers - case.predicted_multipliers) for case in hard),
        "hard_block_cases": len(hard),
        "lut_median_rel_error": statistics.median(luts),
        "lut_max_rel_error": max(luts),
        "ff_median_rel_error": statistics.median(flip_flops),
        "ff_max_rel_error": max(flip_flops),
        "logic_cases": len(fabric),
        "profile_median_rel_error": profile.median_error,
        "profile_cases": len(profile.held_out),
        "cycles": [asdict(case) for case in cycles],
        "hard_blocks": [asdict(case) for case in hard],
        "logic": [asdict(case) for case in fabric],
    }


def _difference(found: dict[str, int], predicted: dict[str, int]) -> int:
    return max((abs(found.get(name, 0) - predicted.get(name, 0)) for name in {*found, *predicted}), default=0)
