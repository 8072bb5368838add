"""The RTL of a whole board at its PHY bytes against the twins: every field of every header, every size of ping."""

from collections.abc import Iterator

import pytest
from ethernet_frames import BASES, BoardBesideTwin, frames, rebuilt
from hypothesis import given, settings
from hypothesis import strategies as st
from small_network import CONFIG

from deep3.sim.board.ethernet import DEFAULT_STATION, EthernetBoard
from deep3.sim.board.ethernet_rate import line_fractions
from deep3.sim.golden.link.ethernet import Peer, echo_frame, own_peer

HEADER_BYTES = 42
HOST = Peer(bytes.fromhex("020000000042"), bytes((192, 168, 1, 2)))


@pytest.fixture(scope="module")
def board() -> Iterator[BoardBesideTwin]:
    with EthernetBoard(CONFIG) as built:
        yield BoardBesideTwin(built)


@pytest.mark.parametrize("name", BASES)
def test_scapy_agrees_with_the_answer(board: BoardBesideTwin, name: str) -> None:
    (answer,) = board.compare([bytes(BASES[name])])
    assert rebuilt(answer) == answer


@settings(max_examples=300)
@given(st.lists(frames(), min_size=1, max_size=16))
def test_any_field_of_any_header(board: BoardBesideTwin, arriving: list[bytes]) -> None:
    for answer in board.compare(arriving):
        assert rebuilt(answer) == answer


@pytest.mark.parametrize("name", BASES)
def test_any_bit_of_a_header(board: BoardBesideTwin, name: str) -> None:
    frame = bytes(BASES[name])
    flipped = []
    for bit in range(8 * HEADER_BYTES):
        spoiled = bytearray(frame)
        spoiled[bit // 8] ^= 1 << bit % 8
        flipped.append(bytes(spoiled))
    assert 0 < len(board.compare(flipped)) < len(flipped)


@pytest.mark.parametrize("name", BASES)
def test_any_bit_of_a_header_whose_checksums_are_right(board: BoardBesideTwin, name: str) -> None:
    frame = bytes(BASES[name])
    flipped = []
    for bit in range(8 * HEADER_BYTES):
        spoiled = bytearray(frame)
        spoiled[bit // 8] ^= 1 << bit % 8
        flipped.append(rebuilt(bytes(spoiled)))
    board.compare(flipped)


def test_ping_of_every_size(board: BoardBesideTwin) -> None:
    own = own_peer(DEFAULT_STATION)
    content = bytes(value * 37 % 256 for value in range(1472 + 4))
    pings = [echo_frame(HOST, own, content[: size + 4]) for size in range(1472 + 1)]
    assert len(board.compare(pings)) == len(pings)


def test_payload_fills_the_line() -> None:
    fractions = line_fractions(CONFIG, packets=400)
    assert fractions.rx > 0.94
    # Nothing but headers, preambles and the shortest gaps: 1452 of 1538 byte times.
    assert fractions.tx == pytest.approx(1452 / 1538)
