"""The same training on every kind of board that a program can open."""

import numpy as np
import pytest
from small_network import CONFIG, NETWORK

import deep3
from deep3.errors import Deep3Error
from deep3.host.board.virtual import VirtualBoard

RNG = np.random.default_rng(1)
X, Y = RNG.normal(size=(12, NETWORK.inputs)), np.arange(12) % NETWORK.classes


def trained(board: deep3.Board) -> tuple[list[np.ndarray], list[int], int]:
    board.load(NETWORK, batch=4)
    board.train(X, Y, rate=0.25, epochs=2)
    cycles = board.counters().cycles
    return board.weights, board.predict(X).tolist(), cycles


def test_boards_over_a_link_in_simulation_and_the_model_agree() -> None:
    with deep3.Board("golden", CONFIG) as board:
        weights, classes, _ = trained(board)
    with VirtualBoard(CONFIG) as virtual:
        host, port = virtual.address
        found = []
        with deep3.Board("virtual", CONFIG) as board:
            found.append(trained(board))
        with deep3.Board(f"{host}:{port}", CONFIG) as board:
            found.append(trained(board))
            with pytest.raises(Deep3Error):
                deep3.Board(f"{host}:{port}", deep3.EngineConfig())
        # Given back, it can be had again.
        deep3.Board(f"{host}:{port}", CONFIG).close()
    for other, others_classes, cycles in found:
        assert all(map(np.array_equal, other, weights))
        assert others_classes == classes
        assert cycles > 0
    assert found[0][2] == found[1][2]
