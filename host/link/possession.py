"""Whose board it is: a session that refuses a board in use, and gives its board back."""

import time
from contextlib import suppress

from deep3.hdl.contract.protocol import Ack, PacketError, Type

from .channel import FREE_SESSION, Channel
from .errors import BoardInUse, LinkError
from .session import Session
from .transport import Transport

__all__ = ["HeldSession"]

WATCH_S = 3.0
"""Longest time in which a board that is in use is seen to move: a batch takes milliseconds."""

ASKED_EVERY_S = 0.1


class HeldSession(Session):
    """A session that leaves others their board (see `host.link.session.Session`).

    The board only tells its current session, not whether that session's host still lives. So a host gives its board
    back at the end (`FREE_SESSION`), and of a board that was not given back the state is watched: a host that trains
    moves it.

    Parameters
    ----------
    take_over
        Replace whatever session is current.

    Raises
    ------
    BoardInUse
        When another host moves the board, or takes it first.
    """

    def __init__(self, transport: Transport, digest: str, patience_s: float = 5.0, take_over: bool = False) -> None:
        try:
            replaces = None if take_over else _unused_session(Channel(transport, patience_s))
        except BaseException:
            transport.close()
            raise
        super().__init__(transport, digest, patience_s, replaces)

    def close(self) -> None:
        """Give the board back, as far as one packet does, and close the transport; harmless when repeated."""
        if not self._closed:
            with suppress(LinkError, OSError):
                self._channel.give_back()
        super().close()


def _unused_session(channel: Channel) -> int:
    """The current session of a board that nobody uses."""
    session = channel.hello(0, 0).session
    channel.session = session
    end_s = time.monotonic() + WATCH_S
    seen: tuple[int, ...] | None = None
    while session not in (0, FREE_SESSION) and time.monotonic() < end_s:
        state = _state(channel)
        if channel.hello(0, 0).session != session or (seen is not None and state not in (None, seen)):
            raise BoardInUse(
                f"board at {channel.name} is in use by another host, or another run of this one; wait for its end, or "
                f"take the board over with --take-over"
            )
        seen = seen or state
    return session


def _state(channel: Channel) -> tuple[int, ...] | None:
    """What moves on a board in use: packets accepted, runs, batches; None where no answer comes in time."""
    channel.send(channel.packet(Type.STATUS))
    until_s = time.monotonic() + ASKED_EVERY_S
    state = None
    while (left_s := until_s - time.monotonic()) > 0:
        received = channel.receive(left_s)
        if received is None or received.kind != Type.ACK:
            continue
        try:
            ack = Ack.parse(received.payload)
        except PacketError:
            continue
        state = (received.sequence, ack.runs_started, ack.batches_done)
    return state
