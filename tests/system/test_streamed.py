"""Weights over the link while an engine computes: the outputs of a golden engine that holds them all."""

import numpy as np
import pytest
from golden_board import golden_board
from streamed_network import BATCH, CONFIG, NETWORK, data, expected

from deep3.compiler.lowering import lower
from deep3.compiler.network import reference
from deep3.compiler.network.network import Network
from deep3.compiler.streaming import stream
from deep3.cost_model.boards import load_board
from deep3.cost_model.design import ModelTask
from deep3.cost_model.engine_choice import engine_holding
from deep3.cost_model.forward_sizing import size_forward
from deep3.hdl.contract.config import EngineConfig
from deep3.hdl.contract.program import Counter
from deep3.host.board.board import Board
from deep3.host.board.streamed import StreamedBoard
from deep3.host.board.virtual import VirtualBoard
from deep3.host.link.session import Session
from deep3.host.link.udp import UdpTransport
from deep3.host.measure.networks import ALEXNET, CONVOLUTIONAL, KEYWORDS
from deep3.sim.golden.engine.engine import Engine
from deep3.sim.golden.port import GoldenPort


@pytest.mark.parametrize("options", [(), ("--loss", "0.02")])
def test_the_gateware_computes_a_network_in_pieces(options: tuple[str, ...]) -> None:
    weights, samples = data(9, 3 * BATCH - 1)
    streamed = stream(NETWORK, CONFIG, BATCH)
    with VirtualBoard(CONFIG, options) as virtual, virtual.connect() as board:
        outputs = StreamedBoard(board, streamed, weights).logits(samples)
        totals = board.counters().totals
    np.testing.assert_array_equal(outputs, expected(weights, samples))
    # Of the last piece, behind which nothing is written.
    assert totals[Counter.CYCLES] == streamed.cycles_of(streamed.pieces[-1])


@pytest.mark.verify
@pytest.mark.parametrize("name", ["SVHN", "CIFAR-10 quick", "Deep KWS"])
def test_published_networks_on_the_engine_of_a_board(name: str) -> None:
    network: Network = (CONVOLUTIONAL | {"Deep KWS": KEYWORDS})[name]
    design = size_forward(ModelTask(network, name, batch=2), load_board("ecpix5-85f"), largest=True)[0]
    rng = np.random.default_rng(5)
    weights = [
        np.round(rng.normal(0, 4096 / np.sqrt(columns - 1), (rows, columns))).astype(np.int16)
        for rows, columns in network.weight_shapes
    ]
    samples = np.round(rng.normal(0, 2048, (3, network.inputs))).astype(np.int16)
    with golden_board(design.config) as (_, port), Session(UdpTransport("127.0.0.1", port), design.config.digest) as s:
        outputs = StreamedBoard(Board(s, design.config), design.time.streamed, weights).logits(samples)
    large = engine_holding(network, EngineConfig(convolution=not network.is_dense, max_layers=16), 3)
    assert large is not None
    assert large.weight_words > design.config.weight_words
    whole = Board(GoldenPort(Engine(large)), large)
    whole.load(lower(network, large, 3, 1))
    whole.write_weights(weights)
    np.testing.assert_array_equal(outputs, whole.logits(samples))


@pytest.mark.verify
def test_alexnet_in_pieces_computes_what_float_does() -> None:
    """No engine holds its weights; 1,268 pieces against floating point."""
    config = EngineConfig(
        rows=16, columns=8, convolution=True, loss_unit=False, max_layers=16, activation_bank_words=65536,
        weight_bank_words=8192,
    )  # fmt: skip
    rng = np.random.default_rng(1)
    weights = [
        np.round(4096 * np.sqrt(2 / (columns - 1)) * rng.standard_normal((rows, columns), np.float32)).astype(np.int16)
        for rows, columns in ALEXNET.weight_shapes
    ]
    samples = np.round(rng.normal(0, 2048, (1, ALEXNET.inputs))).astype(np.int16)
    board = StreamedBoard(Board(GoldenPort(Engine(config)), config), stream(ALEXNET, config, 1), weights)
    outputs = board.logits(samples) / 256
    plain = [matrix / np.float32(4096) for matrix in weights]
    wanted = reference.outputs(ALEXNET, plain, samples / np.float32(4096))
    assert outputs.argmax() == wanted.argmax()
    assert np.abs(outputs - wanted).max() < 0.03 * np.abs(wanted).max()
