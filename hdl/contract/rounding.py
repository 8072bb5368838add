"""The LFSR behind the random words of the stochastic rounding.

The LFSR is a 32-bit Galois LFSR, polynomial x^32 + x^22 + x^2 + x + 1, shifting right. It advances by
`LFSR_STEPS_A_VECTOR` steps at once: a step is linear over GF(2), so each bit of the state after the leap is the XOR of
a fixed set of bits before it.
"""

from functools import cache

__all__ = [
    "LFSR_BITS", "LFSR_MASK", "LFSR_STEPS_A_VECTOR", "group_seed", "lfsr_advance", "lfsr_leap_masks", "seed_offset",
]  # fmt: skip

LFSR_BITS = 32
LFSR_MASK = 0x80200003
LFSR_STEPS_A_VECTOR = 16

_SEED_STRIDE = 0x9E3779B9
"""2^32 over the golden ratio: sets the states of neighbouring groups far apart."""


def seed_offset(group: int) -> int:
    """What a seed is XORed with for column group ``group``."""
    return group * _SEED_STRIDE & 0xFFFFFFFF


def group_seed(seed: int, group: int) -> int:
    """The LFSR state of column group ``group`` after START with ``seed``; never 0, which an LFSR cannot leave."""
    return (seed ^ seed_offset(group)) or 1


def lfsr_advance(state: int, steps: int) -> int:
    """The LFSR state ``steps`` steps after ``state``."""
    for _ in range(steps):
        state = (state >> 1) ^ (LFSR_MASK if state & 1 else 0)
    return state


@cache
def lfsr_leap_masks() -> tuple[int, ...]:
    """For each bit of the state after one leap, the mask of the bits before it whose XOR it is."""
    images = [lfsr_advance(1 << bit, LFSR_STEPS_A_VECTOR) for bit in range(LFSR_BITS)]
    return tuple(
        sum((image >> target & 1) << source for source, image in enumerate(images)) for target in range(LFSR_BITS)
    )
