"""Weights over the link while the gateware computes: the outputs of a golden engine that holds them all."""

import numpy as np
from streamed_network import BATCH, CONFIG, NETWORK, data, expected

from deep3.compiler.streaming import stream
from deep3.hdl.contract.program import Counter
from deep3.host.board.streamed import StreamedBoard
from deep3.host.board.virtual import VirtualBoard


def test_the_gateware_computes_a_network_in_pieces() -> None:
    weights, samples = data(9, 3 * BATCH - 1)
    streamed = stream(NETWORK, CONFIG, BATCH)
    with VirtualBoard(CONFIG) as virtual, virtual.connect() as board:
        outputs = StreamedBoard(board, streamed, weights).logits(samples)
        totals = board.counters().totals
    np.testing.assert_array_equal(outputs, expected(weights, samples))
    # Of the last piece; a cycle in which the host's words have a memory is a cycle in which the engine waits.
    waited = totals[Counter.HOST_WAIT] + totals[Counter.BATCH_WAIT]
    assert totals[Counter.CYCLES] - waited == streamed.cycles_of(streamed.pieces[-1])
