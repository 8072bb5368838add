"""Bytes on a wire as its level in every clock cycle: twin of `hdl.link.uart`."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

__all__ = ["LineByte", "levels", "receive"]

DATA_BITS = 8


class LineByte(NamedTuple):
    """What a wire brought: a byte, or with ``broken`` something that is none."""

    data: int
    broken: bool


def levels(byte: int, cycles_a_bit: int) -> list[int]:
    """The wire's level in each cycle of a byte: start bit, data bits (lowest first), stop bit."""
    bits = [0, *(byte >> number & 1 for number in range(DATA_BITS)), 1]
    return [bit for bit in bits for _ in range(cycles_a_bit)]


def receive(wire: Sequence[int], cycles_a_bit: int) -> Iterator[LineByte]:
    """What a receiver makes of the wire's levels, one a cycle; a byte that has not ended by their end is left out."""
    position = 0
    while (edge := _find(wire, 0, position)) is not None:
        middle = edge + cycles_a_bit // 2
        stop = middle + (DATA_BITS + 1) * cycles_a_bit
        if middle < len(wire) and wire[middle]:
            position = middle + 1
            continue
        if stop >= len(wire):
            return
        data = sum(wire[middle + (number + 1) * cycles_a_bit] << number for number in range(DATA_BITS))
        yield LineByte(data, not wire[stop])
        position = stop + 1
        if not wire[stop]:
            high = _find(wire, 1, position)
            if high is None:
                return
            position = high + 1


def _find(wire: Sequence[int], level: int, start: int) -> int | None:
    return next((position for position in range(start, len(wire)) if wire[position] == level), None)
