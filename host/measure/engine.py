"""How busy a training engine keeps its array: measured by the counters of the RTL, in steady state."""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from deep3.compiler.layout import DoesNotFit
from deep3.compiler.lowering import Lowered, Program, lower
from deep3.compiler.network.network import Network
from deep3.cost_model.engine_choice import engine_holding
from deep3.hdl.contract.config import LIMITS, EngineConfig
from deep3.hdl.contract.program import Counter
from deep3.host.board.board import Board
from deep3.host.board.counters import Counters
from deep3.host.board.virtual import VirtualBoard

from .networks import CONVOLUTIONAL, FULLY_CONNECTED

__all__ = ["CASES", "Case", "CaseResult", "bench_engine", "engine_for"]


@dataclass(frozen=True)
class Case:
    """Networks to be trained on an engine of one shape, in batches of so many samples."""

    networks: dict[str, Network]
    rows: int
    columns: int
    batch: int
    warm_up_batches: int
    steady_batches: int


CASES = (
    *(Case(FULLY_CONNECTED, *shape, batch=100, warm_up_batches=1, steady_batches=4) for shape in ((8, 8), (12, 12))),
    # A batch of these takes as long as dozens of the others.
    *(Case(CONVOLUTIONAL, *shape, batch=16, warm_up_batches=1, steady_batches=1) for shape in ((8, 8), (16, 8))),
)
LEARNING_RATE = 0.01
SEED = 20170618


@dataclass(frozen=True)
class CaseResult:
    """One network on one array; cycles are of one batch.

    ``array_efficiency`` is the multiply-adds of forward, backward and weight gradient over ``rows * cols * cycles``: in
    forward and weight gradient zeros of a padding are multiplied too, errors are gathered without them; biases are not
    counted. ``schedule_efficiency`` is the cycles of the same tiles with padded edges, and nothing else, over
    ``cycles``. ``phases`` are (name, cycles) in order.
    ``simulated_cycles_per_second`` is the speed of the virtual board while it trains, without the loading of the batch.
    """

    model: str
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


def engine_for(case: Case) -> EngineConfig:
    """The smallest engine of that shape that holds each of the networks with one input buffer."""
    convolution = not all(network.is_dense for network in case.networks.values())
    like = EngineConfig(rows=case.rows, columns=case.columns, convolution=convolution)
    if convolution:
        like = replace(like, max_layers=LIMITS["max_layers"].high)
    held = [engine_holding(network, like, case.batch) for network in case.networks.values()]
    engines = [engine for engine in held if engine is not None]
    if len(engines) < len(held):
        raise DoesNotFit(f"no {case.rows}x{case.columns} engine holds all of {', '.join(case.networks)}")

    def most(name: str) -> int:
        return max(int(getattr(engine, name)) for engine in engines)

    return replace(
        like, activation_bank_words=most("activation_bank_words"), weight_bank_words=most("weight_bank_words"),
        error_bank_words=most("error_bank_words"),
    )  # fmt: skip


def bench_engine(cases: Sequence[Case] = CASES) -> Iterator[CaseResult]:
    """Train every network of every case, on the virtual board.

    Raises
    ------
    DoesNotFit
        For a network that fits no engine of that shape.
    LinkError, BoardBuildError
        When the virtual board fails.
    """
    for case in cases:
        config = engine_for(case)
        with VirtualBoard(config) as virtual, virtual.connect() as board:
            for model, network in case.networks.items():
                yield _measure(board, lower(network, config, case.batch, 1), model, case)


def _measure(board: Board, lowered: Lowered, model: str, case: Case) -> CaseResult:
    layout = lowered.layout
    rng = np.random.default_rng(SEED)
    network = layout.network
    weights = [
        np.round(rng.normal(0, 4096 / np.sqrt(columns - 1), (outputs, columns))).astype(np.int16)
        for outputs, columns in network.weight_shapes
    ]
    samples = np.round(rng.normal(0, 2048, (1, layout.batch, network.inputs))).astype(np.int16)
    labels = rng.integers(0, network.classes, (1, layout.batch))
    board.load(lowered)
    board.write_weights(weights)
    runs = []
    for batches in (case.warm_up_batches, case.warm_up_batches + case.steady_batches):
        started_s = time.perf_counter()
        board.train(samples, labels, LEARNING_RATE, SEED, epochs=batches)
        runs.append((board.counters(), time.perf_counter() - started_s))
    (first, first_s), (last, last_s) = runs
    steady_cycles = last.totals[Counter.CYCLES] - first.totals[Counter.CYCLES]
    cycles = steady_cycles / case.steady_batches
    config, program = layout.config, lowered.training
    return CaseResult(
        model=model,
        network=network.widths,
        batch=layout.batch,
        rows=config.rows,
        cols=config.columns,
        macs=program.macs,
        cycles=cycles,
        array_efficiency=program.macs / (config.rows * config.columns * cycles),
        schedule_efficiency=program.ideal_cycles / cycles,
        phases=tuple(_phases(program, first, last, case.steady_batches)),
        simulated_cycles_per_second=steady_cycles / (last_s - first_s),
    )


def _phases(program: Program, first: Counters, last: Counters, batches: int) -> Iterator[tuple[str, float]]:
    slot = 0
    for phase in program.phases:
        slots = range(slot, slot + len(phase.instructions))
        cycles = sum(last.instructions[index].cycles - first.instructions[index].cycles for index in slots)
        yield f"{phase.mode.name.lower()} {phase.layer + 1} {phase.orientation.value}", cycles / batches
        slot = slots.stop
