"""Valid packets of one session out of whatever a transport delivers, and the bound on waiting for them."""

import secrets
import time
import zlib
from typing import NamedTuple

from deep3.hdl.contract.protocol import (
    CRC,
    CRC_BYTES,
    HEADER,
    HEADER_BYTES,
    OVERHEAD_BYTES,
    PROTOCOL_VERSION,
    Packet,
    PacketError,
    Type,
    Welcome,
)

from .errors import BoardDoesNotAccept, BoardDoesNotAnswer, BoardInUse, SessionLost, WrongDigest, WrongVersion
from .round_trip import RoundTrip
from .transport import BATCH_PACKETS, Buffer, Transport

__all__ = ["FREE_SESSION", "Channel", "Received"]

FREE_SESSION = 0xFFFF_FFFF
"""Session that a host leaves behind when it gives a board back: a board has none from the reset on only."""

DIAGNOSIS_S = 0.5
"""Time given to finding out why a board fell silent."""


class Received(NamedTuple):
    """A packet from the board; ``payload`` is valid until the next `Channel.receive`."""

    kind: int
    flags: int
    sequence: int
    address: int
    payload: memoryview


class Channel:
    """Packets of one session over a transport.

    Parameters
    ----------
    transport
        Carries the packets.
    patience_s
        Longest time without an answer, and without progress.

    Attributes
    ----------
    session
        The session that packets carry and must carry; 0 before the handshake.
    round_trip
        Estimates how long an answer takes.
    batch_packets
        Most packets for one `send_all`; one where a batch would keep the host from looking at answers for long.
    """

    def __init__(self, transport: Transport, patience_s: float) -> None:
        self.session = 0
        self.round_trip = RoundTrip(transport.line_s)
        self.batch_packets = 1 if transport.line_s else BATCH_PACKETS
        self.name = transport.name
        self.patience_s = patience_s
        self.send = transport.send
        self.send_all = transport.send_all
        self.close = transport.close
        self._receive = transport.receive
        self._heard_s = time.monotonic()

    def packet(self, kind: Type, sequence: int = 0, address: int = 0, payload: bytes = b"") -> list[Buffer]:
        """An unsequenced packet, ready to send."""
        return [Packet(kind, self.session, sequence, address, payload).pack()]

    def receive(self, timeout_s: float) -> Received | None:
        """The next datagram within the timeout, or None: none came, or it is no packet of this session."""
        datagram = self._receive(timeout_s)
        if datagram is None or len(datagram) < OVERHEAD_BYTES:
            return None
        kind, flags, length, session, sequence, address = HEADER.unpack_from(datagram)
        body = len(datagram) - CRC_BYTES
        if body != HEADER_BYTES + length or CRC.unpack_from(datagram, body)[0] != zlib.crc32(datagram[:body]):
            return None
        # The WELCOME to a question carries the session of the question, which is not the current one.
        if session != self.session and kind != Type.WELCOME:
            return None
        self._heard_s = time.monotonic()
        return Received(kind, flags, sequence, address, datagram[HEADER_BYTES:body])

    def open(self, digest: str, replaces: int | None = None) -> None:
        """Take the board over: a new session number replaces the current one, or only session ``replaces``.

        Raises
        ------
        BoardDoesNotAnswer, BoardDoesNotAccept
            When nothing answers, or the board goes to another host each time.
        WrongDigest, WrongVersion
            When another engine, or another protocol, answers; the board is left as it was.
        BoardInUse
            When the current session is, or becomes, another than ``replaces``.
        """
        welcome = self.hello(0, 0)
        if welcome.version != PROTOCOL_VERSION:
            raise WrongVersion(
                f"board at {self.name} speaks link version {welcome.version}, not {PROTOCOL_VERSION}: "
                f"use the deep3 version the board was built with"
            )
        if welcome.digest != int(digest, 16):
            raise WrongDigest(
                f"board at {self.name} carries engine {welcome.digest:016x}, not {digest}: "
                f"use the configuration the board was built from"
            )
        current, session = welcome.session, secrets.randbelow(FREE_SESSION - 1) + 1
        since_s = time.monotonic()
        # Another host may win between question and swap; the WELCOME then names the session to replace.
        while current != session:
            if replaces not in (None, current):
                raise BoardInUse(f"board at {self.name} was taken by another host just now; wait for its end")
            current = self.hello(session, current).session
            self.check_patience(since_s, "for a session (HELLO)")
        self.session = session

    def give_back(self) -> None:
        """Let the next host know that this one is done; a packet that is lost costs that host a wait."""
        self.send([Packet(Type.HELLO, FREE_SESSION, secrets.randbits(32), self.session).pack()])

    def hello(self, session: int, current: int, patience_s: float | None = None) -> Welcome:
        """Ask for WELCOME until it comes; ``session`` 0 only asks, any other replaces ``current`` by it.

        Raises
        ------
        BoardDoesNotAnswer
            When none comes within the patience.
        """
        limit_s = self.patience_s if patience_s is None else patience_s
        number = secrets.randbits(32)
        question = [Packet(Type.HELLO, session, number, current).pack()]
        started_s = time.monotonic()
        while (sent_s := time.monotonic()) - started_s <= limit_s:
            self.send(question)
            due_s = sent_s + self.round_trip.timeout_s
            while (left_s := due_s - time.monotonic()) > 0:
                welcome = self._welcome(self.receive(left_s), number)
                if welcome is not None:
                    self.round_trip.answered()
                    return welcome
            self.round_trip.expired()
        raise BoardDoesNotAnswer(
            f"board at {self.name} does not answer: asked with HELLO for {limit_s:g} s; "
            f"is it running, and is the address right?"
        )

    def check_patience(self, since_s: float, what: str) -> None:
        """Return while less than the patience has passed since ``since_s`` (monotonic seconds).

        Raises
        ------
        BoardDoesNotAnswer
            When nothing at all was heard.
        BoardDoesNotAccept
            When something was heard, but not what was waited for.
        SessionLost
            When the board now belongs to another session.
        """
        now_s = time.monotonic()
        if now_s - since_s <= self.patience_s:
            return
        if now_s - self._heard_s <= self.patience_s:
            raise self._no_progress(what)
        try:
            current = self.hello(0, 0, min(DIAGNOSIS_S, self.patience_s)).session
        except BoardDoesNotAnswer:
            raise BoardDoesNotAnswer(
                f"board at {self.name} does not answer: waited {self.patience_s:g} s {what}, with repeats; "
                f"is it still running?"
            ) from None
        if current != self.session:
            raise SessionLost(f"board at {self.name} answers to another session: it was reset or taken over")
        raise self._no_progress(what)

    def _no_progress(self, what: str) -> BoardDoesNotAccept:
        return BoardDoesNotAccept(
            f"board at {self.name} answers, but makes no progress: waited {self.patience_s:g} s {what}"
        )

    @staticmethod
    def _welcome(received: Received | None, number: int) -> Welcome | None:
        if received is None or received.kind != Type.WELCOME or received.sequence != number:
            return None
        try:
            return Welcome.parse(bytes(received.payload))
        except PacketError:
            return None
