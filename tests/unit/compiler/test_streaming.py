"""Forward programs in pieces: what they compute, where they lie, and what does not fit."""

from dataclasses import replace
from itertools import pairwise
from unittest.mock import patch

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from map_networks import CIFAR_QUICK, configs, networks
from random_networks import dense_networks

from deep3.compiler.lowering import lower
from deep3.compiler.network.network import Network
from deep3.compiler.streamed_layout import StreamedLayout
from deep3.compiler.streaming import Streamed, stream
from deep3.compiler.tensors import DoesNotFit
from deep3.hdl.contract.config import EngineConfig
from deep3.host.board.board import Board
from deep3.host.board.streamed import StreamedBoard
from deep3.sim.golden.engine.engine import Engine
from deep3.sim.golden.port import GoldenPort


def narrowed(network: Network, config: EngineConfig, batch: int, rows: int) -> Streamed:
    """In halves that hold so many rows of every matrix, and no more of the widest; memories are never that small."""
    layout = stream(network, config, batch).layout
    words = max(min(rows, matrix.rows) * matrix.pitch for matrix in layout.weights)
    with patch.object(StreamedLayout, "half_words", words):
        return stream(network, config, batch)


def weights_of(network: Network, rng: np.random.Generator) -> list[np.ndarray]:
    return [rng.integers(-3000, 3000, shape).astype(np.int16) for shape in network.weight_shapes]


@settings(max_examples=40)
@given(st.one_of(networks(), dense_networks()), configs(), st.integers(1, 4), st.integers(0, 1000))
def test_pieces_compute_what_the_whole_does(network: Network, config: EngineConfig, batch: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    config = replace(config, convolution=True)
    weights = weights_of(network, rng)
    samples = rng.integers(-8000, 8000, (2 * batch + 1, network.inputs)).astype(np.int16)
    whole = Board(GoldenPort(Engine(config)), config)
    whole.load(lower(network, config, batch, 1))
    whole.write_weights(weights)
    streamed = narrowed(network, config, batch, int(rng.integers(1, 9)))
    engine = Engine(streamed.layout.config)
    board = StreamedBoard(Board(GoldenPort(engine), engine.config), streamed, weights)
    np.testing.assert_array_equal(board.logits(samples), whole.logits(samples))


@settings(max_examples=40)
@given(networks(), configs(), st.integers(1, 3), st.integers(1, 8))
def test_pieces_have_every_row_once_and_neighbours_lie_apart(
    network: Network, config: EngineConfig, batch: int, rows: int
) -> None:
    streamed = narrowed(network, config, batch, rows)
    layout, pieces = streamed.layout, streamed.pieces
    for index, matrix in enumerate(layout.weights):
        there = [piece for piece in pieces if piece.matrix == index]
        taken = [row for piece in there for row in range(piece.first_row, piece.first_row + piece.rows)]
        assert taken == list(range(matrix.rows))
        assert all(piece.words == piece.rows * matrix.pitch for piece in there)
    for piece, after in pairwise(pieces):
        ends = piece.address + piece.words, piece.slot + len(piece.instructions)
        if piece.address < after.address:
            assert ends[0] <= after.address
            assert ends[1] <= after.slot
    assert {piece.address for piece in pieces[::2]} == {layout.halves_base}
    assert max(piece.address + piece.words for piece in pieces) <= layout.config.weight_words
    assert len(pieces) % 2 == 0 or all(piece.rows == 1 for piece in pieces)


def test_the_rest_of_a_batch_is_where_the_whole_has_it() -> None:
    config = EngineConfig(
        rows=16, columns=8, convolution=True, max_layers=16, activation_bank_words=8192, weight_bank_words=2048,
        loss_unit=False,
    )  # fmt: skip
    streamed = stream(CIFAR_QUICK, config, 1)
    assert [piece.rows for piece in streamed.pieces if piece.matrix == 2] == [16, 16, 16, 16]
    assert sum(piece.words for piece in streamed.pieces) == 145_738
    assert sum(phase.macs for piece in streamed.pieces for phase in piece.phases) == sum(
        phase.macs for phase in lower(CIFAR_QUICK, replace(config, weight_bank_words=16384), 1).forward.phases
    )
    assert {number for number, piece in enumerate(streamed.pieces) if piece.reads_inputs} == {0}


def test_what_does_not_fit_is_named() -> None:
    config = EngineConfig(rows=4, columns=4, weight_bank_words=1024, activation_bank_words=1024)
    wide = Network.uniform((3000, 4, 3))
    with pytest.raises(DoesNotFit) as caught:
        stream(wide, config, 1)
    assert str(caught.value) == (
        "weights do not fit: 6002 needed, the engine has 4096 words (weight_bank_words x banks)"
    )
    with pytest.raises(DoesNotFit, match=r"^activations do not fit: "):
        stream(Network.uniform((1000, 4, 3)), config, 8)
    with pytest.raises(DoesNotFit, match=r"convolution needed, the engine has none"):
        stream(CIFAR_QUICK, config, 1)
