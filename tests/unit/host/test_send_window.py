"""Selective repeat against a model of the board's half, over a channel that loses, doubles and reorders."""

import random

from hypothesis import given, settings
from hypothesis import strategies as st

from deep3.hdl.contract.protocol import ACK_REQUEST, WINDOW, Packet, Type, parse_packet
from deep3.host.link.window import REORDERING, SendWindow


class Receiver:
    """Which sequence numbers the board has; ACKs as in docs/link.md."""

    def __init__(self) -> None:
        self.expected = 0
        self.ahead: set[int] = set()
        self.payloads: dict[int, bytes] = {}

    def receive(self, packet: Packet) -> None:
        assert packet.sequence < self.expected + WINDOW
        if packet.sequence < self.expected or packet.sequence in self.ahead:
            return
        self.payloads[packet.sequence] = packet.payload
        self.ahead.add(packet.sequence)
        while self.expected in self.ahead:
            self.ahead.remove(self.expected)
            self.expected += 1

    def ack(self) -> tuple[int, int]:
        return self.expected, sum(1 << (sequence - self.expected - 1) for sequence in self.ahead)


def send(window: SendWindow, payload: bytes, now_s: float = 0.0) -> Packet:
    return parse_packet(b"".join(window.prepare(Type.WRITE, 0, 0, payload, now_s)))


@settings(max_examples=60, deadline=None)
@given(
    count=st.integers(1, 150), seed=st.integers(0, 2**32), loss=st.floats(0, 0.6), doubled=st.floats(0, 0.5),
    shuffled=st.booleans(),
)  # fmt: skip
def test_every_packet_arrives_unchanged_whatever_the_channel_does(
    count: int, seed: int, loss: float, doubled: float, shuffled: bool
) -> None:
    choice = random.Random(seed)
    window, receiver = SendWindow(7), Receiver()
    payloads = [choice.randbytes(2 * choice.randrange(20)) for _ in range(count)]
    forth: list[bytes] = []
    back: list[tuple[int, int]] = []
    prepared = 0
    for now in range(100_000):
        if receiver.expected == count and not window.unacknowledged:
            break
        while prepared < count and window.room:
            forth.append(b"".join(window.prepare(Type.WRITE, 0, 0, payloads[prepared], now)))
            prepared += 1
        if window.waiting_since_s() <= now - 5:
            forth += [b"".join(packet) for packet in window.probe(now)]
        if shuffled:
            choice.shuffle(forth)
            choice.shuffle(back)
        for packet in forth:
            for _ in range((choice.random() >= loss) + (choice.random() < doubled)):
                receiver.receive(parse_packet(packet))
                back.append(receiver.ack())
        forth = []
        kept, back = back, []
        for ack in kept:
            if choice.random() < loss:
                continue
            window.acknowledge(*ack, now)
            forth += [b"".join(window.repeat(sequence, False, now)) for sequence in window.lost()]
    assert receiver.payloads == dict(enumerate(payloads))
    assert window.unacknowledged == window.in_flight == 0


def test_a_packet_overtaken_by_three_is_lost_and_not_lost_again_at_once() -> None:
    window = SendWindow(1)
    for _ in range(REORDERING + 2):
        send(window, b"")
    assert window.acknowledge(0, 0b1, 0)
    assert window.lost() == []
    window.acknowledge(0, 0b111, 0)
    assert window.lost() == [0]
    window.repeat(0, True, 0)
    window.acknowledge(0, 0b1111, 0)
    assert window.lost() == []


def test_repeat_with_question_sets_the_flag_and_keeps_the_checksum_right() -> None:
    window = SendWindow(1)
    first = send(window, b"ab")
    again = parse_packet(b"".join(window.repeat(0, True, 1.0)))
    assert (first.flags, again.flags) == (0, ACK_REQUEST)
    assert (again.payload, again.sequence, again.session) == (b"ab", 0, 1)


def test_late_and_impossible_acks_change_nothing() -> None:
    window = SendWindow(1)
    for _ in range(4):
        send(window, b"")
    assert window.acknowledge(3, 0, 0)
    assert not window.acknowledge(1, 0b1, 0)
    assert not window.acknowledge(9, 0, 0)
    assert not window.acknowledge(2**32 - 1, 0, 0)
    assert (window.unacknowledged, window.in_flight) == (1, 1)
    assert window.is_current(3)
    assert not window.is_current(1)


def test_a_board_that_takes_back_what_it_had_leaves_no_packet_without_a_timer() -> None:
    window = SendWindow(1)
    for _ in range(4):
        send(window, b"", now_s=1.0)
    assert window.acknowledge(0, 0b011, 2.0)
    assert window.acknowledge(1, 0, 3.0)
    assert (window.unacknowledged, window.in_flight) == (1, 1)
    assert window.waiting_since_s() == 3.0
    assert [parse_packet(b"".join(packet)).sequence for packet in window.probe(4.0)] == [3]


def test_round_trip_is_taken_from_packets_sent_once_only() -> None:
    window = SendWindow(1)
    send(window, b"", now_s=1.0)
    send(window, b"", now_s=2.0)
    window.acknowledge(1, 0, 5.0)
    assert window.round_trip_s == 4.0
    window.repeat(1, False, 6.0)
    window.acknowledge(2, 0, 7.0)
    assert window.round_trip_s is None


def test_time_counts_from_the_last_sending_and_from_the_last_progress() -> None:
    window = SendWindow(1)
    assert window.waiting_since_s() == float("inf")
    send(window, b"", now_s=1.0)
    send(window, b"", now_s=2.0)
    send(window, b"", now_s=2.5)
    assert window.waiting_since_s() == 1.0
    window.repeat(0, False, 3.0)
    assert window.waiting_since_s() == 2.0
    window.acknowledge(0, 0b01, 4.0)
    assert window.waiting_since_s() == 4.0
    window.acknowledge(3, 0, 5.0)
    assert window.waiting_since_s() == float("inf")


def test_the_answer_to_a_probe_tells_what_is_lost() -> None:
    window = SendWindow(1)
    for _ in range(10):
        send(window, b"")
    first, last = (parse_packet(b"".join(packet)) for packet in window.probe(1.0))
    assert (first.sequence, last.sequence) == (0, 9)
    assert first.flags == last.flags == ACK_REQUEST
    assert window.waiting_since_s() == 1.0
    window.acknowledge(1, 1 << 7, 2.0)
    assert window.round_trip_s is None
    assert window.lost() == [1, 2, 3, 4, 5, 6]
    assert [parse_packet(b"".join(packet)).sequence for packet in SendWindow(1).probe(0.0)] == []


def test_a_probe_always_brings_what_the_board_expects_next() -> None:
    """A START or COMMIT that arrives before it is answered, but not taken."""
    window = SendWindow(1)
    for _ in range(3):
        send(window, b"")
    window.repeat(0, False, 1.0)
    window.repeat(1, False, 1.0)
    assert [parse_packet(b"".join(packet)).sequence for packet in window.probe(2.0)] == [0, 1]
    window.repeat(0, False, 3.0)
    assert [parse_packet(b"".join(packet)).sequence for packet in window.probe(4.0)] == [0]


def test_a_late_answer_to_what_was_probed_makes_nothing_lost() -> None:
    window = SendWindow(1)
    for _ in range(10):
        send(window, b"")
    window.probe(1.0)
    window.acknowledge(1, 0, 2.0)
    assert window.lost() == []
    window.acknowledge(8, 0, 2.0)
    assert window.lost() == []


def test_sequence_numbers_go_round_in_packets() -> None:
    window = SendWindow(1)
    window._base = window._next = 2**32 - 1
    assert [send(window, b"").sequence for _ in range(3)] == [2**32 - 1, 0, 1]
    assert window.acknowledge(1, 0, 0)
    assert window.unacknowledged == 1
