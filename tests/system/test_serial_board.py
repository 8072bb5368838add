"""The RTL of a board with a serial port, pins and all, trained through the real serial transport."""

from pathlib import Path

import numpy as np
import pytest
from amaranth import Module
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out
from serial_board import serial_board
from small_network import BATCH, CONFIG, LOWERED, NETWORK, labels, samples, weights

from deep3.hdl.board.uart_top import UartTop
from deep3.hdl.link.packet_bytes import packet_bytes
from deep3.hdl.link.uart import UartReceiver, UartTransmitter
from deep3.host.board.board import Board
from deep3.host.link.serial import MIN_BAUD, SerialTransport
from deep3.host.link.session import Session
from deep3.sim.board.build import PacketBench, build_library, identity
from deep3.sim.board.harness import Harness
from deep3.sim.golden.engine.engine import Engine
from deep3.sim.golden.port import GoldenPort

CYCLES_A_BIT = 8
BATCHES = 6


class Cable(wiring.Component):
    """A board's two pins, and at the other end of the wires a converter to bytes.

    Members
    -------
    rx : In(packet_bytes()), tx : Out(packet_bytes())
        Bytes on the line, whatever ``first`` and ``last`` say; out, each zero is a ``last``.
    busy : Out(1)
    """

    def __init__(self) -> None:
        super().__init__({"rx": In(packet_bytes()), "tx": Out(packet_bytes()), "busy": Out(1)})

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.submodules.board = board = UartTop(CONFIG, CYCLES_A_BIT)
        m.submodules.transmitter = transmitter = UartTransmitter(CYCLES_A_BIT)
        m.submodules.receiver = receiver = UartReceiver(CYCLES_A_BIT)
        received = receiver.received
        m.d.comb += [
            board.rx.eq(transmitter.tx),
            receiver.rx.eq(board.tx),
            transmitter.bytes.valid.eq(self.rx.valid),
            transmitter.bytes.payload.eq(self.rx.payload.data),
            self.rx.ready.eq(transmitter.bytes.ready),
            self.tx.valid.eq(received.valid & ~received.payload.broken),
            self.tx.payload.data.eq(received.payload.data),
            self.tx.payload.last.eq(received.payload.data == 0),
            self.busy.eq(board.busy),
        ]
        return m


@pytest.fixture(scope="module")
def library() -> Path:
    label = f"{CONFIG.rows}x{CONFIG.columns} on a serial port"
    return build_library(lambda: PacketBench(Cable()), identity(CONFIG, Path(__file__).read_text("utf-8")), label)


def train(board: Board) -> list[np.ndarray]:
    board.load(LOWERED)
    board.write_weights(weights(1))
    rows = samples(BATCHES * BATCH, 1).reshape(BATCHES, BATCH, NETWORK.inputs)
    board.train(rows, labels(BATCHES * BATCH, 1).reshape(BATCHES, BATCH), 0.3, seed=5, epochs=2)
    return board.read_weights()


@pytest.mark.parametrize("errors", [0.0, 3e-4], ids=["clean", "with errors"])
def test_a_board_on_a_serial_port_trains_the_bits_of_the_golden_engine(library: Path, errors: float) -> None:
    golden = Board(GoldenPort(Engine(CONFIG)), CONFIG)
    expected = train(golden)
    inputs = samples(20, 2)
    with Harness(library) as harness, serial_board(harness, loss=errors, corruption=errors, seed=4) as wired:
        # The simulated line is slower than any real one; what the host assumes only decides when it asks again.
        session = Session(SerialTransport(wired.port, MIN_BAUD), CONFIG.digest)
        board = Board(session, CONFIG)
        found = train(board)
        assert (board.predict(inputs) == golden.predict(inputs)).all()
        session.close()
        assert harness.busy_cycles > 0
    assert all((one == other).all() for one, other in zip(found, expected, strict=True))
    assert (wired.counts["lost"] > 0) == (wired.counts["spoilt"] > 0) == (errors > 0)
