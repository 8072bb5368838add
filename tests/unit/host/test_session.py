"""A session with a golden board over real UDP, on good and on bad networks."""

import socket
import threading
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from golden_board import golden_board
from small_network import CONFIG, LOWERED

from deep3.hdl.contract.program import Space
from deep3.hdl.contract.protocol import Packet, Type, Welcome, parse_packet
from deep3.host.link.channel import Channel
from deep3.host.link.errors import (
    BoardBusy,
    BoardDoesNotAccept,
    BoardDoesNotAnswer,
    LinkError,
    SessionLost,
    WrongDigest,
    WrongVersion,
)
from deep3.host.link.session import Session
from deep3.host.link.transport import Buffer
from deep3.host.link.udp import UdpTransport
from deep3.sim.board.impairment import Impairment

HOST = "127.0.0.1"
BAD = Impairment(loss=0.05, duplication=0.05, reordering=0.05, corruption=0.05)
AWFUL = Impairment(loss=0.3, duplication=0.3, reordering=0.3, corruption=0.1, delay=0.2)
NETWORKS = pytest.mark.parametrize("network", [Impairment(), BAD, AWFUL], ids=["good", "bad", "awful"])


def connect(port: int, patience_s: float = 10.0) -> Session:
    return Session(UdpTransport(HOST, port), CONFIG.digest, patience_s)


def words(count: int, seed: int) -> np.ndarray[tuple[int], np.dtype[np.int16]]:
    return np.random.default_rng(seed).integers(-(2**15), 2**15, count).astype(np.int16)


@NETWORKS
def test_what_was_written_is_read_back(network: Impairment) -> None:
    image = words(8000, 1)
    with golden_board(CONFIG, network, seed=1) as (device, port), connect(port) as session:
        session.write(Space.WEIGHT, 5, image[:4001])
        session.write(Space.ACTIVATION, 3, image)
        assert (session.read(Space.ACTIVATION, 3, 8000).view(np.int16) == image).all()
        assert (session.read(Space.WEIGHT, 5, 4001).view(np.int16) == image[:4001]).all()
        assert (device.engine.read(Space.WEIGHT, 5, 4001).view(np.int16) == image[:4001]).all()


@NETWORKS
def test_the_last_of_overlapping_writes_stays(network: Impairment) -> None:
    with golden_board(CONFIG, network, seed=2) as (_, port), connect(port) as session:
        for value in range(20):
            session.write(Space.ERROR, value % 3, np.full(2000, value, np.uint16))
        assert session.read(Space.ERROR, 2, 1998).tolist() == [19] * 1998


@NETWORKS
def test_start_and_commit_act_exactly_once(network: Impairment) -> None:
    run = LOWERED.training.start(LOWERED.layout, 12, (100, 1), resident=False)
    with golden_board(CONFIG, network, seed=3) as (device, port), connect(port) as session:
        session.write(Space.PROGRAM, 0, LOWERED.image())
        for runs in (1, 2):
            session.start(run)
            assert device.endpoint.runs_started == runs
            assert session.batches_done() == 0
            for _ in range(4):
                session.commit(3)
            session.flush()
            while session.running():
                assert session.batches_done() <= 12
            assert session.batches_done() == 12
            assert not device.engine.busy


def test_reading_while_a_run_is_on_is_refused_but_counters_are_there() -> None:
    run = LOWERED.training.start(LOWERED.layout, 2, (100, 1), resident=False)
    with golden_board(CONFIG) as (_, port), connect(port) as session:
        session.write(Space.PROGRAM, 0, LOWERED.image())
        session.start(run)
        with pytest.raises(BoardBusy, match=f"^board at {HOST}:{port} refused to read WEIGHT: wait for the end"):
            session.read(Space.WEIGHT, 0, 4)
        assert len(session.read(Space.COUNTER, 0, 4)) == 4


def test_start_on_a_busy_board_gives_up_in_one_line() -> None:
    run = LOWERED.training.start(LOWERED.layout, 2, (100, 1), resident=False)
    with golden_board(CONFIG) as (_, port), connect(port, 0.3) as session:
        session.write(Space.PROGRAM, 0, LOWERED.image())
        session.start(run)
        with pytest.raises(BoardDoesNotAccept, match=r"no progress: waited 0\.3 s for it to become idle \(START\)$"):
            session.start(run)


def test_a_new_session_ends_the_run_and_the_old_session() -> None:
    run = LOWERED.training.start(LOWERED.layout, 2, (100, 1), resident=False)
    with golden_board(CONFIG) as (device, port), connect(port, 0.3) as old:
        old.write(Space.PROGRAM, 0, LOWERED.image())
        old.start(run)
        with connect(port) as new:
            assert not device.engine.busy
            assert not new.running()
            with pytest.raises(SessionLost, match=f"^board at {HOST}:{port} answers to another session"):
                old.status()
            assert new.status().dropped_session > 0


def test_a_board_of_another_engine_is_refused() -> None:
    other = replace(CONFIG, rows=CONFIG.rows * 2)
    with golden_board(other) as (device, port):
        with pytest.raises(WrongDigest) as caught:
            connect(port)
        assert str(caught.value) == (
            f"board at {HOST}:{port} carries engine {other.digest}, not {CONFIG.digest}: "
            "use the configuration the board was built from"
        )
        assert device.endpoint.session == 0


def test_an_address_without_a_board_is_named_with_what_was_tried() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as silent:
        silent.bind((HOST, 0))
        port = silent.getsockname()[1]
        with pytest.raises(BoardDoesNotAnswer) as caught:
            connect(port, 0.3)
    assert str(caught.value) == (
        f"board at {HOST}:{port} does not answer: asked with HELLO for 0.3 s; "
        "is it running, and is the address right?"
    )
    with pytest.raises(BoardDoesNotAnswer):
        connect(port, 0.3)


def test_a_board_that_falls_silent_is_named_with_what_was_tried() -> None:
    with golden_board(CONFIG) as (_, port):
        session = connect(port, 0.3)
    for act in (
        lambda: session.read(Space.WEIGHT, 0, 2000),
        session.status,
        lambda: (session.write(Space.WEIGHT, 0, words(2000, 1)), session.flush()),
        lambda: session.write(Space.WEIGHT, 0, words(100_000, 1)),
    ):
        with pytest.raises(BoardDoesNotAnswer, match=f"^board at {HOST}:{port} does not answer: waited 0.3 s for "):
            act()
    session.close()


def test_an_unknown_host_is_one_line() -> None:
    with pytest.raises(LinkError, match=r"^cannot reach board\.invalid:5: "):
        UdpTransport("board.invalid", 5)


def test_words_of_another_type_and_counts_out_of_range_are_refused() -> None:
    with golden_board(CONFIG) as (_, port), connect(port) as session:
        with pytest.raises(ValueError, match=r"^words must be contiguous 16-bit integers, not float32 of shape"):
            session.write(Space.WEIGHT, 0, np.zeros(4, np.float32))
        with pytest.raises(ValueError, match=r"^words must be contiguous 16-bit integers, not int16 of shape"):
            session.write(Space.WEIGHT, 0, np.zeros((4, 4), np.int16)[:, :2])
        for batches in (0, 65536):
            with pytest.raises(ValueError, match=f"^batches must be between 1 and 65535, not {batches}$"):
                session.commit(batches)


def test_rubbish_from_hosts_is_counted_and_does_no_harm() -> None:
    choice = np.random.default_rng(5)
    with golden_board(CONFIG) as (_, port), connect(port) as session:
        before = session.status()
        good = Packet(Type.STATUS, 1, 2, 3).pack()
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
            for packet in (good[:-1], good + b"\0", good[:10], choice.bytes(1472), choice.bytes(2000)):
                stranger.sendto(packet, (HOST, port))
            stranger.sendto(good, (HOST, port))
            stranger.sendto(good[:-1] + bytes([good[-1] ^ 1]), (HOST, port))
        image = words(3000, 2)
        session.write(Space.WEIGHT, 0, image)
        assert (session.read(Space.WEIGHT, 0, 3000).view(np.int16) == image).all()
        after = session.status()
        assert after.dropped_malformed - before.dropped_malformed == 5
        assert (after.dropped_crc - before.dropped_crc, after.dropped_session - before.dropped_session) == (1, 1)


class Scripted:
    """A transport that gives a fixed answer to every HELLO."""

    name = "script:1"
    line_s = 0.0

    def __init__(self, welcome: Welcome) -> None:
        self.welcome = welcome
        self.sent: list[Packet] = []
        self.closed = threading.Event()

    def send(self, parts: Sequence[Buffer]) -> None:
        self.sent.append(parse_packet(b"".join(parts)))

    def send_all(self, packets: Sequence[Sequence[Buffer]]) -> None:
        for parts in packets:
            self.send(parts)

    def receive(self, timeout_s: float) -> memoryview | None:
        hello = self.sent[-1]
        return memoryview(Packet(Type.WELCOME, hello.session, hello.sequence, payload=self.welcome.pack()).pack())

    def close(self) -> None:
        self.closed.set()


def test_another_version_is_refused_before_anything_changes() -> None:
    transport = Scripted(Welcome(int(CONFIG.digest, 16), 9, 8, 8, version=2))
    with pytest.raises(WrongVersion, match=r"^board at script:1 speaks link version 2, not 1: use the deep3 version"):
        Session(transport, CONFIG.digest, 0.2)
    assert [packet.session for packet in transport.sent] == [0]
    assert transport.closed.is_set()


def test_a_board_that_never_gives_the_session_is_given_up() -> None:
    transport = Scripted(Welcome(int(CONFIG.digest, 16), 9, 8, 8))
    with pytest.raises(BoardDoesNotAccept, match=r"waited 0\.2 s for a session \(HELLO\)$"):
        Session(transport, CONFIG.digest, 0.2)
    assert {packet.address for packet in transport.sent} == {0, 9}


@pytest.mark.parametrize("damage", ["cut", "bit", "foreign", "short"])
def test_packets_that_are_not_of_the_session_are_left_out(damage: str) -> None:
    good = Packet(Type.ACK, 5, 1, payload=bytes(28)).pack()
    packets = {
        "cut": good[:-2],
        "bit": bytes([good[0] ^ 0x40]) + good[1:],
        "foreign": Packet(Type.ACK, 6, 1, payload=bytes(28)).pack(),
        "short": b"abc",
    }

    class One(Scripted):
        def receive(self, timeout_s: float) -> memoryview | None:
            return memoryview(packets[damage])

    channel = Channel(One(Welcome(0, 0, 8, 8)), 1.0)
    channel.session = 5
    assert channel.receive(0.0) is None
    packets[damage] = good
    received = channel.receive(0.0)
    assert received is not None
    assert (received.kind, received.sequence, len(received.payload)) == (Type.ACK, 1, 28)
