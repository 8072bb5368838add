"""What arrives at a board's PHY: frames for it, frames for others, frames broken in every way, and noise."""

import random
from collections.abc import Callable
from dataclasses import dataclass, replace

from deep3.hdl.contract.station import Station
from deep3.sim.golden.link.ethernet import (
    EthernetLink,
    Peer,
    Received,
    echo_frame,
    internet_checksum,
    own_peer,
    udp_frame,
    with_fcs,
)

__all__ = ["PREAMBLE", "SFD", "Arrival", "Traffic", "changed", "padded", "summed"]

PREAMBLE = b"\x55" * 7
SFD = b"\xd5"
_BROADCAST = b"\xff" * 6
_LENGTH, _PROTOCOL, _DESTINATION, _TRANSPORT = 16, 23, 30, 34
"""Places in an IPv4 frame."""


@dataclass(frozen=True)
class Arrival:
    """Bytes under one carrier, the index of the one that the PHY marks as broken, and what the twin makes of them."""

    carrier: bytes
    error_byte: int | None
    received: Received


class Traffic:
    """Random arrivals.

    Parameters
    ----------
    rng
        Source of everything.
    station
        The board.
    """

    def __init__(self, rng: random.Random, station: Station) -> None:
        self.rng = rng
        self.twin = EthernetLink(station)
        self.own = own_peer(station)
        self.spoil = 0.3
        self._hosts = [self._peer() for _ in range(3)]

    def arrive(self, frame: bytes) -> Arrival:
        """A sound frame."""
        return self.carrier(PREAMBLE + SFD + with_fcs(padded(frame)))

    def carrier(self, carrier: bytes, error_byte: int | None = None) -> Arrival:
        """Any bytes; the frame begins behind the first SFD."""
        _, _, frame = carrier.partition(SFD)
        return Arrival(carrier, error_byte, self.twin.receive(frame, error_byte is not None))

    def next(self) -> Arrival:
        """One arrival, for the board or not, sound or spoiled."""
        frame = self._choose(self.packet, self.packet, self._echo, self._arp, self._not_for_us)()
        return self._spoiled(frame) if self.rng.random() < self.spoil else self.arrive(frame)

    def packet(self, size: int | None = None) -> bytes:
        """A datagram to the endpoint."""
        payload = self.rng.randbytes(self._size() + 1 if size is None else size)
        frame = udp_frame(self._host(), self.own, payload)
        how = self.rng.randrange(6)
        if how == 0:
            everyone = replace(self.own, mac=_BROADCAST, ip=self.rng.randbytes(3) + b"\xff")
            frame = udp_frame(self._host(), everyone, payload)
        elif how == 1:
            frame = changed(frame, _TRANSPORT + 6, b"\0\0")
        return frame

    def _echo(self) -> bytes:
        return echo_frame(self._host(), self.own, self.rng.randbytes(4 + self._size()))

    def _arp(self) -> bytes:
        host = self._host()
        destination = self.rng.choice((_BROADCAST, self.own.mac))
        question = bytes.fromhex("0806 0001 0800 0604 0001")
        asked = self.rng.choice((self.own.ip, self.own.ip, self.rng.randbytes(4)))
        return destination + host.mac + question + host.mac + host.ip + self.rng.randbytes(6) + asked

    def _not_for_us(self) -> bytes:
        """One field of a good frame is another, the checksum of IPv4 is right again."""
        rng = self.rng
        frame = self._choose(self.packet, self._echo)()
        if rng.random() < 0.2:
            return rng.choice((_BROADCAST, self.own.mac, rng.randbytes(6))) + rng.randbytes(rng.randrange(8, 200))
        place, size = rng.choice((
            (0, 1), (0, 6), (12, 2), (14, 1), (_LENGTH, 2), (_LENGTH + 1, 1), (20, 2), (_PROTOCOL, 1),
            (_DESTINATION, 4), (_DESTINATION + 3, 1), (_TRANSPORT, 2), (_TRANSPORT + 2, 2), (_TRANSPORT + 5, 1),
        ))  # fmt: skip
        frame = changed(frame, place, rng.randbytes(size))
        return summed(frame) if rng.random() < 0.8 else frame

    def _spoiled(self, frame: bytes) -> Arrival:
        """Damage on the line, and what is no frame at all."""
        rng = self.rng
        whole = bytearray(PREAMBLE + SFD + with_fcs(padded(frame)))
        start = len(PREAMBLE) + len(SFD)
        how = rng.randrange(10)
        if how == 0:
            whole[rng.randrange(start, len(whole))] ^= 1 << rng.randrange(8)
        elif how == 1:
            return self.carrier(bytes(whole), rng.randrange(len(whole)))
        elif how == 2:
            del whole[rng.randrange(start, len(whole)) :]
        elif how == 3:
            whole[start:] = with_fcs(frame[: rng.randrange(60)])
        elif how == 4:
            size = rng.choice((1514, 1515, 1516, 1600, 2100))
            whole[start:] = with_fcs(frame + rng.randbytes(max(0, size - len(frame))))
        elif how == 5:
            whole = bytearray(rng.randbytes(rng.randrange(1, 100)))
        elif how == 6:
            whole = bytearray(PREAMBLE[: rng.randrange(1, 8)])
        elif how == 7:
            del whole[: rng.randrange(1, 8)]
        elif how == 8:
            whole[:0] = PREAMBLE
        else:
            spoiled = bytearray(frame)
            spoiled[rng.randrange(len(spoiled))] ^= 1 << rng.randrange(8)
            return self.arrive(bytes(spoiled))
        return self.carrier(bytes(whole))

    def _choose(self, *makers: Callable[[], bytes]) -> Callable[[], bytes]:
        return self.rng.choice(makers)

    def _size(self) -> int:
        return self.rng.choice((0, 16, 17, 18, 19, self.rng.randrange(60), self.rng.randrange(200)))

    def _host(self) -> Peer:
        return self.rng.choice(self._hosts)

    def _peer(self) -> Peer:
        mac = bytes([self.rng.randrange(0, 256, 2)]) + self.rng.randbytes(5)
        return Peer(mac, self.rng.randbytes(4), self.rng.randrange(1, 1 << 16))


def padded(frame: bytes) -> bytes:
    """As long as a frame must be."""
    return frame.ljust(60, b"\0")


def changed(frame: bytes, place: int, content: bytes) -> bytes:
    """With other bytes at a place."""
    return frame[:place] + content + frame[place + len(content) :]


def summed(frame: bytes) -> bytes:
    """With the checksum that the IPv4 header should have."""
    header = frame[14:24] + b"\0\0" + frame[26:34]
    return changed(frame, 24, internet_checksum(header).to_bytes(2, "big"))
