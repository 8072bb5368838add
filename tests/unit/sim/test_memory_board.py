"""The board that the host's speed is measured against: what it keeps, counts and answers."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytest

from deep3.hdl.contract.config import EngineConfig
from deep3.hdl.contract.program import Space
from deep3.hdl.contract.protocol import MAX_PAYLOAD_WORDS, Ack, Packet, Type, pack_address, parse_packet
from deep3.host.link.session import Session
from deep3.host.link.udp import UdpTransport
from deep3.host.measure import link
from deep3.host.measure.link import bench_host
from deep3.sim.board.memory_board import Fates, MemoryBoard
from deep3.sim.board.server import listen

CONFIG = EngineConfig(weight_bank_words=32768)
BAD = (0.1, 0.05)


@contextmanager
def memory_board(
    loss: float = 0.0, disorder: float = 0.0, kind: type[MemoryBoard] = MemoryBoard, config: EngineConfig = CONFIG
) -> Iterator[tuple[MemoryBoard, int]]:
    stopped = threading.Event()
    with listen("127.0.0.1", 0) as bound:
        board = kind(bound, config, Fates(loss, disorder, 1), Fates(loss, disorder, 2))
        thread = threading.Thread(target=board.serve, args=(stopped.is_set,), daemon=True)
        thread.start()
        try:
            yield board, bound.getsockname()[1]
        finally:
            stopped.set()
            thread.join()


@pytest.mark.parametrize("network", [(0.0, 0.0), BAD], ids=["clean", "bad"])
def test_every_word_is_kept_and_every_packet_taken_once(network: tuple[float, float]) -> None:
    words = np.random.default_rng(3).integers(0, 1 << 16, 200 * MAX_PAYLOAD_WORDS + 5, np.uint16)
    with memory_board(*network) as (board, port), Session(UdpTransport("127.0.0.1", port), CONFIG.digest) as session:
        session.write(Space.WEIGHT, 7, words)
        session.write(Space.ERROR, 0, words[:9])
        assert (session.read(Space.WEIGHT, 7, len(words)) == words).all()
        assert (board.memory[Space.WEIGHT, 7 : 7 + len(words)] == words).all()
        assert board.memory[Space.ERROR, :10].tolist() == [*words[:9].tolist(), 0]
        # Every acknowledgement that is lost, and every WRITE that comes twice, brings a packet again.
        assert board.counts["accepted"] == 202
        assert set(board.counts) == ({"accepted", "repeated"} if network == BAD else {"accepted"})


def test_a_memory_of_more_than_2_18_words_is_reached_to_its_end() -> None:
    config = EngineConfig(weight_bank_words=1 << 16, convolution=True)
    words = np.arange(1, 10, dtype=np.uint16)
    with (
        memory_board(config=config) as (board, port),
        Session(UdpTransport("127.0.0.1", port), config.digest) as session,
    ):
        session.write(Space.WEIGHT, config.weight_words - len(words), words)
        session.write(Space.ERROR, 0, words)
        assert (session.read(Space.WEIGHT, config.weight_words - len(words), len(words)) == words).all()
        assert np.count_nonzero(board.memory) == 2 * len(words)


def test_damaged_and_foreign_packets_are_counted_and_a_repeat_is_only_answered() -> None:
    with memory_board() as (board, port), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as host:
        host.settimeout(5)
        host.connect(("127.0.0.1", port))
        host.send(Packet(Type.HELLO, 9, 1, 0).pack())
        assert parse_packet(host.recv(2048)).type == Type.WELCOME
        write = Packet(Type.WRITE, 9, 1, 3, b"abcd").pack()
        for packet in (b"", b"x", write[:-1] + b"!", Packet(Type.WRITE, 8, 0, 0, b"ab").pack(), write, write):
            host.send(packet)
        for _ in range(2):
            answer = parse_packet(host.recv(2048))
            ack = Ack.parse(answer.payload)
            assert (answer.type, answer.sequence, ack.bitmap) == (Type.ACK, 0, 1)
            assert (ack.dropped_crc, ack.dropped_malformed, ack.dropped_session) == (1, 2, 1)
        assert board.counts == {"malformed": 2, "damaged": 1, "foreign": 1, "accepted": 1, "repeated": 1}
        assert board.memory[0, 3:5].tobytes() == b"abcd"


@pytest.mark.parametrize("space", list(Space))
def test_words_past_the_end_of_a_memory_are_refused(space: Space) -> None:
    last = CONFIG.space_words(space) - 1
    writes = {pack_address(space, last): 1, pack_address(space, last - 1): 3, pack_address(space, last + 1): 1}
    with memory_board() as (board, port), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as host:
        host.settimeout(5)
        host.connect(("127.0.0.1", port))
        packets = [Packet(Type.HELLO, 9, 1, 0)]
        packets += [Packet(Type.WRITE, 9, 0, address, b"ab" * words) for address, words in writes.items()]
        packets += [
            Packet(Type.READ, 9, 0, address, words.to_bytes(2, "little")) for address, words in writes.items()
        ]
        for packet in (*packets, Packet(Type.STATUS, 9)):
            host.send(packet.pack())
        _, data, status = (parse_packet(host.recv(2048)) for _ in range(3))
        writable = space is not Space.COUNTER
        assert (data.type, data.payload) == (Type.DATA, b"ab" if writable else b"\0\0")
        assert (status.sequence, Ack.parse(status.payload).dropped_malformed) == (int(writable), 5 - writable)
        assert not board.memory[:, : last - 1].any()


def test_fates_come_as_often_as_asked_and_the_seed_decides() -> None:
    fates, again = Fates(0.1, 0.05, 4), Fates(0.1, 0.05, 4)
    drawn = [fates.next() for _ in range(10_000)]
    assert drawn == [again.next() for _ in range(10_000)]
    assert [800 < drawn.count(fate) < 1200 for fate in range(4)] == [False, True, False, False]
    assert 400 < drawn.count(2) < 600
    assert 400 < drawn.count(3) < 600
    for values in ((0.5, 0.0), (0.0, -0.1), (float("nan"), 0.0)):
        with pytest.raises(ValueError, match=r"^(loss|disorder) must be between 0 and 0\.3, not "):
            Fates(*values)


def test_the_bench_counts_what_the_board_takes() -> None:
    cases = list(bench_host(seconds_a_round=0.01, rounds=2))
    assert [(case.name, case.loss, case.disorder) for case in cases] == [
        ("clean", 0.0, 0.0), ("1pct_loss", 0.01, 0.005), ("5pct_loss", 0.05, 0.02),
    ]  # fmt: skip
    for case in cases:
        # Whole images of three spaces, at least one a round.
        images, rest = divmod(case.writes, 3 * 360)
        assert images >= 2
        assert rest == 0
        assert len(case.rounds_gbps) == 2
        assert case.best_gbps == max(case.rounds_gbps)
    assert cases[0].repeated == 0 < cases[1].repeated < cases[2].repeated


class Forgetful(MemoryBoard):
    """Acknowledges the packets of one address without keeping them."""

    def _write(self, flags: int, sequence: int, address: int, payload: memoryview, peer: Any) -> None:
        super()._write(flags, sequence, address, payload[:0] if address == MAX_PAYLOAD_WORDS else payload, peer)


class Doubting(MemoryBoard):
    """Takes every packet twice."""

    def _write(self, flags: int, sequence: int, address: int, payload: memoryview, peer: Any) -> None:
        self.counts["accepted"] += 1
        super()._write(flags, sequence, address, payload, peer)


class Counts:
    """The end of a connection that answers with what a board has counted."""

    def __init__(self, board: MemoryBoard) -> None:
        self._board = board

    def send(self, question: bool) -> None:
        """Answered by `recv`."""

    def recv(self) -> dict[str, int]:
        return dict(self._board.counts)


@pytest.mark.parametrize(
    ("board", "message"),
    [
        (Forgetful, rf"^\d+ of {360 * MAX_PAYLOAD_WORDS} words in ACTIVATION are not what was written$"),
        (Doubting, r"^the board took \d+ of \d+ WRITE packets: each must act once$"),
    ],
)
def test_the_bench_refuses_a_board_that_loses_words_or_takes_packets_twice(
    monkeypatch: pytest.MonkeyPatch, board: type[MemoryBoard], message: str
) -> None:
    @contextmanager
    def in_a_thread(loss: float, disorder: float) -> Iterator[tuple[Counts, int]]:
        with memory_board(loss, disorder, board, link.HOST_CONFIG) as (served, port):
            yield Counts(served), port

    monkeypatch.setattr(link, "_memory_board", in_a_thread)
    with pytest.raises(link.LinkBenchError, match=message):
        next(bench_host(seconds_a_round=0.01, rounds=1))
