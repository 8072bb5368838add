"""The cost model against the truth: counters of the RTL, Yosys, and engines that were sized."""

import random

import numpy as np
import pytest

from deep3.cost_model.boards import board_names, load_board
from deep3.cost_model.design import LocalDesign, Task
from deep3.cost_model.local_network import GlobalNetwork
from deep3.cost_model.logic import luts_of
from deep3.cost_model.resources import Link, block_rams, multipliers
from deep3.cost_model.sizing import size
from deep3.flow.sample_synthesis import synthesise_sample
from deep3.host.board.board import Board
from deep3.host.board.virtual import VirtualBoard
from deep3.host.measure.cost_model import (
    ECP5_ARRAYS,
    XILINX_ARRAYS,
    bench_cycles,
    bench_hard_blocks,
    bench_logic,
    sample_of,
)
from deep3.sim.golden.engine.engine import Engine
from deep3.sim.golden.port import GoldenPort

SEED = 20170618
DESIGNS = 50
LARGEST = 6


def test_cycles_of_a_random_engine() -> None:
    cases = list(bench_cycles(engines=1, networks=4))
    assert len(cases) == 8
    assert [case.predicted for case in cases] == [case.counted for case in cases]


@pytest.mark.verify
def test_cycles_of_two_hundred_runs() -> None:
    cases = list(bench_cycles())
    assert len(cases) >= 200
    assert [case.predicted for case in cases] == [case.counted for case in cases]


@pytest.mark.verify
@pytest.mark.parametrize(
    ("family", "array"),
    [*(("ecp5", array) for array in ECP5_ARRAYS), *(("xilinx", array) for array in XILINX_ARRAYS)],
    ids=str,
)
def test_block_rams_and_multipliers_are_those_of_yosys(family: str, array: tuple[int, int]) -> None:
    (case,) = bench_hard_blocks((array,), family)
    assert case.predicted_block_rams == case.block_rams
    assert case.predicted_multipliers == case.multipliers


@pytest.mark.verify
def test_luts_and_flip_flops_of_engines_that_were_not_fitted() -> None:
    cases = list(bench_logic())
    for found, predicted in (("luts", "predicted_luts"), ("flip_flops", "predicted_flip_flops")):
        errors = sorted(abs(getattr(case, predicted) / getattr(case, found) - 1) for case in cases)
        assert errors[len(errors) // 2] <= 0.05
        assert errors[-1] <= 0.1


def random_design(seed: int) -> LocalDesign:
    rng = random.Random(seed)
    hidden = tuple(rng.randint(2, 400) for _ in range(rng.randint(0, 2)))
    network = GlobalNetwork(rng.randint(2, 800), hidden, rng.randint(2, 40))
    task = Task(network, batch=rng.randint(1, 64), objective=rng.choice(["runtime", "energy", "edp", "memory"]))
    return rng.choice(size(task, load_board(rng.choice(board_names())))[:4])


@pytest.mark.verify
@pytest.mark.parametrize("seed", range(SEED, SEED + DESIGNS))
def test_a_sized_engine_trains_the_bits_of_its_twin(seed: int) -> None:
    design = random_design(seed)
    lowered = design.step.lowered
    layout = lowered.layout
    rng = np.random.default_rng(seed)
    weights = [
        rng.integers(-2000, 2000, (matrix.rows, matrix.width + 1)).astype(np.int16) for matrix in layout.weights
    ]
    samples = rng.integers(-8000, 8000, (2, layout.batch, layout.inputs.width)).astype(np.int16)
    labels = rng.integers(0, layout.network.classes, (2, layout.batch))
    trained = []
    with VirtualBoard(design.config) as virtual:
        for board in (virtual.connect(), Board(GoldenPort(Engine(design.config)), design.config)):
            with board:
                board.load(lowered)
                board.write_weights(weights)
                board.train(samples, labels, 0.01, seed)
                trained.append(board.read_weights())
    for found, expected in zip(*trained, strict=True):
        assert np.array_equal(found, expected)


@pytest.mark.verify
def test_the_largest_sized_engines_synthesise_within_their_device() -> None:
    designs = [random_design(seed) for seed in range(SEED, SEED + DESIGNS)]
    ecp5 = [design for design in designs if design.device.family == "ecp5"]
    for design in sorted(ecp5, key=lambda design: design.multipliers)[-LARGEST:]:
        cells = synthesise_sample(sample_of(design.config)).cells
        assert cells["DP16KD"] == block_rams(design.config, "ecp5", Link.NONE)["DP16KD"]
        assert cells["DP16KD"] <= design.device.block_ram.count
        assert cells["MULT18X18D"] == multipliers(design.config) <= design.device.multiplier.count
        assert luts_of(cells) <= design.device.logic.luts
        assert cells["TRELLIS_FF"] <= design.device.logic.flip_flops
