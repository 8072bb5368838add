"""The board's end of the link, packet by packet (docs/link.md): twin of `hdl.link.endpoint.Endpoint`."""

from dataclasses import replace
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from deep3.hdl.contract.config import EngineConfig
from deep3.hdl.contract.program import START_BYTES, ProgramError, Space, StartParameters
from deep3.hdl.contract.protocol import (
    ACK_INTERVAL,
    ACK_REQUEST,
    BUSY,
    MAX_PAYLOAD_WORDS,
    PACKET_BUFFERS,
    WINDOW,
    Ack,
    CrcError,
    Packet,
    PacketError,
    Type,
    Welcome,
    parse_packet,
    unpack_address,
)

__all__ = ["Endpoint", "HostedEngine"]

Words = NDArray[np.uint16]

_LENGTHS_BYTES = {Type.HELLO: 0, Type.START: START_BYTES, Type.COMMIT: 2, Type.READ: 2, Type.STATUS: 0}


class HostedEngine(Protocol):
    """What the endpoint needs of an engine; `sim.golden.engine.engine.Engine` is one."""

    @property
    def busy(self) -> bool:
        """A run is on."""

    @property
    def batches_done(self) -> int:
        """Batches finished since START."""

    def write(self, space: Space, address: int, words: Words) -> None:
        """Store 16-bit words from ``address`` on."""

    def read(self, space: Space, address: int, count: int) -> Words:
        """``count`` 16-bit words from ``address`` on."""

    def start(self, parameters: StartParameters) -> None:
        """Begin a run on an idle engine."""

    def commit(self, batches: int) -> None:
        """That many batches more may run."""

    def abort(self) -> None:
        """End a run in progress."""


class Endpoint:
    """Takes one packet at a time and gives the replies of the gateware, byte for byte.

    All packet buffers are free when a reply leaves, as for a host that waits for each reply. What the engine raises
    (an impossible program) passes through.

    Parameters
    ----------
    config : EngineConfig
        Its digest and geometry go into WELCOME, its sizes tell which addresses exist.
    engine : HostedEngine
    """

    def __init__(self, config: EngineConfig, engine: HostedEngine) -> None:
        self.config = config
        self.engine = engine
        self.session = 0
        self.dropped_crc = 0
        self.dropped_malformed = 0
        self.dropped_session = 0
        self._clear()

    def _clear(self) -> None:
        self.next_sequence = 0
        self.runs_started = 0
        self._ahead: set[int] = set()
        self._unacknowledged = 0

    def receive(self, packet: bytes) -> list[bytes]:
        """Act on one datagram; the datagrams to send back, none or one."""
        try:
            parsed = parse_packet(packet)
        except CrcError:
            self.dropped_crc = (self.dropped_crc + 1) % (1 << 16)
            return []
        except PacketError:
            parsed = None
        if parsed is None or self._is_malformed(parsed):
            return self._drop_malformed()
        if parsed.type == Type.HELLO:
            return [self._hello(parsed).pack()]
        if parsed.session == 0 or parsed.session != self.session:
            self.dropped_session = (self.dropped_session + 1) % (1 << 16)
            return []
        if parsed.type == Type.READ:
            return [self._read(parsed).pack()]
        if parsed.type == Type.STATUS or not self._is_acceptable(parsed):
            return [self._acknowledge().pack()]
        if parsed.type == Type.START and not self._is_possible(parsed):
            return self._drop_malformed()
        return [self._acknowledge().pack()] if self._accept(parsed) else []

    def _drop_malformed(self) -> list[bytes]:
        self.dropped_malformed = (self.dropped_malformed + 1) % (1 << 16)
        return []

    def _is_malformed(self, packet: Packet) -> bool:
        """What only the board refuses: its own types, wrong sizes for a type, places that do not exist."""
        length = len(packet.payload)
        if packet.type in _LENGTHS_BYTES:
            if length != _LENGTHS_BYTES[packet.type]:
                return True
            if packet.type != Type.READ:
                return False
        elif packet.type != Type.WRITE:
            return True
        count = _first_word(packet) if packet.type == Type.READ else length // 2
        space, address = unpack_address(packet.address)
        if not 1 <= count <= MAX_PAYLOAD_WORDS or space > Space.COUNTER:
            return True
        if packet.type == Type.WRITE and space == Space.COUNTER:
            return True
        return address + count > self.config.space_words(Space(space))

    def _is_possible(self, packet: Packet) -> bool:
        """Whether the engine has what a START wants to run."""
        try:
            StartParameters.decode(packet.payload).check(self.config.max_instructions)
        except ProgramError:
            return False
        return True

    def _hello(self, packet: Packet) -> Packet:
        if packet.session not in (0, self.session) and packet.address == self.session:
            self.session = packet.session
            self._clear()
            self.engine.abort()
        welcome = Welcome(
            digest=int(self.config.digest, 16),
            session=self.session,
            rows=self.config.rows,
            columns=self.config.columns,
        )
        return Packet(Type.WELCOME, packet.session, packet.sequence, payload=welcome.pack())

    def _read(self, packet: Packet) -> Packet:
        reply = replace(packet, type=Type.DATA, flags=0, payload=b"")
        space, address = unpack_address(packet.address)
        if self.engine.busy and space != Space.COUNTER:
            return replace(reply, flags=BUSY)
        words = self.engine.read(Space(space), address, _first_word(packet))
        return replace(reply, payload=words.astype("<u2").tobytes())

    def _is_acceptable(self, packet: Packet) -> bool:
        """Whether it is the turn of a WRITE, START or COMMIT."""
        if packet.type == Type.WRITE:
            return self._distance(packet) < WINDOW and packet.sequence not in self._ahead
        return self._distance(packet) == 0 and not (packet.type == Type.START and self.engine.busy)

    def _distance(self, packet: Packet) -> int:
        return (packet.sequence - self.next_sequence) % (1 << 32)

    def _accept(self, packet: Packet) -> bool:
        """Act on WRITE, START or COMMIT; whether an ACK is due."""
        distance = self._distance(packet)
        self._apply(packet)
        gap = bool(self._ahead)
        self._ahead.add(packet.sequence)
        while self.next_sequence in self._ahead:
            self._ahead.remove(self.next_sequence)
            self.next_sequence = (self.next_sequence + 1) % (1 << 32)
        self._unacknowledged += 1
        urgent = packet.type != Type.WRITE or bool(packet.flags & ACK_REQUEST) or distance != 0 or gap
        return urgent or self._unacknowledged == ACK_INTERVAL

    def _apply(self, packet: Packet) -> None:
        if packet.type == Type.START:
            self.runs_started = (self.runs_started + 1) % (1 << 32)
            self.engine.start(StartParameters.decode(packet.payload))
        elif packet.type == Type.COMMIT:
            self.engine.commit(_first_word(packet))
        else:
            space, address = unpack_address(packet.address)
            self.engine.write(Space(space), address, np.frombuffer(packet.payload, "<u2").astype(np.uint16))

    def _acknowledge(self) -> Packet:
        self._unacknowledged = 0
        offsets = ((sequence - self.next_sequence - 1) % (1 << 32) for sequence in self._ahead)
        ack = Ack(
            bitmap=sum(1 << offset for offset in offsets),
            batches_done=self.engine.batches_done,
            runs_started=self.runs_started,
            busy=self.engine.busy,
            credit=PACKET_BUFFERS,
            dropped_crc=self.dropped_crc,
            dropped_malformed=self.dropped_malformed,
            dropped_session=self.dropped_session,
        )
        return Packet(Type.ACK, self.session, self.next_sequence, payload=ack.pack())


def _first_word(packet: Packet) -> int:
    return int.from_bytes(packet.payload[:2], "little")
