"""Published networks on the gateware, through packets: bit for bit what the golden engine trains, cycle for cycle what
the compiler says."""

import numpy as np
import pytest

from deep3.compiler.lowering import Lowered, lower
from deep3.compiler.network.network import Network
from deep3.cost_model.engine_choice import engine_holding
from deep3.hdl.contract.config import EngineConfig
from deep3.hdl.contract.program import Counter
from deep3.host.board.board import Board
from deep3.host.board.counters import Counters
from deep3.host.board.virtual import VirtualBoard
from deep3.host.measure.networks import CONVOLUTIONAL, KEYWORDS
from deep3.sim.golden.engine.engine import Engine
from deep3.sim.golden.port import GoldenPort

SEED = 20261125


def trained(
    board: Board, lowered: Lowered, batches: int
) -> tuple[list[np.ndarray], np.ndarray, np.ndarray, Counters]:
    """Weights, classes and outputs after training, and the counters of the training."""
    rng = np.random.default_rng(SEED)
    network, batch = lowered.layout.network, lowered.layout.batch
    weights = [
        np.round(rng.normal(0, 4096 / np.sqrt(columns - 1), (outputs, columns))).astype(np.int16)
        for outputs, columns in network.weight_shapes
    ]
    samples = np.round(rng.normal(0, 2048, (batches, batch, network.inputs))).astype(np.int16)
    labels = rng.integers(0, network.classes, (batches, batch))
    board.load(lowered)
    board.write_weights(weights)
    board.train(samples, labels, 0.02, SEED)
    counters = board.counters()
    flat = samples[:2].reshape(-1, network.inputs)
    return board.read_weights(), board.predict(flat), board.logits(flat), counters


def busy_cycles(counters: Counters) -> int:
    totals = counters.totals
    return totals[Counter.CYCLES] - totals[Counter.BATCH_WAIT] - totals[Counter.FETCH_WAIT]


def both_agree(network: Network, like: EngineConfig, batch: int, batches: int) -> None:
    config = engine_holding(network, like, batch, 2)
    assert config is not None
    lowered = lower(network, config, batch, 2)
    with VirtualBoard(config) as virtual, virtual.connect() as board:
        weights, classes, outputs, counters = trained(board, lowered, batches)
    with Board(GoldenPort(Engine(config)), config) as golden:
        expected, golden_classes, golden_outputs, golden_counters = trained(golden, lowered, batches)
    for got, wanted in zip(weights, expected, strict=True):
        np.testing.assert_array_equal(got, wanted)
    np.testing.assert_array_equal(classes, golden_classes)
    np.testing.assert_array_equal(outputs, golden_outputs)
    assert counters.totals[Counter.CORRECT] == golden_counters.totals[Counter.CORRECT]
    # What waits for a batch hides what waits for an instruction: without both the cycles are those of the closed form.
    busy = [busy_cycles(each) for each in (counters, golden_counters)]
    assert busy[0] == busy[1]
    assert [slot.cycles for slot in counters.instructions] == [slot.cycles for slot in golden_counters.instructions]


def test_lenet_5_trains_alike_on_gateware_and_golden_engine() -> None:
    both_agree(CONVOLUTIONAL["LeNet-5"], EngineConfig(convolution=True, max_layers=16), 3, 3)


@pytest.mark.verify
@pytest.mark.parametrize(
    ("model", "batch"), [("LeNet-5", 16), ("CIFAR-10 quick", 2), ("CIFAR-10 quick, 2x2 maxima", 2), ("SVHN", 2)]
)
def test_twenty_batches_of_published_networks(model: str, batch: int) -> None:
    both_agree(CONVOLUTIONAL[model], EngineConfig(rows=16, columns=8, convolution=True, max_layers=16), batch, 20)


@pytest.mark.verify
def test_twenty_batches_of_keywords() -> None:
    both_agree(KEYWORDS, EngineConfig(), 16, 20)
