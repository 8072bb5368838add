"""The packet endpoint's twin against the text of docs/link.md."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deep3.hdl.contract.config import EngineConfig
from deep3.hdl.contract.program import Space, StartParameters
from deep3.hdl.contract.protocol import (
    ACK_REQUEST,
    BUSY,
    WINDOW,
    Ack,
    Packet,
    Type,
    Welcome,
    pack_address,
    parse_packet,
)
from deep3.sim.bench.link.endpoint_traffic import RecordingEngine
from deep3.sim.golden.link.endpoint import Endpoint

SESSION = 0x12345678
START = StartParameters(first_instruction=1, instruction_count=2, batches=2).encode()


class Board:
    """A twin on a recording engine, with a session open."""

    def __init__(self) -> None:
        self.engine = RecordingEngine()
        self.config = EngineConfig()
        self.endpoint = Endpoint(self.config, self.engine)
        self.send(Type.HELLO)
        self.engine.events.clear()

    def send(self, kind: Type, sequence: int = 0, payload: bytes = b"", **fields: Any) -> list[Packet]:
        packet = Packet(kind, fields.pop("session", SESSION), sequence, payload=payload, **fields)
        return [parse_packet(reply) for reply in self.endpoint.receive(packet.pack())]

    def ack(self, kind: Type, sequence: int = 0, payload: bytes = b"", **fields: Any) -> tuple[int, Ack]:
        """The one reply, which must be an ACK: next expected sequence number and payload."""
        (reply,) = self.send(kind, sequence, payload, **fields)
        assert (reply.type, reply.session, reply.address, reply.flags) == (Type.ACK, SESSION, 0, 0)
        return reply.sequence, Ack.parse(reply.payload)


@pytest.fixture
def board() -> Board:
    return Board()


def test_welcome_tells_limits_and_session(board: Board) -> None:
    (reply,) = board.send(Type.HELLO, sequence=77, session=0)
    assert (reply.type, reply.session, reply.sequence) == (Type.WELCOME, 0, 77)
    assert Welcome.parse(reply.payload) == Welcome(int(board.config.digest, 16), SESSION, 8, 8)


def test_stale_hello_does_not_throw_out_the_session(board: Board) -> None:
    for expected in (0, 1, SESSION + 1):
        (reply,) = board.send(Type.HELLO, session=99, address=expected)
        assert Welcome.parse(reply.payload).session == SESSION
    (reply,) = board.send(Type.HELLO, session=99, address=SESSION)
    assert Welcome.parse(reply.payload).session == 99
    assert board.engine.events == [("abort",)]


def test_repeated_hello_changes_nothing(board: Board) -> None:
    board.send(Type.WRITE, 0, b"ab")
    board.send(Type.HELLO)
    board.send(Type.HELLO, address=SESSION)
    assert board.ack(Type.STATUS)[0] == 1
    assert ("abort",) not in board.engine.events


def test_acknowledges_every_eighth_packet(board: Board) -> None:
    replies = [board.send(Type.WRITE, sequence, b"ab") for sequence in range(24)]
    assert [bool(reply) for reply in replies] == 3 * (7 * [False] + [True])


def test_acknowledges_on_request(board: Board) -> None:
    assert board.ack(Type.WRITE, 0, b"ab", flags=ACK_REQUEST)[0] == 1


def test_bitmap_shows_what_came_ahead(board: Board) -> None:
    assert board.ack(Type.WRITE, 1, b"ab")[1].bitmap == 1
    assert board.ack(Type.WRITE, WINDOW - 1, b"ab") == (0, board.ack(Type.STATUS)[1])
    assert board.ack(Type.STATUS)[1].bitmap == 1 | 1 << (WINDOW - 2)
    assert board.ack(Type.WRITE, WINDOW, b"ab")[1].bitmap == 1 | 1 << (WINDOW - 2)
    sequence, ack = board.ack(Type.WRITE, 0, b"ab")
    assert (sequence, ack.bitmap) == (2, 1 << (WINDOW - 4))


def test_start_acts_once_and_in_order(board: Board) -> None:
    assert board.ack(Type.START, 1, START)[0] == 0
    sequence, ack = board.ack(Type.START, 0, START)
    assert (sequence, ack.runs_started, ack.busy) == (1, 1, True)
    assert board.ack(Type.START, 0, START) == (sequence, ack)
    assert board.ack(Type.START, 1, START) == (sequence, ack)
    assert [event[0] for event in board.engine.events] == ["start"]


def test_commit_acts_once_and_in_order(board: Board) -> None:
    board.send(Type.START, 0, START)
    assert board.ack(Type.COMMIT, 2, b"\x01\x00")[1].batches_done == 0
    assert board.ack(Type.COMMIT, 1, b"\x01\x00")[1].batches_done == 1
    assert board.ack(Type.COMMIT, 1, b"\x01\x00")[1].batches_done == 1
    _, ack = board.ack(Type.COMMIT, 2, b"\x01\x00")
    assert (ack.batches_done, ack.busy) == (2, False)


def test_reads_are_refused_while_a_run_is_on_but_for_counters(board: Board) -> None:
    board.send(Type.WRITE, 0, b"abcd", address=pack_address(Space.WEIGHT, 5))
    place = pack_address(Space.WEIGHT, 5)
    (reply,) = board.send(Type.READ, 7, b"\x02\x00", address=place)
    assert reply == Packet(Type.DATA, SESSION, 7, place, b"abcd")
    board.send(Type.START, 1, START)
    (reply,) = board.send(Type.READ, 8, b"\x02\x00", address=place)
    assert reply == Packet(Type.DATA, SESSION, 8, place, b"", BUSY)
    (reply,) = board.send(Type.READ, 9, b"\x02\x00", address=pack_address(Space.COUNTER, 0))
    assert (reply.flags, len(reply.payload)) == (0, 4)


@pytest.mark.parametrize(
    ("kind", "address", "payload"),
    [
        (Type.WRITE, pack_address(Space.COUNTER, 0), b"ab"),
        (Type.WRITE, pack_address(6, 0), b"ab"),
        (Type.WRITE, pack_address(0, (1 << 18) - 1), b"abcd"),
        (Type.WRITE, pack_address(0, 1 << 18), b"ab"),
        (Type.WRITE, 0, b""),
        (Type.READ, pack_address(0, (1 << 18) - 1), b"\x02\x00"),
        (Type.READ, 0, b"\x00\x00"),
        (Type.READ, 0, b"\xd7\x02"),
        (Type.READ, 0, b""),
        (Type.START, 0, START[:-2]),
        (Type.COMMIT, 0, b""),
        (Type.STATUS, 0, b"ab"),
        (Type.HELLO, 0, b"ab"),
        (Type.ACK, 0, b""),
    ],
)
def test_malformed_packets_are_counted_and_nothing_else(board: Board, kind: Type, address: int, payload: bytes) -> None:
    assert board.send(kind, 0, payload, address=address) == []
    sequence, ack = board.ack(Type.STATUS)
    assert (sequence, ack.dropped_malformed, ack.dropped_crc, ack.dropped_session) == (0, 1, 0, 0)
    assert board.engine.events == []


@pytest.mark.parametrize("space", list(Space))
def test_words_past_the_end_of_a_space_do_not_exist(board: Board, space: Space) -> None:
    end = board.config.space_words(space)
    (reply,) = board.send(Type.READ, 0, b"\x02\x00", address=pack_address(space, end - 2))
    assert len(reply.payload) == 4
    beyond = (end - 1, end, 2 * end)
    for word in beyond:
        assert board.send(Type.READ, 0, b"\x02\x00", address=pack_address(space, word)) == []
        assert board.send(Type.WRITE, 0, b"abcd", address=pack_address(space, word)) == []
    sequence, ack = board.ack(Type.STATUS)
    assert (sequence, ack.dropped_malformed, board.engine.events) == (0, 2 * len(beyond), [])
    if space is not Space.COUNTER:
        board.send(Type.WRITE, 0, b"abcd", address=pack_address(space, end - 2))
        assert [event[2] for event in board.engine.events] == [end - 2, end - 1]


@pytest.mark.parametrize(
    "changes",
    [
        {"instruction_count": 0},
        {"first_instruction": 1, "instruction_count": 64},
        {"first_instruction": 64, "instruction_count": 1},
        {"first_instruction": 255, "instruction_count": 255},
        {"buffers": 0},
    ],
)
def test_a_start_of_what_is_not_there_is_malformed_when_its_turn_comes(board: Board, changes: dict[str, int]) -> None:
    run = StartParameters(first_instruction=0, instruction_count=64, batches=1)
    impossible = replace(run, **changes).encode()
    assert board.ack(Type.START, 1, impossible)[1].dropped_malformed == 0
    assert board.send(Type.START, 0, impossible) == []
    sequence, ack = board.ack(Type.STATUS)
    assert (sequence, ack.runs_started, ack.dropped_malformed, ack.busy) == (0, 0, 1, False)
    sequence, ack = board.ack(Type.START, 0, run.encode())
    assert (sequence, ack.runs_started, ack.dropped_malformed, ack.busy) == (1, 1, 1, True)


def test_damage_and_foreign_sessions_are_counted_apart(board: Board) -> None:
    sound = Packet(Type.STATUS, SESSION).pack()
    assert board.endpoint.receive(sound[:-1] + bytes([sound[-1] ^ 1])) == []
    assert board.endpoint.receive(sound[:-1]) == []
    assert board.endpoint.receive(b"") == []
    assert board.send(Type.STATUS, session=SESSION + 1) == []
    assert board.send(Type.STATUS, session=0) == []
    _, ack = board.ack(Type.STATUS)
    assert (ack.dropped_crc, ack.dropped_malformed, ack.dropped_session) == (1, 2, 2)


def test_without_a_session_only_hello_is_answered() -> None:
    endpoint = Endpoint(EngineConfig(), RecordingEngine())
    assert endpoint.receive(Packet(Type.STATUS).pack()) == []
    assert endpoint.receive(Packet(Type.WRITE, payload=b"ab").pack()) == []
    assert len(endpoint.receive(Packet(Type.HELLO).pack())) == 1


@given(st.lists(st.integers(0, 39), max_size=80), st.permutations(range(40)))
def test_each_write_is_applied_once_in_any_order(repeats: list[int], order: list[int]) -> None:
    board = Board()
    for sequence in [*order[:20], *repeats, *order[20:], *repeats]:
        board.send(Type.WRITE, sequence, sequence.to_bytes(2, "little"), address=pack_address(Space.ERROR, sequence))
    assert sorted(board.engine.events) == [("write", Space.ERROR, n, n) for n in range(40)]
    sequence, ack = board.ack(Type.STATUS)
    assert (sequence, ack.bitmap) == (40, 0)
