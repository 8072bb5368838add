"""A board as an object, over the golden engine in this process and over a link."""

import numpy as np
import pytest
from golden_board import golden_board
from small_network import BATCH, BUFFERS, CONFIG, LOWERED, NETWORK, labels, samples, weights

from deep3.compiler.lowering import lower, quantise_rate
from deep3.compiler.network.network import Network
from deep3.hdl.contract.config import EngineConfig
from deep3.hdl.contract.program import Counter, Function, Loss, Space
from deep3.host.board.board import Board, BoardError
from deep3.host.link.session import Session
from deep3.host.link.udp import UdpTransport
from deep3.sim.board.impairment import Impairment
from deep3.sim.golden.engine.engine import Engine
from deep3.sim.golden.port import GoldenPort

RATE = 0.25


def golden(config: EngineConfig = CONFIG) -> Board:
    return Board(GoldenPort(Engine(config)), config)


def batches(count: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    rows = samples(count * BATCH, seed).reshape(count, BATCH, NETWORK.inputs)
    return rows, labels(count * BATCH, seed).reshape(count, BATCH)


def trained(board: Board, count: int, epochs: int = 1) -> list[np.ndarray]:
    board.load(LOWERED)
    board.write_weights(weights(7))
    board.train(*batches(count, 7), RATE, seed=11, epochs=epochs)
    return board.read_weights()


def by_hand(count: int, epochs: int = 1) -> list[np.ndarray]:
    """The same training, one resident batch a run, straight on the golden engine."""
    engine, layout = Engine(CONFIG), LOWERED.layout
    parts = [(matrix[:, :-1], matrix[:, -1]) for matrix in weights(7)]
    engine.write(Space.PROGRAM, 0, LOWERED.image())
    engine.write(Space.ACTIVATION, 0, layout.borders().view(np.uint16))
    engine.write(Space.WEIGHT, 0, layout.pack_weights(parts).view(np.uint16))
    rows, targets = batches(count, 7)
    rate = quantise_rate(RATE, BATCH)
    for index in range(count * epochs):
        source = index % count
        padded = layout.padded_inputs(rows[source : source + 1])
        engine.write(Space.ACTIVATION, layout.inputs.base, padded.reshape(-1).view(np.uint16))
        engine.write(Space.LABEL, 0, targets[source].astype(np.uint16))
        engine.start(LOWERED.training.start(layout, 1, rate, seed=0 if index else 11))
    image = engine.read(Space.WEIGHT, 0, layout.weights[-1].end).view(np.int16)
    return [np.column_stack(layer) for layer in layout.unpack_weights(image)]


@pytest.mark.parametrize(("count", "epochs"), [(1, 1), (BUFFERS, 4), (BUFFERS + 1, 1), (8, 3)])
def test_training_resident_or_streamed_is_that_of_single_batches(count: int, epochs: int) -> None:
    found, expected = trained(golden(), count, epochs), by_hand(count, epochs)
    assert all((a == b).all() for a, b in zip(found, expected, strict=True))
    assert any((a != b).any() for a, b in zip(found, weights(7), strict=True))


@pytest.mark.parametrize("network", [Impairment(), Impairment(0.05, 0.05, 0.05, 0.05)], ids=["good", "bad"])
def test_a_board_over_the_link_does_what_the_golden_engine_does(network: Impairment) -> None:
    local = golden()
    expected = trained(local, 8, 2)
    inputs = samples(20, 3)
    with golden_board(CONFIG, network, seed=4) as (_, port):
        session = Session(UdpTransport("127.0.0.1", port), CONFIG.digest)
        with Board(session, CONFIG) as remote:
            found = trained(remote, 8, 2)
            assert all((a == b).all() for a, b in zip(found, expected, strict=True))
            assert remote.counters() == local.counters()
            assert (remote.predict(inputs) == local.predict(inputs)).all()
            assert (remote.logits(inputs) == local.logits(inputs)).all()


@pytest.mark.parametrize("loss", [Loss.SOFTMAX, Loss.MSE])
@pytest.mark.parametrize("count", [1, BATCH, BATCH + 1, BATCH * BUFFERS * 2 + 5])
def test_classes_are_those_of_the_largest_logit(loss: Loss, count: int) -> None:
    board = golden()
    board.load(lower(Network.uniform(NETWORK.sizes, Function.RELU, loss), CONFIG, BATCH, BUFFERS))
    board.write_weights(weights(5))
    inputs = samples(count, 5)
    logits = board.logits(inputs)
    assert logits.shape == (count, NETWORK.classes)
    assert (board.predict(inputs) == logits.argmax(axis=1)).all()


def test_an_engine_without_loss_unit_classifies_and_does_not_train() -> None:
    config = EngineConfig(rows=4, columns=4, activation_bank_words=2048, max_layers=4, loss_unit=False)
    board = golden(config)
    board.load(lower(NETWORK, config, BATCH, BUFFERS))
    board.write_weights(weights(5))
    full = golden()
    full.load(LOWERED)
    full.write_weights(weights(5))
    inputs = samples(9, 5)
    assert (board.predict(inputs) == full.predict(inputs)).all()
    with pytest.raises(BoardError, match=r"^golden engine cannot train: .* forward-only \(loss_unit = false\)$"):
        board.train(*batches(1, 1), RATE)


def test_counters_belong_to_the_last_run() -> None:
    board = golden()
    assert board.counters().instructions == ()
    trained(board, 4)
    counters = board.counters()
    assert counters.totals[Counter.BATCHES] == 4
    assert 0 <= counters.totals[Counter.CORRECT] <= 4 * BATCH
    assert len(counters.instructions) == len(LOWERED.training.instructions)
    assert 0 < sum(entry.cycles for entry in counters.instructions) <= counters.totals[Counter.CYCLES]
    assert counters.saturations == sum(entry.saturations for entry in counters.instructions)
    board.predict(samples(BATCH, 1))
    assert len(board.counters().instructions) == len(LOWERED.classify.instructions)
    assert board.counters().totals[Counter.BATCHES] == 1


def test_weights_come_back_as_written() -> None:
    board = golden()
    board.load(LOWERED)
    board.write_weights(weights(1))
    assert all((a == b).all() for a, b in zip(board.read_weights(), weights(1), strict=True))


def test_what_cannot_be_is_refused_in_one_line() -> None:
    board = golden()
    with pytest.raises(BoardError, match=r"^golden engine holds no network yet: load one first$"):
        board.read_weights()
    other = EngineConfig()
    with pytest.raises(BoardError, match=f"has engine {CONFIG.digest}; .* lowered for engine {other.digest}$"):
        board.load(lower(NETWORK, other, BATCH))
    board.load(LOWERED)
    rows, targets = batches(2, 1)
    for wrong in (targets[:1], targets.astype(np.float64)):
        with pytest.raises(ValueError, match=r"^labels must be integers of shape \(2, 6\), not "):
            board.train(rows, wrong, RATE)
    for value in (-1, NETWORK.classes):
        with pytest.raises(ValueError, match=f"^labels must be between 0 and 4, not {value}$"):
            board.train(rows, np.full_like(targets, value), RATE)
    with pytest.raises(ValueError, match=r"^batches and epochs must be 1 or more, not 2 and 0$"):
        board.train(rows, targets, RATE, epochs=0)
    with pytest.raises(ValueError, match=r"^samples must be int16 \[1 or more, 10\], not int16 \[0, 10\]$"):
        board.predict(samples(0, 1))


def test_a_run_that_gets_no_further_is_given_up_in_one_line() -> None:
    board = golden()
    board.load(LOWERED)
    board.port.start(LOWERED.training.start(LOWERED.layout, 2, (100, 1), resident=False))
    with pytest.raises(BoardError, match=r"^golden engine has finished no batch for 0\.05 s \(0 batches of this run"):
        board.wait_idle(0.05)
