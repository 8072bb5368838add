"""Vectors of words as values of a port."""

import random
from collections.abc import Iterable

__all__ = ["pack", "random_word", "unpack"]


def pack(values: Iterable[int], bits: int) -> int:
    """Lane 0 in the lowest bits; two's complement."""
    return sum((value & ((1 << bits) - 1)) << (bits * index) for index, value in enumerate(values))


def unpack(word: int, bits: int, count: int) -> tuple[int, ...]:
    """The inverse of `pack` for signed lanes."""
    fields = [word >> (bits * index) & ((1 << bits) - 1) for index in range(count)]
    return tuple(field - (field >> (bits - 1) << bits) for field in fields)


def random_word(rng: random.Random, bits: int = 16) -> int:
    """A signed word; its limits are as likely as all others together."""
    half = 1 << (bits - 1)
    return rng.choice((rng.randrange(-half, half), rng.choice((-half, half - 1, -1, 0, 1))))
