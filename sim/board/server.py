"""A board behind a UDP socket: simulated while there is work, asleep while there is none."""

import select
import socket
import time
from collections import Counter
from typing import Any, Protocol

from deep3.hdl.contract.address import format_endpoint

from .impairment import Impairment, Link

__all__ = ["BoardServer", "Device", "listen"]

CHUNK_CYCLES = 4096
"""Cycles between two looks at the socket: a few milliseconds at most."""

SETTLE_CYCLES = 8192
"""Cycles in which a board answers all it has received, before packets of another host enter."""

QUEUED_PACKETS = 64
"""Packets inside the board or before its door; further ones wait in the socket's buffer."""

LONGEST_SLEEP_MS = 500
"""How soon `BoardServer.stop` from another thread is noticed by an idle board."""

MAX_DATAGRAM_BYTES = 2048
SOCKET_BUFFER_BYTES = 1 << 20

Address = tuple[Any, ...]


class Device(Protocol):
    """What a server needs of a board; `sim.board.harness.Harness` is one."""

    def push(self, packet: bytes) -> None:
        """Queue a packet for the board."""

    def run(self, max_cycles: int) -> int:
        """Run until the board sent a packet, is idle, or ``max_cycles`` passed."""

    def pop(self) -> bytes | None:
        """The oldest packet the board sent."""

    @property
    def idle(self) -> bool:
        """Running on would change nothing."""

    @property
    def queued(self) -> int:
        """Packets that have not fully entered the board."""


def listen(host: str, port: int) -> socket.socket:
    """A bound UDP socket; port 0 takes a free one.

    Raises
    ------
    OSError
        When the address cannot be had.
    """
    family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_DGRAM)[0]
    bound = socket.socket(family, kind, protocol)
    try:
        for option in (socket.SO_RCVBUF, socket.SO_SNDBUF):
            bound.setsockopt(socket.SOL_SOCKET, option, SOCKET_BUFFER_BYTES)
        bound.bind(address)
    except OSError:
        bound.close()
        raise
    return bound


class BoardServer:
    """Carries packets between a socket and a device until it is stopped.

    Answers go to the host whose packets entered last.

    Parameters
    ----------
    device
        The board.
    bound
        The socket, from `listen`; closed by the caller.
    impairment
        What happens to packets, in both directions alike.
    seed
        Of the impairment.
    parent
        File descriptor whose end of file stops the server: it closes when the parent process dies.
    """

    def __init__(
        self,
        device: Device,
        bound: socket.socket,
        impairment: Impairment | None = None,
        seed: int = 0,
        parent: int | None = None,
    ) -> None:
        impairment = impairment or Impairment()
        self._device = device
        self._socket = bound
        self._parent = parent
        self._inwards: Link[Address] = Link(impairment, 2 * seed)
        self._outwards: Link[Address] = Link(impairment, 2 * seed + 1)
        self._peer: Address | None = None
        self._stopped = False
        self._simulated_s = 0.0
        self._cycles = 0
        self._packets: Counter[str] = Counter()
        self._poll = select.poll()
        self._poll.register(bound, select.POLLIN)
        if parent is not None:
            self._poll.register(parent, select.POLLIN)

    @property
    def address(self) -> str:
        """``HOST:PORT`` as bound."""
        host, port = self._socket.getsockname()[:2]
        return format_endpoint(host, port)

    def stop(self) -> None:
        """End `serve` after the chunk under way; for signal handlers and other threads."""
        self._stopped = True

    def serve(self) -> None:
        """Serve until stopped or until the parent is gone."""
        while not self._stopped:
            self._wait()
            if not self._device.idle:
                self._run(CHUNK_CYCLES)
            self._send()

    def statistics(self) -> str:
        """One line: packets, cycles, speed, fates of packets."""
        speed = self._cycles / self._simulated_s / 1e6 if self._simulated_s else 0.0
        text = (
            f"{self._packets['in']} packets in, {self._packets['out']} out, {self._cycles} cycles in "
            f"{self._simulated_s:.2f} s ({speed:.2f} Mcycle/s)"
        )
        fates = self._inwards.counts + self._outwards.counts
        return text + "".join(f", {name} {count}" for name, count in sorted(fates.items()))

    def _wait(self) -> None:
        """Take in packets; sleep until there is one, or the parent ends, unless the board works."""
        room = self._device.queued < QUEUED_PACKETS
        self._poll.modify(self._socket, select.POLLIN if room else 0)
        ready = [descriptor for descriptor, _ in self._poll.poll(self._sleep_ms())]
        if self._parent in ready:
            self._stopped = True
        if self._socket.fileno() in ready:
            self._receive()
        for packet, peer in self._inwards.arrived(time.monotonic()):
            self._push(packet, peer)

    def _sleep_ms(self) -> float | None:
        if not self._device.idle:
            return 0
        moments = [link.next_s for link in (self._inwards, self._outwards) if link.next_s is not None]
        return max(min(moments) - time.monotonic(), 0.0) * 1000 if moments else LONGEST_SLEEP_MS

    def _receive(self) -> None:
        for _ in range(QUEUED_PACKETS):
            try:
                packet, peer = self._socket.recvfrom(MAX_DATAGRAM_BYTES, socket.MSG_DONTWAIT)
            except (BlockingIOError, ConnectionRefusedError):
                return
            self._packets["in"] += 1
            self._inwards.send(packet, peer, time.monotonic())

    def _push(self, packet: bytes, peer: Address) -> None:
        if self._peer not in (None, peer):
            self._settle()
        self._peer = peer
        self._device.push(packet)

    def _settle(self) -> None:
        """Let the board answer all it has from the last host, for answers carry no address of their own."""
        while self._device.queued:
            self._run(CHUNK_CYCLES)
        end = self._cycles + SETTLE_CYCLES
        while self._cycles < end and not self._device.idle:
            self._run(CHUNK_CYCLES)

    def _run(self, max_cycles: int) -> None:
        started_s = time.perf_counter()
        self._cycles += self._device.run(max_cycles)
        self._simulated_s += time.perf_counter() - started_s
        while (packet := self._device.pop()) is not None:
            self._packets["out"] += 1
            if self._peer is not None:
                self._outwards.send(packet, self._peer, time.monotonic())

    def _send(self) -> None:
        for packet, peer in self._outwards.arrived(time.monotonic()):
            try:
                self._socket.sendto(packet, peer)
            except ConnectionRefusedError:
                # The report that an earlier host is gone; this packet is lost like any other.
                continue
