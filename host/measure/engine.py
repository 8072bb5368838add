"""How busy a training engine keeps its array: measured by the counters of the RTL, in steady state."""

import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np

from deep3.compiler.layout import Layout
from deep3.compiler.lowering import Lowered, Program, lower
from deep3.compiler.network.network import Network
from deep3.hdl.contract.config import BANK_GRANULARITY_WORDS, EngineConfig
from deep3.hdl.contract.program import Counter
from deep3.host.board.board import Board
from deep3.host.board.counters import Counters
from deep3.host.board.virtual import VirtualBoard

__all__ = ["ARRAYS", "NETWORKS", "CaseResult", "bench_engine", "engine_for"]

NETWORKS = ((257, 50, 26), (111, 100, 26), (200, 250, 75, 16), (196, 750, 125, 19))
ARRAYS = ((8, 8), (12, 12))
BATCH = 100
WARM_UP_BATCHES = 1
STEADY_BATCHES = 4
LEARNING_RATE = 0.01
SEED = 20170618


@dataclass(frozen=True)
class CaseResult:
    """One network on one array; cycles are of one batch.

    ``array_efficiency`` is the useful multiply-adds of forward, backward and weight gradient (biases not counted) over
    ``rows * cols * cycles``; ``schedule_efficiency`` the cycles of the same tiles with padded edges, and nothing else,
    over ``cycles``. ``phases`` are (name, cycles) in order. ``simulated_cycles_per_second`` is the speed of the virtual
    board while it trains, without the loading of the batch.
    """

    network: tuple[int, ...]
    batch: int
    rows: int
    cols: int
    macs: int
    cycles: float
    array_efficiency: float
    schedule_efficiency: float
    phases: tuple[tuple[str, float], ...]
    simulated_cycles_per_second: float


def engine_for(rows: int, columns: int, networks: tuple[tuple[int, ...], ...], batch: int) -> EngineConfig:
    """The smallest engine of that shape that holds each of the networks with one input buffer."""
    banks = EngineConfig(rows=rows, columns=columns).banks
    limit = (1 << 18) // banks
    roomy = EngineConfig(
        rows=rows, columns=columns, activation_bank_words=limit, weight_bank_words=limit, error_bank_words=limit
    )
    layouts = [Layout(Network.uniform(sizes), roomy, batch, 1) for sizes in networks]

    def words(ends: list[int]) -> int:
        return -(-max(ends) // (banks * BANK_GRANULARITY_WORDS)) * BANK_GRANULARITY_WORDS

    return replace(
        roomy,
        activation_bank_words=words([layout.inputs.base + layout.buffer_words for layout in layouts]),
        weight_bank_words=words([layout.weights[-1].end for layout in layouts]),
        error_bank_words=words([layout.errors[-1].end for layout in layouts]),
    )


def bench_engine(
    networks: tuple[tuple[int, ...], ...] = NETWORKS, arrays: tuple[tuple[int, int], ...] = ARRAYS, batch: int = BATCH
) -> Iterator[CaseResult]:
    """Train every network on every array, on the virtual board.

    Raises
    ------
    DoesNotFit
        For a network that fits no engine of that shape.
    LinkError, BoardBuildError
        When the virtual board fails.
    """
    for rows, columns in arrays:
        config = engine_for(rows, columns, networks, batch)
        with VirtualBoard(config) as virtual, virtual.connect() as board:
            for sizes in networks:
                yield _measure(board, lower(Network.uniform(sizes), config, batch, 1))


def _measure(board: Board, lowered: Lowered) -> CaseResult:
    layout = lowered.layout
    rng = np.random.default_rng(SEED)
    sizes = layout.network.sizes
    weights = [
        np.round(rng.normal(0, 4096 / np.sqrt(inputs), (outputs, inputs + 1))).astype(np.int16)
        for inputs, outputs in pairwise(sizes)
    ]
    samples = np.round(rng.normal(0, 2048, (1, layout.batch, sizes[0]))).astype(np.int16)
    labels = rng.integers(0, sizes[-1], (1, layout.batch))
    board.load(lowered)
    board.write_weights(weights)
    runs = []
    for batches in (WARM_UP_BATCHES, WARM_UP_BATCHES + STEADY_BATCHES):
        started_s = time.perf_counter()
        board.train(samples, labels, LEARNING_RATE, SEED, epochs=batches)
        runs.append((board.counters(), time.perf_counter() - started_s))
    (first, first_s), (last, last_s) = runs
    steady_cycles = last.totals[Counter.CYCLES] - first.totals[Counter.CYCLES]
    cycles = steady_cycles / STEADY_BATCHES
    config, program = layout.config, lowered.training
    return CaseResult(
        network=sizes,
        batch=layout.batch,
        rows=config.rows,
        cols=config.columns,
        macs=program.macs,
        cycles=cycles,
        array_efficiency=program.macs / (config.rows * config.columns * cycles),
        schedule_efficiency=program.ideal_cycles / cycles,
        phases=tuple(_phases(program, first, last)),
        simulated_cycles_per_second=steady_cycles / (last_s - first_s),
    )


def _phases(program: Program, first: Counters, last: Counters) -> Iterator[tuple[str, float]]:
    slot = 0
    for phase in program.phases:
        slots = range(slot, slot + len(phase.instructions))
        cycles = sum(last.instructions[index].cycles - first.instructions[index].cycles for index in slots)
        yield f"{phase.mode.name.lower()} {phase.layer + 1} {phase.orientation.value}", cycles / STEADY_BATCHES
        slot = slots.stop
