"""Networks beyond the chip through packets: weights on their way while the engine works."""

from dataclasses import replace
from unittest.mock import patch

import numpy as np
import pytest
from golden_board import golden_board
from streamed_network import BATCH, CONFIG, NETWORK, data, expected

from deep3.compiler.lowering import lower
from deep3.compiler.network.layers import Convolution, Dense, Flatten
from deep3.compiler.network.network import Network
from deep3.compiler.streamed_layout import StreamedLayout
from deep3.compiler.streaming import stream
from deep3.host.board.board import Board, BoardError
from deep3.host.board.streamed import StreamedBoard
from deep3.host.link.session import Session
from deep3.host.link.udp import UdpTransport
from deep3.sim.board.impairment import Impairment
from deep3.sim.golden.engine.engine import Engine
from deep3.sim.golden.port import GoldenPort


@pytest.mark.parametrize(("count", "impairment"), [(3 * BATCH + 1, None), (2 * BATCH, Impairment(loss=0.05))])
def test_outputs_through_packets_are_those_of_a_larger_engine(count: int, impairment: Impairment | None) -> None:
    weights, samples = data(count, count)
    streamed = stream(NETWORK, CONFIG, BATCH)
    assert len(streamed.pieces) > 4
    with golden_board(CONFIG, impairment) as (_, port):
        transport = UdpTransport("127.0.0.1", port)
        with Session(transport, CONFIG.digest) as session:
            board = StreamedBoard(Board(session, CONFIG), streamed, weights)
            np.testing.assert_array_equal(board.logits(samples), expected(weights, samples))


class SlowPort(GoldenPort):
    """Runs end when they are asked for: what is written before must not be what they need."""

    def __init__(self, engine: Engine) -> None:
        super().__init__(engine)
        self.waiting: list[object] = []
        self.written_in_a_run = 0

    def write(self, space, address, words):  # type: ignore[no-untyped-def]
        self.written_in_a_run += words.size if self.waiting else 0
        super().write(space, address, words)

    def start(self, parameters):  # type: ignore[no-untyped-def]
        assert not self.waiting
        self.waiting.append(parameters)

    def batches_done(self) -> int:
        return 0 if self.waiting else super().batches_done()

    def running(self) -> bool:
        if self.waiting:
            self._engine.start(self.waiting.pop())  # type: ignore[arg-type]
        return False


def test_what_is_written_in_a_run_is_not_what_it_needs() -> None:
    weights, samples = data(5, 3 * BATCH)
    port = SlowPort(Engine(CONFIG))
    streamed = stream(NETWORK, CONFIG, BATCH)
    board = StreamedBoard(Board(port, CONFIG), streamed, weights)
    np.testing.assert_array_equal(board.logits(samples), expected(weights, samples))
    # All but the first piece of the first batch came while the engine worked.
    words = sum(piece.words for piece in streamed.pieces)
    assert port.written_in_a_run >= 3 * words - streamed.pieces[0].words + 2 * streamed.layout.inputs.words


def test_an_odd_number_of_pieces_waits_where_halves_meet() -> None:
    network = Network((3, 1, 1), (Convolution(1, (1, 1)), Convolution(1, (1, 1)), Flatten(), Dense(1), Dense(2)))
    rng = np.random.default_rng(3)
    weights = [rng.integers(-2000, 2000, shape).astype(np.int16) for shape in network.weight_shapes]
    samples = rng.integers(-4096, 4096, (3, 3)).astype(np.int16)
    with patch.object(StreamedLayout, "half_words", 5):
        streamed = stream(network, CONFIG, 1)
    assert [piece.rows for piece in streamed.pieces] == [1, 1, 1, 1, 1]
    found = [
        StreamedBoard(Board(port(Engine(CONFIG)), CONFIG), streamed, weights).logits(samples)
        for port in (SlowPort, GoldenPort)
    ]
    whole = Board(GoldenPort(Engine(CONFIG)), CONFIG)
    whole.load(lower(network, CONFIG, 1, 1))
    whole.write_weights(weights)
    for outputs in found:
        np.testing.assert_array_equal(outputs, whole.logits(samples))


def test_programs_of_another_engine_are_refused() -> None:
    other = replace(CONFIG, rows=8)
    with pytest.raises(BoardError, match=r"has engine .*; the network was lowered for engine "):
        StreamedBoard(Board(GoldenPort(Engine(other)), other), stream(NETWORK, CONFIG, BATCH), data(1, 1)[0])


def test_a_board_that_streamed_holds_no_network() -> None:
    board = Board(GoldenPort(Engine(CONFIG)), CONFIG)
    small = Network.uniform((5, 3))
    board.load(lower(small, CONFIG, 2, 1))
    StreamedBoard(board, stream(NETWORK, CONFIG, BATCH), data(1, 1)[0])
    with pytest.raises(BoardError, match=r"holds no network yet"):
        board.logits(np.zeros((1, 5), np.int16))
