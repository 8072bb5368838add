"""Traffic for the packet endpoint: two hosts on a bad network, and what the twin replies to each packet."""

import random
import zlib
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from deep3.hdl.contract.config import EngineConfig
from deep3.hdl.contract.program import Space, StartParameters
from deep3.hdl.contract.protocol import (
    ACK_REQUEST,
    CRC,
    HEADER,
    MAX_PACKET_BYTES,
    MAX_PAYLOAD_BYTES,
    MAX_PAYLOAD_WORDS,
    SPACE_SHIFT,
    WINDOW,
    Packet,
    Type,
    pack_address,
)
from deep3.sim.golden.link.endpoint import Endpoint

__all__ = ["MOST_BATCHES", "Delivery", "RecordingEngine", "Traffic", "initial_word"]

Words = NDArray[np.uint16]

MOST_BATCHES = 7
"""Of a run."""

_HOST_TYPES = (Type.HELLO, Type.WRITE, Type.START, Type.COMMIT, Type.READ, Type.STATUS)
_WRITABLE = (Space.ACTIVATION, Space.WEIGHT, Space.ERROR, Space.LABEL, Space.PROGRAM)


def initial_word(space: int, address: int) -> int:
    """What a word that was never written reads as."""
    return (space * 0x3A5B + address * 0x9E37) & 0xFFFF


class RecordingEngine:
    """Memory and the order of events; a run ends when as many batches are committed as it has."""

    def __init__(self) -> None:
        self.words: dict[tuple[int, int], int] = {}
        self.events: list[tuple[object, ...]] = []
        self.batches_done = 0
        self._batches_left = 0

    @property
    def busy(self) -> bool:
        return self._batches_left > 0

    def write(self, space: Space, address: int, words: Words) -> None:
        for offset, word in enumerate(words.tolist()):
            self.words[int(space), address + offset] = word
            self.events.append(("write", int(space), address + offset, word))

    def read(self, space: Space, address: int, count: int) -> Words:
        return np.array([self.word(int(space), address + offset) for offset in range(count)], np.uint16)

    def word(self, space: int, address: int) -> int:
        return self.words.get((space, address), initial_word(space, address))

    def start(self, parameters: StartParameters) -> None:
        self.events.append(("start", parameters))
        self.batches_done = 0
        self._batches_left = parameters.batches

    def commit(self, batches: int) -> None:
        self.events.append(("commit", batches))
        finished = min(batches, self._batches_left)
        self.batches_done += finished
        self._batches_left -= finished

    def abort(self) -> None:
        self.events.append(("abort",))
        self._batches_left = 0


@dataclass(frozen=True)
class Delivery:
    """Bytes on their way to the board. ``broken_off``: the last byte is not marked as such. ``stray`` bytes come
    before it, outside any packet."""

    data: bytes
    replies: list[bytes]
    broken_off: bool = False
    stray: bytes = b""


@dataclass
class Traffic:
    """Random deliveries; the twin sees each as it is made, so that most of them make sense to the board.

    Parameters
    ----------
    rng : random.Random
    config : EngineConfig
    spoil : float
        Share of packets that the network damages.
    """

    rng: random.Random
    config: EngineConfig
    spoil: float = 0.2
    engine: RecordingEngine = field(default_factory=RecordingEngine)

    def __post_init__(self) -> None:
        self.twin = Endpoint(self.config, self.engine)
        self._sessions = [self.rng.randrange(1, 1 << 32) for _ in range(2)]
        self._past = [Packet(Type.HELLO).pack()]

    def deliver(self, data: bytes, broken_off: bool = False, stray: bytes = b"") -> Delivery:
        """The delivery of these bytes, with the twin's replies."""
        return Delivery(data, self.twin.receive(data), broken_off, stray)

    def handshake(self) -> list[Delivery]:
        """The two steps that open a session, whatever happened before."""
        ask = self.deliver(Packet(Type.HELLO, sequence=self.rng.randrange(1 << 32)).pack())
        session = self.rng.randrange(1, 1 << 32)
        self._sessions[self.rng.randrange(2)] = session
        return [ask, self.deliver(Packet(Type.HELLO, session, address=self.twin.session).pack())]

    def place(self, space: Space, words: int) -> int:
        """Address of so many words somewhere in a space."""
        return pack_address(space, self.rng.randrange(self.config.space_words(space) - words + 1))

    def write(self, address: int, words: int, flags: int = 0) -> Delivery:
        """The next WRITE of the session, of random words."""
        payload = self.rng.randbytes(2 * words)
        return self.deliver(self._in_session(Type.WRITE, self.twin.next_sequence, address, payload, flags))

    def start(self, ahead: int = 0) -> Delivery:
        """A START of the session, the next or one that is so many packets early."""
        return self._command_of(Type.START, ahead, self._parameters().encode())

    def commit(self, batches: int, ahead: int = 0) -> Delivery:
        """A COMMIT of the session, the next or one that is so many packets early."""
        return self._command_of(Type.COMMIT, ahead, batches.to_bytes(2, "little"))

    def read(self, address: int, words: int) -> Delivery:
        """A READ of the session."""
        return self.deliver(self._in_session(Type.READ, 0, address, words.to_bytes(2, "little")))

    def status(self) -> Delivery:
        """A STATUS of the session."""
        return self.deliver(self._in_session(Type.STATUS, 0, 0))

    def _command_of(self, kind: Type, ahead: int, payload: bytes) -> Delivery:
        sequence = (self.twin.next_sequence + ahead) % (1 << 32)
        return self.deliver(self._in_session(kind, sequence, 0, payload))

    def _in_session(self, kind: Type, sequence: int, address: int, payload: bytes = b"", flags: int = 0) -> bytes:
        return Packet(kind, self.twin.session, sequence, address, payload, flags).pack()

    def next(self) -> Delivery:
        """One packet, sound, stale, damaged or no packet at all."""
        rng = self.rng
        if rng.random() < self.spoil:
            return self.spoiled()
        data = rng.choice(self._past) if rng.random() < 0.1 else self._sound().pack()
        self._past = [*self._past[-40:], data]
        return self.deliver(data)

    def _sound(self) -> Packet:
        makers = (self._hello, self._write, self._write, self._write, self._command, self._read, self._status)
        return self.rng.choice(makers)()

    def _hello(self) -> Packet:
        rng, current = self.rng, self.twin.session
        session = rng.choice((0, current, rng.choice(self._sessions), rng.randrange(1 << 32)))
        expected = rng.choice((current, current, 0, rng.choice(self._sessions)))
        if session not in (0, current) and expected == current:
            self._sessions = [session, rng.choice(self._sessions)]
        return Packet(Type.HELLO, session, rng.randrange(1 << 32), expected)

    def _session(self) -> int:
        return self.twin.session if self.rng.random() < 0.95 else self.rng.choice((0, *self._sessions))

    def _sequence(self, in_order: float) -> int:
        rng = self.rng
        if rng.random() < in_order:
            return self.twin.next_sequence
        distance = rng.choice((1, 2, rng.randrange(WINDOW), WINDOW - 1, WINDOW, -1, -rng.randrange(100), 1 << 31))
        return (self.twin.next_sequence + distance) % (1 << 32)

    def _place(self, words: int, spaces: tuple[Space, ...]) -> int:
        rng = self.rng
        space = rng.choice(spaces)
        size = self.config.space_words(space)
        last = max(0, size - words)
        bits = self.config.encoding.address_bits
        if rng.random() < 0.1:
            return rng.choice((
                pack_address(rng.randrange(6, 16), 0),
                pack_address(Space.COUNTER, 0),
                pack_address(space, last + 1),
                pack_address(space, rng.randrange(last + 1, 1 << bits)),
                pack_address(space, rng.randrange(1 << bits, 1 << SPACE_SHIFT)),
                pack_address(space, 1 << rng.randrange(bits, SPACE_SHIFT)),
            ))
        return pack_address(space, rng.choice((rng.randrange(min(64, last + 1)), rng.randrange(last + 1), last)))

    def _words(self) -> int:
        rng = self.rng
        extremes = (0, 1, MAX_PAYLOAD_WORDS)
        return rng.choice((rng.randrange(6), rng.randrange(6), rng.randrange(60), rng.choice(extremes)))

    def _write(self) -> Packet:
        words = self._words()
        return Packet(
            Type.WRITE,
            self._session(),
            self._sequence(0.7),
            self._place(words, _WRITABLE),
            self.rng.randbytes(2 * words),
            self.rng.choice((0, 0, 0, ACK_REQUEST, 0xFE)),
        )

    def _parameters(self, possible: float = 1.0) -> StartParameters:
        rng = self.rng
        slots = self.config.max_instructions
        first = rng.randrange(slots)
        run = {
            "first_instruction": first,
            "instruction_count": rng.choice((slots - first, rng.randrange(1, slots - first + 1))),
            "buffers": rng.choice((1, 1 << 12, rng.randrange(1, 1 << 13))),
        }
        if rng.random() >= possible:
            run.update(rng.choice((
                {"first_instruction": rng.randrange(slots, 256)},
                {"instruction_count": 0},
                {"instruction_count": slots - first + 1},
                {"instruction_count": rng.randrange(slots - first + 1, 256)},
                {"buffers": 0},
            )))  # fmt: skip
        return StartParameters(
            **run,
            batches=rng.randrange(1, MOST_BATCHES + 1),
            buffer_words=rng.randrange(1 << 18),
            label_words=rng.randrange(1 << 14),
            resident=rng.random() < 0.5,
            rate_mantissa=rng.randrange(1 << 16),
            rate_shift=rng.randrange(4),
            seed=rng.randrange(1 << 32),
        )

    def _command(self) -> Packet:
        rng = self.rng
        kind, payload = Type.START, self._parameters(possible=0.6).encode()
        if rng.random() < 0.6:
            kind, payload = Type.COMMIT, rng.randrange(8).to_bytes(2, "little")
        return Packet(kind, self._session(), self._sequence(0.9), rng.randrange(1 << 32), payload)

    def _read(self) -> Packet:
        words = max(1, self._words())
        if self.rng.random() < 0.2:
            words = self.rng.choice((0, MAX_PAYLOAD_WORDS + 1, 1024, 0xFFFF))
        place = self._place(words, tuple(Space))
        return Packet(
            Type.READ, self._session(), self.rng.randrange(1 << 32), place, words.to_bytes(2, "little"),
            self.rng.randrange(256),
        )  # fmt: skip

    def _status(self) -> Packet:
        return Packet(Type.STATUS, self._session(), self.rng.randrange(1 << 32), self.rng.randrange(1 << 32))

    def spoiled(self) -> Delivery:
        """One packet damaged on its way, misshapen, or random bytes."""
        rng = self.rng
        data = bytearray(self._sound().pack())
        how = rng.randrange(9)
        if how == 0:
            data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
        elif how == 1:
            del data[rng.randrange(1, len(data)) :]
        elif how == 2:
            del data[rng.randrange(1, len(data)) :]
            return self.deliver(bytes(data), broken_off=True, stray=self._stray())
        elif how == 3:
            data = bytearray(rng.randbytes(rng.choice((1, 2, 3, 4, 5, 19, 20, 21, rng.randrange(1, 80)))))
        elif how == 4:
            data += rng.randbytes(rng.choice((1, 2, 3, 4, MAX_PACKET_BYTES - len(data) + rng.randrange(3), 1200)))
        elif how == 5:
            data = bytearray(self._misshapen().pack())
        elif how == 6:
            data = bytearray(self._too_long())
        elif how == 7:
            data = bytearray(self.odd())
        else:
            return self.deliver(bytes(data), stray=self._stray())
        return self.deliver(bytes(data))

    def _too_long(self) -> bytes:
        """A full WRITE with more behind it, and at the end a checksum that is right."""
        write = Packet(
            Type.WRITE, self.twin.session, self.twin.next_sequence, payload=self.rng.randbytes(MAX_PAYLOAD_BYTES)
        )
        body = write.pack() + self.rng.randbytes(self.rng.randrange(40))
        return body + CRC.pack(zlib.crc32(body))

    def odd(self) -> bytes:
        """The next WRITE of the session but for its size, which is odd; length and checksum are those of that size."""
        size = 2 * self.rng.randrange(1, 20) + 1
        place = pack_address(Space.WEIGHT, 0)
        header = HEADER.pack(Type.WRITE, ACK_REQUEST, size, self.twin.session, self.twin.next_sequence, place)
        body = header + self.rng.randbytes(size)
        return body + CRC.pack(zlib.crc32(body))

    def _stray(self) -> bytes:
        return self.rng.randbytes(self.rng.randrange(1, 30))

    def _misshapen(self) -> Packet:
        """The checksum is right, type or size is not."""
        rng = self.rng
        kind = rng.choice((Type.WELCOME, Type.ACK, Type.DATA, *_HOST_TYPES))
        size = 2 * rng.choice((0, 1, 2, 11, 12, 13, MAX_PAYLOAD_BYTES // 2))
        return Packet(kind, self._session(), self._sequence(0.5), 0, rng.randbytes(size))

