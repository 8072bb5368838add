"""What a real kernel and the RTL of a board with its network say to each other.

`tests/system/test_kernel.py` runs these where a network interface can be made.
"""

import secrets
import socket
import struct
import time
from collections.abc import Iterator

import numpy as np
import pytest
from small_network import BATCH, CONFIG, LOWERED, NETWORK, labels, samples, weights
from tap_board import make_interface, serve_interface

from deep3.hdl.contract.program import Space
from deep3.hdl.contract.protocol import UDP_PORT
from deep3.host.board.board import Board
from deep3.host.link.discovery import broadcast_addresses, discover
from deep3.host.link.session import Session
from deep3.host.link.udp import UdpTransport
from deep3.sim.board.ethernet import DEFAULT_STATION, EthernetBoard
from deep3.sim.golden.engine.engine import Engine
from deep3.sim.golden.link.ethernet import internet_checksum
from deep3.sim.golden.port import GoldenPort

HOST, MASK, BROADCAST = "192.168.1.7", "255.255.255.0", "192.168.1.255"
BOARD = DEFAULT_STATION.ip
LONGEST_PING_BYTES = 1472
BATCHES = 6
SEED = 7


@pytest.fixture(scope="module")
def board() -> Iterator[EthernetBoard]:
    with EthernetBoard(CONFIG) as simulated:
        tap = make_interface("board0", HOST, MASK, BROADCAST)
        with serve_interface(simulated, tap):
            yield simulated


def ping(content: bytes, number: int, timeout_s: float) -> bytes | None:
    """The content of the answer to an echo request, or None."""
    with socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP) as raw:
        raw.settimeout(timeout_s)
        request = struct.pack(">BBHHH", 8, 0, 0, 4711, number) + content
        checksum = internet_checksum(request)
        raw.sendto(request[:2] + checksum.to_bytes(2, "big") + request[4:], (BOARD, 0))
        end_s = time.monotonic() + timeout_s
        while time.monotonic() < end_s:
            try:
                packet, peer = raw.recvfrom(4096)
            except TimeoutError:
                return None
            answer = packet[20:]
            if peer[0] == BOARD and answer[:2] == b"\0\0" and answer[4:8] == struct.pack(">HH", 4711, number):
                assert internet_checksum(answer) == 0
                return answer[8:]
    return None


def test_arp(board: EthernetBoard) -> None:
    assert ping(b"who has", 1, 10) == b"who has"
    with open("/proc/net/arp") as table:
        (entry,) = [line.split() for line in table if line.startswith(f"{BOARD} ")]
    assert entry[3] == board.station.mac


def test_ping_of_every_size(board: EthernetBoard) -> None:
    content = np.random.default_rng(SEED).bytes(LONGEST_PING_BYTES)
    for size in range(LONGEST_PING_BYTES + 1):
        assert ping(content[:size], size, 10) == content[:size], f"{size} bytes"


def test_a_ping_in_fragments_is_not_answered_and_does_no_harm(board: EthernetBoard) -> None:
    assert ping(bytes(LONGEST_PING_BYTES + 100), 2, 0.5) is None
    assert ping(b"still there", 3, 10) == b"still there"


def test_the_board_is_found_by_broadcast(board: EthernetBoard) -> None:
    places = broadcast_addresses()
    assert (BROADCAST, UDP_PORT) in places
    (found,) = discover([(BROADCAST, UDP_PORT)], 2.0)
    assert (found.address, found.digest) == (f"{BOARD}:{UDP_PORT}", CONFIG.digest)


def test_another_port_is_not_answered(board: EthernetBoard) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
        asking.settimeout(0.5)
        asking.sendto(secrets.token_bytes(40), (BOARD, UDP_PORT + 1))
        with pytest.raises(TimeoutError):
            asking.recv(2048)


def test_words_go_and_come_in_full_windows(board: EthernetBoard) -> None:
    words = np.random.default_rng(SEED).integers(0, 1 << 16, 8000, np.uint16)
    with Session(UdpTransport(BOARD, UDP_PORT), CONFIG.digest, 20.0) as session:
        for space in (Space.ACTIVATION, Space.ERROR):
            session.write(space, 3, words[:4000])
        assert (session.read(Space.ACTIVATION, 3, 4000) == words[:4000]).all()
        assert (session.read(Space.ERROR, 3, 4000) == words[:4000]).all()


def test_a_network_trains_to_the_bits_of_the_golden_engine(board: EthernetBoard) -> None:
    found, expected = (
        train(device)
        for device in (
            Board(Session(UdpTransport(BOARD, UDP_PORT), CONFIG.digest, 20.0), CONFIG),
            Board(GoldenPort(Engine(CONFIG)), CONFIG),
        )
    )
    assert all((a == b).all() for a, b in zip(found, expected, strict=True))


def train(device: Board) -> list[np.ndarray]:
    rows = samples(BATCHES * BATCH, SEED).reshape(BATCHES, BATCH, NETWORK.inputs)
    classes = labels(BATCHES * BATCH, SEED).reshape(BATCHES, BATCH)
    with device:
        device.load(LOWERED)
        device.write_weights(weights(SEED))
        device.train(rows, classes, 0.3, seed=SEED, epochs=2)
        return device.read_weights()
