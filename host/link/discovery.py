"""Boards that nobody named: a HELLO that only asks, broadcast, and who answers it."""

import fcntl
import secrets
import select
import socket
import struct
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from deep3.errors import UsageError
from deep3.hdl.contract.address import AddressError, format_endpoint, parse_endpoint
from deep3.hdl.contract.protocol import UDP_PORT, Packet, PacketError, Type, Welcome, parse_packet

from .channel import FREE_SESSION
from .errors import LinkError

__all__ = ["DiscoveryError", "DiscoveryUsageError", "FoundBoard", "broadcast_addresses", "discover", "parse_place"]

LONGEST_S = 60.0
ASKED_EVERY_S = 0.2
"""A question or its answer may be lost."""

LIMITED_BROADCAST = "255.255.255.255"
LOOPBACK = "127.0.0.1"
SIOCGIFBRDADDR = 0x8919
"""Request of netdevice(7): the broadcast address of an interface."""

Place = tuple[str, int]


class DiscoveryError(LinkError):
    """No board answered, or none could be asked; names what was tried."""


class DiscoveryUsageError(DiscoveryError, UsageError):
    """A place or a time that cannot be."""


@dataclass(frozen=True)
class FoundBoard:
    """What a board says of itself; ``session`` is 0 while nobody uses it."""

    address: str
    digest: str
    rows: int
    columns: int
    session: int
    version: int


def parse_place(text: str) -> Place:
    """``HOST`` or ``HOST:PORT``; without a port that of boards.

    Raises
    ------
    DiscoveryError
        When it is neither.
    """
    try:
        host, port = parse_endpoint(text if ":" in text else f"{text}:{UDP_PORT}")
    except AddressError:
        host, port = "", 0
    if not host or not port:
        raise DiscoveryUsageError(f"address must be HOST or HOST:PORT with a port between 1 and 65535, not {text!r}")
    return host, port


def broadcast_addresses() -> list[Place]:
    """Where to ask when nothing was named: the broadcast address of every interface, the one of all of them, and this
    machine, for a virtual board."""
    found = [LIMITED_BROADCAST]
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
        for _, name in socket.if_nameindex():
            request = struct.pack("16s240x", name.encode())
            try:
                answer = fcntl.ioctl(asking, SIOCGIFBRDADDR, request)
            except OSError:
                # An interface without an IPv4 address, or gone since it was listed: nobody to ask there.
                continue
            address = socket.inet_ntoa(answer[20:24])
            if address not in (*found, "0.0.0.0"):
                found.append(address)
    return [(address, UDP_PORT) for address in (*found, LOOPBACK)]


def discover(places: Sequence[Place], timeout_s: float) -> list[FoundBoard]:
    """Ask everywhere and wait for answers until the time is up; boards in the order of their addresses.

    Asking changes nothing on a board, whoever uses it.

    Raises
    ------
    DiscoveryError
        For a time out of range, and when no board answers.
    """
    if not 0 < timeout_s <= LONGEST_S:
        raise DiscoveryUsageError(f"timeout must be above 0 and at most {LONGEST_S:g} seconds, not {timeout_s!r}")
    number = secrets.randbits(32)
    question = Packet(Type.HELLO, sequence=number).pack()
    found: dict[Place, FoundBoard] = {}
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
        asking.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
        end_s = time.monotonic() + timeout_s
        while (now_s := time.monotonic()) < end_s:
            refusals = [_ask(asking, question, place) for place in places]
            _listen(asking, number, min(now_s + ASKED_EVERY_S, end_s), found)
    if not found:
        tried = ", ".join(
            format_endpoint(*place) + (f" ({refusal})" if refusal else "")
            for place, refusal in zip(places, refusals, strict=True)
        )
        raise DiscoveryError(
            f"no board answered within {timeout_s:g} s: asked {tried}; is it powered and on this network, "
            f"and has this machine an address in the board's network? --address asks elsewhere"
        )
    return [found[place] for place in sorted(found, key=lambda place: (socket.inet_aton(place[0]), place[1]))]


def _ask(asking: socket.socket, question: bytes, place: Place) -> str:
    """Send the question; returns why it could not be sent."""
    try:
        asking.sendto(question, place)
    except OSError as error:
        return error.strerror or str(error)
    return ""


def _listen(asking: socket.socket, number: int, until_s: float, found: dict[Place, FoundBoard]) -> None:
    while (left_s := until_s - time.monotonic()) > 0:
        if not select.select([asking], [], [], left_s)[0]:
            return
        try:
            datagram, peer = asking.recvfrom(2048, socket.MSG_DONTWAIT)
        except (BlockingIOError, ConnectionRefusedError):
            continue
        board = _board(datagram, number, peer)
        if board is not None:
            found[peer] = board


def _board(datagram: bytes, number: int, peer: Any) -> FoundBoard | None:
    """Who answered, or None when it is no answer to this question."""
    try:
        packet = parse_packet(datagram)
        if packet.type != Type.WELCOME or packet.sequence != number:
            return None
        welcome = Welcome.parse(packet.payload)
    except PacketError:
        return None
    address = format_endpoint(*peer)
    digest = f"{welcome.digest:016x}"
    session = 0 if welcome.session == FREE_SESSION else welcome.session
    return FoundBoard(address, digest, welcome.rows, welcome.columns, session, welcome.version)
