"""Damage to bytes: of one bit, of pieces, of numbers in text, and of packets whose checksum stays right."""

import random
import re
import zlib
from collections.abc import Sequence

from deep3.hdl.contract.protocol import CRC, CRC_BYTES, HEADER_BYTES, OVERHEAD_BYTES

__all__ = ["damage", "damage_packet"]

NUMBERS = (b"0", b"-1", b"1", b"2", b"255", b"65536", b"4294967295", b"99999999999999999999", b"1e400", b"nan", b"-inf")
INTERESTING = (0, 1, 0x7F, 0x80, 0xFF)
LONGEST = 1 << 16


def damage(rng: random.Random, seeds: Sequence[bytes]) -> bytes:
    """One of the seeds, damaged some times over; sometimes only noise."""
    if rng.random() < 0.05:
        return rng.randbytes(rng.randrange(80))
    data = bytearray(rng.choice(seeds))
    for _ in range(rng.choice((1, 1, 1, 2, 3, 8))):
        _step(rng, data, seeds)
    return bytes(data[:LONGEST])


def damage_packet(rng: random.Random, seeds: Sequence[bytes]) -> bytes:
    """As `damage`, but mostly with a right length field and checksum, so that more than these is looked at."""
    data = bytearray(damage(rng, seeds))
    if len(data) < OVERHEAD_BYTES or rng.random() < 0.3:
        return bytes(data)
    body = data[:-CRC_BYTES]
    if rng.random() < 0.7:
        body[2:4] = ((len(body) - HEADER_BYTES) & 0xFFFF).to_bytes(2, "little")
    return bytes(body + CRC.pack(zlib.crc32(body)))


def _step(rng: random.Random, data: bytearray, seeds: Sequence[bytes]) -> None:
    place = rng.randrange(len(data) + 1)
    end = min(len(data), place + rng.choice((1, 1, 2, 4, 16, 300)))
    choice = rng.randrange(9)
    if choice <= 1 and place < len(data):
        data[place] ^= 1 << rng.randrange(8)
    elif choice == 2 and place < len(data):
        data[place] = rng.choice(INTERESTING)
    elif choice == 3:
        del data[place:end]
    elif choice == 4:
        data[place:place] = rng.randbytes(rng.choice((1, 2, 4, 30)))
    elif choice == 5:
        data[place:place] = data[place:end] * rng.choice((1, 2, 50))
    elif choice == 6:
        del data[place:]
    elif choice == 7:
        other = rng.choice(seeds)
        data[place:] = other[rng.randrange(len(other) + 1) :]
    else:
        numbers = list(re.finditer(rb"[0-9]+", data[:2000]))
        if numbers:
            found = rng.choice(numbers)
            data[found.start() : found.end()] = rng.choice(NUMBERS)
