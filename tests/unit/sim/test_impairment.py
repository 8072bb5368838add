"""The bad network: what it promises about every packet."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deep3.sim.board.impairment import Impairment, Link

PROBABILITY = st.floats(0, 1)


def carry(link: Link[int], packets: list[bytes]) -> list[bytes]:
    for number, packet in enumerate(packets):
        link.send(packet, number, 0.0)
    return [packet for packet, _ in link.arrived(10.0)]


def packets(seed: int, count: int) -> list[bytes]:
    choice = random.Random(seed)
    return [choice.randbytes(20) for _ in range(count)]


def test_a_good_network_changes_nothing_and_holds_nothing() -> None:
    link: Link[int] = Link(Impairment(), 1)
    sent = packets(1, 50)
    for number, packet in enumerate(sent):
        link.send(packet, number, 3.0)
    assert link.arrived(3.0) == list(zip(sent, range(50), strict=True))
    assert link.next_s is None


@settings(max_examples=50, deadline=None)
@given(
    loss=PROBABILITY, duplication=PROBABILITY, reordering=PROBABILITY, corruption=PROBABILITY, delay=PROBABILITY,
    seed=st.integers(0, 2**32),
)  # fmt: skip
def test_packets_are_accounted_for_and_the_seed_decides(
    loss: float, duplication: float, reordering: float, corruption: float, delay: float, seed: int
) -> None:
    impairment = Impairment(loss, duplication, reordering, corruption, delay)
    sent = packets(seed, 40)
    link: Link[int] = Link(impairment, seed)
    arrived = carry(link, sent)
    assert len(arrived) == len(sent) - link.counts["loss"] + link.counts["duplication"]
    damaged = [packet for packet in arrived if packet not in sent]
    assert len(damaged) == link.counts["corruption"]
    for packet in damaged:
        distances = [int.from_bytes(packet) ^ int.from_bytes(original) for original in sent]
        assert min(distance.bit_count() for distance in distances) == 1
    assert carry(Link(impairment, seed), sent) == arrived


@pytest.mark.parametrize("fate", ["loss", "duplication", "reordering", "corruption", "delay"])
def test_each_fate_happens_about_as_often_as_asked(fate: str) -> None:
    link: Link[int] = Link(Impairment(**{fate: 0.3}), 4)
    carry(link, packets(4, 2000))
    assert 500 < link.counts[fate] < 700
    assert sum(link.counts.values()) == link.counts[fate]


def test_reordering_lets_later_packets_overtake_within_its_bound() -> None:
    link: Link[int] = Link(Impairment(reordering=0.5, reordering_s=0.1), 9)
    sent = packets(9, 100)
    for number, packet in enumerate(sent):
        link.send(packet, number, 0.001 * number)
    order = [number for _, number in link.arrived(0.2)]
    assert sorted(order) == list(range(100))
    assert order != list(range(100))


def test_held_packets_come_out_at_their_moment() -> None:
    link: Link[int] = Link(Impairment(delay=1.0, delay_s=1.0), 2)
    link.send(b"ab", 0, 5.0)
    moment = link.next_s
    assert moment is not None
    assert 5.0 < moment <= 6.0
    assert link.arrived(moment - 1e-6) == []
    assert link.arrived(moment) == [(b"ab", 0)]


@pytest.mark.parametrize("value", [-0.1, 1.1, float("nan")])
def test_probability_out_of_range_is_refused(value: float) -> None:
    with pytest.raises(ValueError, match=f"^loss must be between 0 and 1, not {value!r}$"):
        Impairment(loss=value)
