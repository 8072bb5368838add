"""Conversations drawn from a seed: a host against a board that lies, a board against a host that does."""

import contextlib
import functools
import random
from collections.abc import Sequence
from unittest import mock

import numpy as np
from recorded_board import RecordedBoard, recorded_library
from small_network import CONFIG, LOWERED
from virtual_network import Clock, Rates, VirtualNetwork

from deep3.hdl.contract.program import Space
from deep3.hdl.contract.protocol import ACK_REQUEST, Ack, Packet, Type, Welcome, pack_address, parse_packet
from deep3.host.link import channel, reader, session
from deep3.host.link.session import Session
from deep3.sim.golden.link.endpoint import Endpoint
from deep3.sim.golden.link.recorder import Recorder

from .mutate import damage_packet

__all__ = ["BOARD_PACKETS", "HOST_PACKETS", "lying_board", "lying_host"]

SESSION = 0x1234
RUN = LOWERED.training.start(LOWERED.layout, 2, (100, 1), resident=False)
HOST_PACKETS = tuple(
    packet.pack()
    for packet in (
        Packet(Type.HELLO, 0, 77),
        Packet(Type.HELLO, SESSION + 1, 78, SESSION),
        Packet(Type.WRITE, SESSION, 0, pack_address(Space.WEIGHT, 5), bytes(range(40)), ACK_REQUEST),
        Packet(Type.WRITE, SESSION, 3, pack_address(Space.ACTIVATION, (1 << 18) - 726), bytes(1452)),
        Packet(Type.START, SESSION, 0, 0, RUN.encode()),
        Packet(Type.COMMIT, SESSION, 1, 0, b"\1\0"),
        Packet(Type.READ, SESSION, 9, pack_address(Space.COUNTER, 0), b"\4\0"),
        Packet(Type.READ, SESSION, 9, pack_address(Space.WEIGHT, 0), b"\xd6\2"),
        Packet(Type.STATUS, SESSION),
    )
)
BOARD_PACKETS = tuple(
    packet.pack()
    for packet in (
        Packet(Type.WELCOME, SESSION, 1, payload=Welcome(int(CONFIG.digest, 16), SESSION, 4, 4).pack()),
        Packet(Type.ACK, SESSION, 5, payload=Ack(0b1011, 2, 1, True, 0, 3, 4, 5).pack()),
        Packet(Type.DATA, SESSION, 9, pack_address(Space.WEIGHT, 0), bytes(1452)),
        Packet(Type.DATA, SESSION, 9, pack_address(Space.WEIGHT, 0), flags=1),
    )
)


class LyingBoard:
    """Answers mostly as a board does, and else whatever it likes."""

    def __init__(self, rng: random.Random) -> None:
        self.endpoint = Endpoint(CONFIG, Recorder())
        self._rng = rng
        self._share = rng.choice((0.1, 0.5, 0.9))

    def take(self, packets: Sequence[tuple[bytes, int]]) -> tuple[list[tuple[bytes, int]], float]:
        """See `virtual_network.Board.take`."""
        answers = []
        for packet, host in packets:
            for answer in self.endpoint.receive(packet):
                lie = self._rng.random() < self._share
                answers.append((damage_packet(self._rng, (answer,)) if lie else answer, host))
        return answers, 1e-5


def lying_board(seed: bytes) -> None:
    """A host gets on, or gives up."""
    rng = random.Random(seed)
    clock = Clock()
    network = VirtualNetwork(LyingBoard(rng), clock, rng)
    network.rates = Rates(loss=0.1, duplication=0.1, reordering=0.1)
    words = np.arange(3000, dtype=np.uint16)
    with contextlib.ExitStack() as patched:
        for module in (session, reader, channel):
            patched.enter_context(mock.patch.object(module, "time", clock))
        connected = Session(network.connect(), CONFIG.digest, 1.0)
        connected.write(Space.WEIGHT, 3, words)
        connected.start(RUN)
        connected.commit(2)
        connected.running()
        connected.read(Space.COUNTER, 0, CONFIG.space_words(Space.COUNTER))


@functools.cache
def _board() -> RecordedBoard:
    return RecordedBoard(recorded_library(CONFIG), CONFIG)


def lying_host(seed: bytes) -> None:
    """The RTL answers as its twin, and the next HELLO opens a session that keeps words."""
    rng = random.Random(seed)
    board = _board()
    board.reset()
    _ask(board, Packet(Type.HELLO, SESSION))
    for _ in range(rng.randrange(1, 6)):
        burst = [damage_packet(rng, HOST_PACKETS) for _ in range(rng.randrange(1, 8))]
        board.take([(packet, 0) for packet in burst if packet])
    current = Welcome.parse(_ask(board, Packet(Type.HELLO)).payload).session
    fresh = current ^ 0x5A5A5A5A
    assert Welcome.parse(_ask(board, Packet(Type.HELLO, fresh, 0, current)).payload).session == fresh
    place = pack_address(Space.ERROR, 9)
    assert _ask(board, Packet(Type.WRITE, fresh, 0, place, seed * 2, ACK_REQUEST)).sequence == 1
    wanted = len(seed).to_bytes(2, "little")
    assert _ask(board, Packet(Type.READ, fresh, 0, place, wanted)).payload == seed * 2


def _ask(board: RecordedBoard, packet: Packet) -> Packet:
    answers, _ = board.take([(packet.pack(), 0)])
    return parse_packet(answers[-1][0])
