"""A board that is nothing but memory: its half of docs/link.md in plain Python, quick enough to measure a host."""

import socket
import struct
import zlib
from collections import Counter
from collections.abc import Callable
from typing import Any

import numpy as np

from deep3.hdl.contract.config import EngineConfig
from deep3.hdl.contract.program import Space
from deep3.hdl.contract.protocol import (
    ACK_INTERVAL,
    ACK_REQUEST,
    CRC,
    CRC_BYTES,
    HEADER,
    HEADER_BYTES,
    MAX_PACKET_BYTES,
    MAX_PAYLOAD_WORDS,
    OVERHEAD_BYTES,
    PACKET_BUFFERS,
    WINDOW,
    Ack,
    Packet,
    Type,
    Welcome,
    unpack_address,
)

__all__ = ["Fates", "MemoryBoard"]

IDLE_S = 0.1
"""How soon the end of `MemoryBoard.serve` is noticed while no packet comes."""

OVERTAKING_PACKETS = 2
"""Packets that pass one which is held back."""

_SEQUENCE_MASK = 0xFFFF_FFFF
_DRAWS = 1 << 16
_KEPT, _LOST, _DOUBLED, _HELD = range(4)


class Fates:
    """What a network does to packets, drawn beforehand: a draw from `random` takes as long as a packet.

    Parameters
    ----------
    loss, disorder
        Probability of a packet to be lost; to be sent twice, and as often again to be overtaken.
    seed
        Of the draws, which come round again after 2^16 packets.

    Raises
    ------
    ValueError
        For a probability out of range.
    """

    def __init__(self, loss: float = 0.0, disorder: float = 0.0, seed: int = 0) -> None:
        for name, value in (("loss", loss), ("disorder", disorder)):
            if not 0 <= value <= 0.3:
                raise ValueError(f"{name} must be between 0 and 0.3, not {value!r}")
        shares = (1 - loss - 2 * disorder, loss, disorder, disorder)
        self._drawn = np.random.default_rng(seed).choice(4, _DRAWS, p=shares).astype(np.uint8).tobytes()
        self._position = 0

    def next(self) -> int:
        """Of the next packet."""
        self._position = (self._position + 1) % _DRAWS
        return self._drawn[self._position]


class MemoryBoard:
    """Takes WRITE, READ, STATUS and HELLO, and keeps words; it has no engine, so that START and COMMIT are left out.

    Parameters
    ----------
    bound
        A UDP socket, from `sim.board.server.listen`; closed by the caller.
    config
        Whose digest and geometry it names.
    inwards, outwards
        What happens to packets from and to the host.

    Attributes
    ----------
    memory
        ``uint16 [spaces, 2^address_bits]``.
    counts
        Packets by what was found: ``accepted`` writes, ``repeated`` ones, ``malformed``, ``damaged``, ``foreign`` to
        the session.
    """

    def __init__(
        self, bound: socket.socket, config: EngineConfig, inwards: Fates | None = None, outwards: Fates | None = None
    ) -> None:
        self._address_bits = config.encoding.address_bits
        self.memory = np.zeros((len(Space), 1 << self._address_bits), "<u2")
        self.counts: Counter[str] = Counter()
        self._bytes = self.memory.reshape(-1).view(np.uint8).data
        self._socket = bound
        # The kernel's own timeout: Python's would look at the socket before each packet.
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, struct.pack("@ll", 0, int(IDLE_S * 1e6)))
        self._config = config
        self._space_words = [config.space_words(space) for space in Space]
        self._inwards = inwards or Fates()
        self._outwards = outwards or Fates()
        self._session = 0
        self._next = 0
        self._ahead: set[int] = set()
        self._unacknowledged = 0

    def serve(self, stopped: Callable[[], bool]) -> None:
        """Serve until ``stopped``, which is asked whenever no packet came for a while."""
        buffer = bytearray(MAX_PACKET_BYTES + 1)
        view = memoryview(buffer)
        fate_of, receive = self._inwards.next, self._socket.recvfrom_into
        held: list[list[Any]] = []
        while True:
            try:
                size, peer = receive(buffer)
            except BlockingIOError:
                if stopped():
                    return
                continue
            fate = fate_of()
            if fate == _HELD:
                held.append([OVERTAKING_PACKETS, bytes(view[:size]), peer])
                continue
            if fate != _LOST:
                self._take(view[:size], peer)
            if fate == _DOUBLED:
                self._take(view[:size], peer)
            for entry in held:
                entry[0] -= 1
            while held and not held[0][0]:
                self._take(memoryview(held[0][1]), peer)
                del held[0]

    def _take(self, packet: memoryview, peer: Any) -> None:
        size = len(packet)
        if size < OVERHEAD_BYTES:
            self.counts["malformed"] += 1
            return
        kind, flags, length, session, sequence, address = HEADER.unpack_from(packet)
        body = HEADER_BYTES + length
        if size != body + CRC_BYTES:
            self.counts["malformed"] += 1
        elif CRC.unpack_from(packet, body)[0] != zlib.crc32(packet[:body]):
            self.counts["damaged"] += 1
        elif not self._exists(kind, length, address, packet):
            self.counts["malformed"] += 1
        elif kind == Type.HELLO:
            self._hello(session, sequence, address, peer)
        elif session != self._session:
            self.counts["foreign"] += 1
        elif kind == Type.WRITE:
            self._write(flags, sequence, address, packet[HEADER_BYTES:body], peer)
        elif kind == Type.READ:
            first = self._place(address)
            words = packet[HEADER_BYTES] | packet[HEADER_BYTES + 1] << 8
            self._send(Type.DATA, sequence, address, bytes(self._bytes[first : first + 2 * words]), peer)
        elif kind == Type.STATUS:
            self._acknowledge(peer)

    def _exists(self, kind: int, length: int, address: int, packet: memoryview) -> bool:
        """Whether the memory has the words of a WRITE or READ."""
        if kind == Type.WRITE:
            count, spaces = length >> 1, self._space_words[: Space.COUNTER]
        elif kind == Type.READ:
            count, spaces = packet[HEADER_BYTES] | packet[HEADER_BYTES + 1] << 8, self._space_words
        else:
            return True
        space, word = unpack_address(address)
        return space < len(spaces) and 1 <= count <= MAX_PAYLOAD_WORDS and word + count <= spaces[space]

    def _write(self, flags: int, sequence: int, address: int, payload: memoryview, peer: Any) -> None:
        distance = (sequence - self._next) & _SEQUENCE_MASK
        ahead = self._ahead
        if distance >= WINDOW or sequence in ahead:
            self.counts["repeated"] += 1
            self._acknowledge(peer)
            return
        self.counts["accepted"] += 1
        first = self._place(address)
        self._bytes[first : first + len(payload)] = payload
        self._unacknowledged += 1
        urgent = flags & ACK_REQUEST or distance or ahead
        if urgent:
            ahead.add(sequence)
            while self._next in ahead:
                ahead.remove(self._next)
                self._next = (self._next + 1) & _SEQUENCE_MASK
        else:
            self._next = (sequence + 1) & _SEQUENCE_MASK
        if urgent or self._unacknowledged == ACK_INTERVAL:
            self._acknowledge(peer)

    def _hello(self, session: int, sequence: int, current: int, peer: Any) -> None:
        if session not in (0, self._session) and current == self._session:
            self._session, self._next, self._unacknowledged = session, 0, 0
            self._ahead.clear()
        config = self._config
        welcome = Welcome(int(config.digest, 16), self._session, config.rows, config.columns)
        self._deliver(Packet(Type.WELCOME, session, sequence, payload=welcome.pack()).pack(), peer)

    def _acknowledge(self, peer: Any) -> None:
        self._unacknowledged = 0
        bitmap = sum(1 << ((sequence - self._next - 1) & _SEQUENCE_MASK) for sequence in self._ahead)
        crc, malformed, session = (self.counts[name] & 0xFFFF for name in ("damaged", "malformed", "foreign"))
        ack = Ack(bitmap, 0, 0, False, PACKET_BUFFERS, crc, malformed, session)
        self._send(Type.ACK, self._next, 0, ack.pack(), peer)

    def _send(self, kind: Type, sequence: int, address: int, payload: bytes, peer: Any) -> None:
        body = HEADER.pack(kind, 0, len(payload), self._session, sequence, address) + payload
        self._deliver(body + CRC.pack(zlib.crc32(body)), peer)

    def _deliver(self, packet: bytes, peer: Any) -> None:
        # An answer that is held back is as good as lost: the next says the same and more.
        fate = self._outwards.next()
        copies = 2 if fate == _DOUBLED else int(fate == _KEPT)
        for _ in range(copies):
            try:
                self._socket.sendto(packet, peer)
            except ConnectionRefusedError:
                # The report that an earlier host is gone; this packet is lost like any other.
                continue

    def _place(self, address: int) -> int:
        space, word = unpack_address(address)
        return 2 * ((space << self._address_bits) + word)
