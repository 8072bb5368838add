"""One host's use of one board over a lossy transport: what was asked, exactly once, or one clear error."""

import time
from types import TracebackType

import numpy as np
import numpy.typing as npt

from deep3.hdl.contract.program import Space, StartParameters
from deep3.hdl.contract.protocol import (
    ACK_REQUEST,
    MAX_PAYLOAD_BYTES,
    PACKET_BUFFERS,
    WINDOW,
    Ack,
    PacketError,
    Type,
    pack_address,
)

from .channel import Channel, Received
from .reader import Reader
from .transport import Buffer, Transport
from .window import SendWindow

__all__ = ["Session", "Words"]

Words = npt.NDArray[np.uint16] | npt.NDArray[np.int16]

ROOM_WHEN_FULL = 1
"""Packets on the way while the board reports no free buffer: enough to learn when it has one again."""


class Session:
    """A connected board.

    Parameters
    ----------
    transport
        Carries the packets; closed with the session, and when connecting fails.
    digest
        `EngineConfig.digest` of the engine the host was lowered for.
    patience_s
        Longest time without an answer, and without progress.
    replaces
        The only session that may be replaced; None for any.

    Raises
    ------
    BoardDoesNotAnswer
        When nothing answers.
    BoardInUse
        When the board's session is, or becomes, another than ``replaces``.
    WrongDigest, WrongVersion
        When another engine, or another protocol, answers.
    """

    def __init__(
        self, transport: Transport, digest: str, patience_s: float = 5.0, replaces: int | None = None
    ) -> None:
        self._channel = Channel(transport, patience_s)
        self._ack: Ack | None = None
        self._acks = 0
        self._credit = PACKET_BUFFERS
        self._runs = 0
        self._closed = False
        self._run_batches = 0
        self._reader = Reader(self._channel, self._take)
        self._ranges: list[tuple[int, int]] = []
        try:
            self._channel.open(digest, replaces)
        except BaseException:
            transport.close()
            raise
        self._window = SendWindow(self._channel.session)

    def __enter__(self) -> "Session":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    @property
    def name(self) -> str:
        """The board's address."""
        return self._channel.name

    @property
    def patience_s(self) -> float:
        """Longest time without an answer, and without progress."""
        return self._channel.patience_s

    def close(self) -> None:
        """Close the transport; harmless when repeated."""
        self._closed = True
        self._channel.close()

    def write(self, space: Space, address: int, words: Words) -> None:
        """Store words from ``address`` (in words) of a space onwards.

        Returns when the last packet is on its way; ``words`` must stay unchanged until `flush`. Writes to the
        same place keep their order.

        Raises
        ------
        LinkError
            When the board does not answer or accept.
        """
        view = _bytes_of(words)
        length = len(view)
        start = pack_address(space, address)
        self._claim(start, start + length // 2)
        offset = 0
        while offset < length:
            offset += self._write_batch(view, offset, start + offset // 2)

    def flush(self) -> None:
        """Wait until the board has everything sent so far."""
        since_s = time.monotonic()
        while self._window.unacknowledged:
            since_s = self._progress(since_s, "for the acknowledgement of all packets")
        self._ranges.clear()

    def read(self, space: Space, address: int, count: int) -> npt.NDArray[np.uint16]:
        """``count`` words from ``address`` of a space onwards, after all earlier writes.

        Raises
        ------
        BoardBusy
            When a run is on and the space is not that of the counters.
        LinkError
            When the board does not answer.
        """
        self.flush()
        words = np.empty(count, dtype="<u2")
        self._reader.read(space, pack_address(space, address), _bytes_of(words))
        return words

    def start(self, parameters: StartParameters) -> None:
        """Start a run once the board is idle; exactly once, however often the packet is lost.

        Raises
        ------
        LinkError
            When the board does not answer, stays busy or does not accept.
        """
        since_s = time.monotonic()
        while not self._is_known_idle() and self.status().busy:
            self._channel.check_patience(since_s, "for it to become idle (START)")
        self._send(Type.START, 0, parameters.encode(), ACK_REQUEST)
        self.flush()
        self._runs += 1
        self._run_batches = parameters.batches

    def commit(self, batches: int) -> None:
        """Tell the board that so many batches more are in its memory, after all earlier writes."""
        if not 1 <= batches <= 0xFFFF:
            raise ValueError(f"batches must be between 1 and 65535, not {batches!r}")
        self._send(Type.COMMIT, 0, batches.to_bytes(2, "little"), ACK_REQUEST)

    def status(self) -> Ack:
        """The board's state, asked for now."""
        # Answers that wait in the socket are older than the question.
        for _ in range(WINDOW):
            if (waiting := self._channel.receive(0.0)) is None:
                break
            self._take(waiting)
        since_s = asked_s = time.monotonic()
        acks = self._acks
        self._channel.send(self._channel.packet(Type.STATUS))
        while self._acks == acks or self._ack is None:
            due_s = asked_s + self._channel.round_trip.timeout_s
            received = self._receive(due_s)
            self._take(received)
            if received is not None or time.monotonic() < due_s:
                continue
            self._channel.round_trip.expired()
            self._channel.send(self._channel.packet(Type.STATUS))
            asked_s = time.monotonic()
            self._channel.check_patience(since_s, "for its state (STATUS)")
        return self._ack

    def running(self) -> bool:
        """Whether the last run is still on, asked of the board now."""
        status = self.status()
        return status.busy or self.batches_done() < self._run_batches

    def batches_done(self) -> int:
        """Batches finished in the last run, as the newest packet from the board had it."""
        return self._ack.batches_done if self._ack is not None and self._ack.runs_started == self._runs else 0

    def _is_known_idle(self) -> bool:
        """Whether the newest packet from the board said that all batches of the last run are done."""
        return self._ack is not None and not self._ack.busy and 0 < self._run_batches <= self.batches_done()

    def _claim(self, start: int, end: int) -> None:
        """Writes may be applied out of order: wait where one on its way overlaps the new range."""
        if any(start < other_end and other_start < end for other_start, other_end in self._ranges):
            self.flush()
        if not self._window.unacknowledged:
            self._ranges.clear()
        self._ranges.append((start, end))

    def _write_batch(self, view: memoryview, offset: int, address: int) -> int:
        """Send as many WRITEs as may go now, of what follows an offset; returns their bytes."""
        room = min(self._wait_for_room(Type.WRITE), self._channel.batch_packets)
        now_s = time.monotonic()
        end = min(offset + room * MAX_PAYLOAD_BYTES, len(view))
        asked = ACK_REQUEST if end == len(view) or self._credit == 0 else 0
        prepare = self._window.prepare
        packets = []
        for first in range(offset, end, MAX_PAYLOAD_BYTES):
            past = min(first + MAX_PAYLOAD_BYTES, end)
            flags = asked if past == end else 0
            packets.append(prepare(Type.WRITE, flags, address + (first - offset) // 2, view[first:past], now_s))
        self._channel.send_all(packets)
        return end - offset

    def _send(self, kind: Type, address: int, payload: Buffer, flags: int) -> None:
        self._wait_for_room(kind)
        if self._credit == 0:
            flags |= ACK_REQUEST
        self._channel.send(self._window.prepare(kind, flags, address, payload, time.monotonic()))

    def _wait_for_room(self, kind: Type) -> int:
        """Wait until a packet may go; returns how many may."""
        since_s = time.monotonic()
        while (room := self._room()) <= 0:
            since_s = self._progress(since_s, f"for room for a {kind.name} packet")
        return room

    def _room(self) -> int:
        window = self._window
        return min(window.room, ROOM_WHEN_FULL - window.in_flight) if self._credit == 0 else window.room

    def _progress(self, since_s: float, what: str) -> float:
        """Wait for a packet or a timeout; returns when packets were last acknowledged."""
        window = self._window
        before = window.in_flight, window.unacknowledged
        self._take(self._receive(float("inf")))
        if before != (window.in_flight, window.unacknowledged):
            return time.monotonic()
        self._channel.check_patience(since_s, what)
        return since_s

    def _receive(self, until_s: float) -> Received | None:
        """A packet from the board, or None: it is ``until_s``, or time ran out and the board was asked again."""
        window, round_trip = self._window, self._channel.round_trip
        due_s = window.waiting_since_s() + round_trip.timeout_s
        # Even when time is up: answers that wait in the socket come before the judgement that there are none.
        received = self._channel.receive(max(min(due_s, until_s) - time.monotonic(), 0.0))
        if received is None and due_s <= (now_s := time.monotonic()):
            round_trip.expired()
            for packet in window.probe(now_s):
                self._channel.send(packet)
        return received

    def _repeat(self, sequences: list[int], now_s: float) -> None:
        for sequence in sequences:
            self._channel.send(self._window.repeat(sequence, sequence == sequences[-1], now_s))

    def _take(self, received: Received | None) -> None:
        if received is None or received.kind != Type.ACK:
            return
        try:
            ack = Ack.parse(received.payload)
        except PacketError:
            return
        now_s = time.monotonic()
        window, round_trip = self._window, self._channel.round_trip
        round_trip.answered()
        if window.acknowledge(received.sequence, ack.bitmap, now_s):
            if window.round_trip_s is not None:
                round_trip.sample(window.round_trip_s)
            self._repeat(window.lost(), now_s)
        # A late ACK must not turn the board's state back.
        if not window.is_current(received.sequence) or (
            self._ack is not None
            and (ack.runs_started, ack.batches_done) < (self._ack.runs_started, self._ack.batches_done)
        ):
            return
        self._ack = ack
        self._credit = ack.credit
        self._acks += 1


def _bytes_of(words: Words) -> memoryview:
    if words.dtype.itemsize != 2 or words.dtype.kind not in "iu" or not words.flags.c_contiguous:
        raise ValueError(f"words must be contiguous 16-bit integers, not {words.dtype} of shape {words.shape}")
    return words.reshape(-1).view(np.uint8).data
