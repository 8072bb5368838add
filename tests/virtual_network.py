"""A bad network in virtual time between hosts' sessions and a board: the same seed gives the same packets."""

import heapq
import random
from collections import Counter, deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from deep3.host.link.transport import Buffer

__all__ = ["Clock", "Rates", "VirtualNetwork", "VirtualTransport"]

LATENCY_S = 30e-6
REORDERED_S = 500e-6
LATE_S = 5e-3
"""Longer than the shortest timeout of a session."""

TOGETHER_S = 20e-6
"""Packets that reach the board within this time queue in front of it."""

REMEMBERED = 3000
"""Packets that may turn up again."""


class Clock:
    """Virtual seconds; stands in for the module `time`. Every look at it takes some."""

    def __init__(self) -> None:
        self.now_s = 1.0

    def monotonic(self) -> float:
        self.now_s += 50e-9
        return self.now_s


class Board(Protocol):
    """What the network carries packets to."""

    def take(self, packets: Sequence[tuple[bytes, int]]) -> tuple[list[tuple[bytes, int]], float]:
        """Packets with whom they are from; answers with whom they are for, and the seconds it took."""


@dataclass(frozen=True)
class Rates:
    """Probabilities of each fate of a packet, each way, and of a stray packet beside one."""

    loss: float = 0.0
    duplication: float = 0.0
    reordering: float = 0.0
    corruption: float = 0.0
    late: float = 0.0
    stray: float = 0.0


class VirtualNetwork:
    """Packets on their way, by the time of their arrival."""

    def __init__(self, board: Board, clock: Clock, rng: random.Random) -> None:
        self.board = board
        self.clock = clock
        self.rates = Rates()
        self.counts: Counter[str] = Counter()
        self._rng = rng
        self._number = 0
        self._hosts = 0
        self._events: list[tuple[float, int, bool, int, bytes]] = []
        self._inboxes: dict[int, deque[bytes]] = {}
        self._past: deque[bytes] = deque(maxlen=REMEMBERED)

    def connect(self) -> "VirtualTransport":
        """A new host."""
        self._hosts += 1
        self._inboxes[self._hosts] = deque()
        return VirtualTransport(self, self._hosts)

    def leave(self, host: int) -> None:
        """Packets for a host that is gone are dropped."""
        self._inboxes.pop(host, None)

    def forget(self) -> None:
        """No packet from before turns up again but those on their way."""
        self._past.clear()

    def send(self, host: int, packet: bytes) -> None:
        """From a host."""
        self._past.append(packet)
        self._carry(packet, host, inwards=True)
        if self._happens("stray"):
            self.stray()

    def stray(self, packet: bytes = b"") -> None:
        """From a stranger: this packet, or one from before, a damaged one, rubbish."""
        rng = self._rng
        self.counts["stray"] += 1
        self._enqueue(packet or self._rubbish(), 0, inwards=True, after_s=LATENCY_S + rng.random() * LATE_S)

    def _rubbish(self) -> bytes:
        rng = self._rng
        choice = rng.randrange(4)
        if self._past and choice < 3:
            packet = rng.choice(self._past)
        else:
            packet = rng.randbytes(rng.choice((1, 19, 20, 60, 1500)))
        if choice == 2:
            packet = packet[: rng.randrange(1, len(packet) + 1)] + rng.randbytes(rng.randrange(3))
        return packet

    def receive(self, host: int, timeout_s: float) -> bytes | None:
        """The next packet for a host; time passes meanwhile."""
        clock, inbox = self.clock, self._inboxes[host]
        deadline_s = clock.now_s + timeout_s
        while not inbox:
            if not self._events or self._events[0][0] > deadline_s:
                assert deadline_s < float("inf"), "a host waits for ever"
                clock.now_s = max(clock.now_s, deadline_s)
                return None
            clock.now_s = max(clock.now_s, self._events[0][0])
            self._arrive()
        return inbox.popleft()

    def _arrive(self) -> None:
        """What is due now reaches its end; the board answers."""
        arriving = []
        limit_s = self.clock.now_s + TOGETHER_S
        while self._events and self._events[0][0] <= limit_s:
            _, _, inwards, host, packet = heapq.heappop(self._events)
            if inwards:
                arriving.append((packet, host))
            elif host in self._inboxes:
                self._inboxes[host].append(packet)
        if arriving:
            answers, seconds = self.board.take(arriving)
            self.clock.now_s += seconds
            for packet, host in answers:
                self._carry(packet, host, inwards=False)

    def _carry(self, packet: bytes, host: int, inwards: bool) -> None:
        if self._happens("loss"):
            return
        for _ in range(1 + self._happens("duplication")):
            damaged = self._damaged(packet) if self._happens("corruption") else packet
            after_s = LATENCY_S
            if self._happens("reordering"):
                after_s += self._rng.random() * REORDERED_S
            if self._happens("late"):
                after_s += self._rng.random() * LATE_S
            self._enqueue(damaged, host, inwards, after_s)

    def _enqueue(self, packet: bytes, host: int, inwards: bool, after_s: float) -> None:
        self._number += 1
        heapq.heappush(self._events, (self.clock.now_s + after_s, self._number, inwards, host, packet))

    def _damaged(self, packet: bytes) -> bytes:
        """One to three bits flipped: CRC-32 finds them all in packets of this size."""
        bits = self._rng.sample(range(8 * len(packet)), self._rng.randrange(1, 4))
        flipped = int.from_bytes(packet, "little") ^ sum(1 << bit for bit in bits)
        return flipped.to_bytes(len(packet), "little")

    def _happens(self, name: str) -> bool:
        happens = self._rng.random() < getattr(self.rates, name)
        self.counts[name] += happens
        return happens


class VirtualTransport:
    """A host's end; see `host.link.transport.Transport`."""

    line_s = 0.0

    def __init__(self, network: VirtualNetwork, host: int) -> None:
        self.name = f"host {host}"
        self._network = network
        self._host = host

    def send(self, parts: Sequence[Buffer]) -> None:
        self._network.send(self._host, b"".join(parts))

    def send_all(self, packets: Sequence[Sequence[Buffer]]) -> None:
        for parts in packets:
            self.send(parts)

    def receive(self, timeout_s: float) -> memoryview | None:
        packet = self._network.receive(self._host, timeout_s)
        return None if packet is None else memoryview(packet)

    def close(self) -> None:
        self._network.leave(self._host)
