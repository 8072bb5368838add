"""The board's end of the link, packet by packet (docs/link.md): twin of `hdl.link.endpoint.Endpoint`."""

from dataclasses import replace
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from deep3.hdl.contract.config import EngineConfig
from deep3.hdl.contract.program import ADDRESS_BITS, START_BYTES, Space, StartParameters
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
    (words outside a memory, an impossible program) passes through.

    Parameters
    ----------
    config : EngineConfig
        Its digest and geometry go into WELCOME.
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
        if not packet:
            return []
        try:
            parsed = parse_packet(packet)
        except CrcError:
            self.dropped_crc = (self.dropped_crc + 1) % (1 << 16)
            return []
        except PacketError:
            parsed = None
        if parsed is None or _is_malformed(parsed):
            self.dropped_malformed = (self.dropped_malformed + 1) % (1 << 16)
            return []
        if parsed.type == Type.HELLO:
            return [self._hello(parsed).pack()]
        if parsed.session == 0 or parsed.session != self.session:
            self.dropped_session = (self.dropped_session + 1) % (1 << 16)
            return []
        if parsed.type == Type.READ:
            return [self._read(parsed).pack()]
        if parsed.type == Type.STATUS or self._sequenced(parsed):
            return [self._acknowledge().pack()]
        return []

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

    def _sequenced(self, packet: Packet) -> bool:
        """Act on WRITE, START or COMMIT if it may be accepted; whether an ACK is due."""
        distance = (packet.sequence - self.next_sequence) % (1 << 32)
        acceptable = distance < WINDOW and packet.sequence not in self._ahead
        if packet.type != Type.WRITE:
            acceptable = distance == 0
        if packet.type == Type.START:
            acceptable = acceptable and not self.engine.busy
        if not acceptable:
            return True
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
        elif packet.payload:
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


def _is_malformed(packet: Packet) -> bool:
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
    if packet.type == Type.READ and not 1 <= count <= MAX_PAYLOAD_WORDS:
        return True
    space, address = unpack_address(packet.address)
    last_space = Space.COUNTER if packet.type == Type.READ else Space.PROGRAM
    return space > last_space or address >= 1 << ADDRESS_BITS or address + count > 1 << ADDRESS_BITS
