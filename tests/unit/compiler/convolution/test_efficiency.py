"""How busy programs keep the array, in closed form: the cycles that the engine is held to by its bench."""

import pytest
from map_networks import CIFAR, CIFAR_QUICK, LENET, SVHN

from deep3.compiler.cycles import issue_to_issue_cycles
from deep3.compiler.lowering import lower
from deep3.compiler.network.network import Network
from deep3.hdl.contract.config import EngineConfig
from deep3.hdl.contract.program import Mode

BATCH = 16


def roomy(rows: int, columns: int) -> EngineConfig:
    """An engine that holds any of the networks."""
    words = (1 << 20) // EngineConfig(rows=rows, columns=columns).banks
    return EngineConfig(
        rows=rows, columns=columns, activation_bank_words=words, weight_bank_words=words, error_bank_words=words,
        max_layers=16, convolution=True,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("network", "rows", "columns", "schedule", "array"),
    [
        (LENET, 8, 8, 0.97, 0.82),
        (LENET, 16, 8, 0.96, 0.80),
        (SVHN, 8, 8, 0.99, 0.99),
        (SVHN, 16, 8, 0.99, 0.98),
        (CIFAR, 8, 8, 0.99, 0.98),
        (CIFAR, 16, 8, 0.99, 0.98),
        (CIFAR_QUICK, 8, 8, 0.945, 0.94),
    ],
)
def test_training_keeps_the_array_busy(
    network: Network, rows: int, columns: int, schedule: float, array: float
) -> None:
    config = roomy(rows, columns)
    program = lower(network, config, BATCH, 1).training
    cycles = sum(issue_to_issue_cycles(instruction, config) for instruction in program.instructions)
    assert schedule < program.ideal_cycles / cycles < 1
    assert array < program.macs / (rows * columns * cycles) < 1


def test_useful_work_is_that_of_the_layers_but_for_zeros_around_maps() -> None:
    program = lower(LENET, roomy(8, 8), BATCH, 1).training
    assert program.macs == BATCH * LENET.training_multiply_adds
    work = {(phase.mode, phase.layer): phase.macs for phase in lower(CIFAR, roomy(8, 8), BATCH, 1).training.phases}
    assert work[Mode.FORWARD, 2] == work[Mode.UPDATE, 2] == BATCH * CIFAR.layers[2].multiply_adds((32, 16, 16))
    # Of 5 x 5 windows on 16 x 16 pixels with their borders 74 x 74 taps lie inside.
    assert work[Mode.BACKWARD, 2] == BATCH * 32 * 32 * 74 * 74


def test_phases_say_what_was_weighed() -> None:
    phase = lower(LENET, roomy(8, 8), BATCH, 1).training.phases[0]
    chosen = sum(issue_to_issue_cycles(instruction, roomy(8, 8)) for instruction in phase.instructions)
    start = f"3 rows of the image side by side; 6 columns a tile take {chosen} cycles, 3 would take "
    assert phase.why.startswith(start)
    assert int(phase.why.removeprefix(start)) > chosen
