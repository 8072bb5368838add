"""A bad network, repeatable: packets are lost, doubled, overtaken, damaged and delayed by a seeded random choice."""

import heapq
import random
from collections import Counter
from dataclasses import dataclass, fields
from typing import Generic, TypeVar

__all__ = ["Impairment", "Link"]


@dataclass(frozen=True)
class Impairment:
    """What happens to packets in one direction.

    Parameters
    ----------
    loss, duplication, reordering, corruption, delay
        Probability, for each packet, of being lost; sent twice; held back a little, so that later ones overtake
        it; having one bit flipped; being held back for long.
    reordering_s, delay_s
        Longest time, in seconds, that a packet is held back by reordering and by delay.

    Raises
    ------
    ValueError
        For a probability or a time out of range.
    """

    loss: float = 0.0
    duplication: float = 0.0
    reordering: float = 0.0
    corruption: float = 0.0
    delay: float = 0.0
    reordering_s: float = 0.002
    delay_s: float = 0.05

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if not 0 <= value <= 1:
                raise ValueError(f"{field.name} must be between 0 and 1, not {value!r}")


Peer = TypeVar("Peer")


class Link(Generic[Peer]):
    """One direction of a network with an impairment; time is what the caller says it is.

    Parameters
    ----------
    impairment
        What happens to packets.
    seed
        Of the random choices; the same packets in the same order fare the same.

    Attributes
    ----------
    counts
        How many packets met each fate, by name.
    """

    def __init__(self, impairment: Impairment, seed: int) -> None:
        self.counts: Counter[str] = Counter()
        self._impairment = impairment
        self._random = random.Random(seed)
        self._queue: list[tuple[float, int, bytes, Peer]] = []
        self._number = 0

    def send(self, packet: bytes, peer: Peer, now_s: float) -> None:
        """Give the network a packet from or to a peer."""
        if self._happens("loss"):
            return
        copies = 2 if self._happens("duplication") else 1
        for _ in range(copies):
            self._enqueue(self._damaged(packet), peer, now_s)

    def arrived(self, now_s: float) -> list[tuple[bytes, Peer]]:
        """The packets that come out by a moment, with their peers, in the order in which they do."""
        packets = []
        while self._queue and self._queue[0][0] <= now_s:
            packets.append(heapq.heappop(self._queue)[2:])
        return packets

    @property
    def next_s(self) -> float | None:
        """When the next packet comes out; None when none is inside."""
        return self._queue[0][0] if self._queue else None

    def _enqueue(self, packet: bytes, peer: Peer, now_s: float) -> None:
        due_s = now_s
        if self._happens("reordering"):
            due_s += self._random.random() * self._impairment.reordering_s
        if self._happens("delay"):
            due_s += self._random.random() * self._impairment.delay_s
        self._number += 1
        heapq.heappush(self._queue, (due_s, self._number, packet, peer))

    def _damaged(self, packet: bytes) -> bytes:
        if not packet or not self._happens("corruption"):
            return packet
        damaged = bytearray(packet)
        bit = self._random.randrange(8 * len(packet))
        damaged[bit // 8] ^= 1 << bit % 8
        return bytes(damaged)

    def _happens(self, name: str) -> bool:
        probability = getattr(self._impairment, name)
        happens: bool = probability > 0 and self._random.random() < probability
        self.counts[name] += happens
        return happens
