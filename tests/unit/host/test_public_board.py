"""A board in a program's hands: what it is given, what it gives back, and what is refused in which words."""

from collections.abc import Iterator

import numpy as np
import pytest
from small_network import CONFIG, NETWORK

from deep3.errors import Deep3Error
from deep3.hdl.contract.fixed_point import RangeError
from deep3.host.workers.base import BackendError
from deep3.host.workers.public_board import Board, BoardUseError

RNG = np.random.default_rng(1)
BATCH = 4
X = RNG.normal(size=(3 * BATCH, NETWORK.inputs))
Y = np.arange(3 * BATCH) % NETWORK.classes


@pytest.fixture
def board() -> Iterator[Board]:
    with Board("golden", CONFIG) as opened:
        opened.load(NETWORK, BATCH)
        yield opened


def test_weights_come_back_rounded(board: Board) -> None:
    weights = [RNG.uniform(-1, 1, matrix.shape) for matrix in board.weights]
    board.weights = weights
    for found, given in zip(board.weights, weights, strict=True):
        assert np.abs(found - given).max() <= 0.5 / 4096
        assert np.array_equal(found, np.rint(given * 4096) / 4096)


def test_training_changes_the_weights_and_repeats(board: Board) -> None:
    before = board.weights
    board.train(X, Y, rate=0.25, epochs=3)
    after, cycles = board.weights, board.counters().cycles
    assert not np.array_equal(after[0], before[0])
    assert cycles > 0
    board.weights = before
    board.train(X, Y, rate=0.25, epochs=3)
    assert all(map(np.array_equal, board.weights, after))


def test_classes_are_those_of_the_largest_outputs(board: Board) -> None:
    outputs = board.outputs(X[:5])
    assert outputs.shape == (5, NETWORK.classes)
    assert board.predict(X[:5]).tolist() == outputs.argmax(axis=1).tolist()


@pytest.mark.parametrize(
    ("x", "y", "rate", "message"),
    [
        (X[:3], Y[:3], 0.1, "samples must be whole batches of 4 with one label each, not 3 samples and labels of the "),
        (X[:4], Y[:3], 0.1, "samples must be whole batches of 4 with one label each, not 4 samples and labels of the "),
        (X[:, 1:], Y, 0.1, "samples must be finite, of the shape samples x "),
        (X * np.nan, Y, 0.1, "samples must be finite, of the shape samples x "),
        ([["a"]], [0], 0.1, "samples must be numbers, samples x features"),
        (X, Y + 100, 0.1, "labels must be between 0 and "),
        (X, Y / 2, 0.1, "labels must be integers of shape "),
        (X, Y, -1.0, "learning_rate must be between "),
    ],
)
def test_what_cannot_be_trained(board: Board, x: object, y: object, rate: float, message: str) -> None:
    before = board.weights
    with pytest.raises(BoardUseError) as caught:
        board.train(x, y, rate)  # type: ignore[arg-type]
    assert str(caught.value).startswith(message)
    assert isinstance(caught.value, Deep3Error)
    assert all(map(np.array_equal, board.weights, before))


def test_values_out_of_range_are_refused_in_training_and_saturated_in_use(board: Board) -> None:
    with pytest.raises(RangeError, match=r"^samples must be between -8 and 7\.9998"):
        board.train(X + 100, Y, 0.1)
    with pytest.raises(RangeError, match=r"^weights 1 must be between -8 and 7\.9998"):
        board.weights = [matrix + 100 for matrix in board.weights]
    assert board.predict(X + 100).tolist() == board.predict(np.clip(X + 100, -8, 8 - 1 / 4096)).tolist()


def test_weights_of_another_shape(board: Board) -> None:
    with pytest.raises(BoardUseError, match=r"^weights must have the shapes "):
        board.weights = board.weights[1:]


def test_nothing_works_without_a_network() -> None:
    with Board("golden", CONFIG) as board, pytest.raises(BoardUseError, match=r"^the board holds no network yet"):
        board.predict(X)


@pytest.mark.parametrize(
    ("address", "message"),
    [
        ("", "worker board must be board:HOST"),
        ("host:0", "worker board must be board:HOST"),
        ("serial:", "worker serial must be serial:PORT"),
    ],
)
def test_addresses_that_are_none(address: str, message: str) -> None:
    with pytest.raises(BackendError) as caught:
        Board(address, CONFIG)
    assert str(caught.value).startswith(message)


def test_a_network_that_does_not_fit() -> None:
    with Board("golden", CONFIG) as board, pytest.raises(BoardUseError, match=r"^network \(4000, 4000, 2\) on "):
        board.load(type(NETWORK).uniform((4000, 4000, 2)), BATCH)


def test_weights_may_come_over_the_link() -> None:
    weights = [RNG.uniform(-0.5, 0.5, shape) for shape in NETWORK.weight_shapes]
    with Board("golden", CONFIG) as whole, Board("golden", CONFIG) as streamed:
        whole.load(NETWORK, BATCH, weights)
        streamed.load(NETWORK, BATCH, weights, streamed=True)
        np.testing.assert_array_equal(streamed.outputs(X), whole.outputs(X))
        np.testing.assert_array_equal(streamed.predict(X), whole.predict(X))
        for kept, written in zip(streamed.weights, whole.weights, strict=True):
            np.testing.assert_array_equal(kept, written)
        with pytest.raises(BoardUseError) as caught:
            streamed.train(X, Y, rate=0.25)
        assert str(caught.value) == (
            "weights that come over the link are not trained; load the network without streamed"
        )
        streamed.load(NETWORK, BATCH, weights)
        streamed.train(X, Y, rate=0.25)
        assert not np.array_equal(streamed.weights[0], whole.weights[0])
