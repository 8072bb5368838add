"""Twins of the PHY adapters: what pins say, in bytes, and back."""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

__all__ = ["MdioStatus", "MiiReceive", "Received", "gmii_receive", "mii_transmit", "rgmii_receive", "rgmii_transmit"]


class Received(NamedTuple):
    """One cycle of `hdl.link.ethernet.phy_bytes.PhyReceive`."""

    enable: int
    valid: int
    error: int
    data: int


def rgmii_receive(pins: Iterable[tuple[int, int]]) -> list[Received]:
    """Pins at the rising and the falling edge of each cycle (``data`` in bits 3:0, ``ctl`` in bit 4)."""
    return [
        Received(1, rise >> 4, rise >> 4 & ~(fall >> 4) & 1, (fall & 15) << 4 | rise & 15) for rise, fall in pins
    ]  # fmt: skip


def rgmii_transmit(symbols: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    """Pins while the clock is high and low, from (valid, data)."""
    return [(valid << 4 | data & 15, valid << 4 | data >> 4) for valid, data in symbols]


def gmii_receive(pins: Iterable[tuple[int, int, int]]) -> list[Received]:
    """Pins (valid, error, data) of each cycle."""
    return [Received(1, valid, error & valid, data) for valid, error, data in pins]


def mii_transmit(symbols: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    """Pins (valid, data) of two cycles for each byte."""
    return [(valid, half) for valid, data in symbols for half in (data & 15, data >> 4)]


class MiiReceive:
    """Half bytes to bytes; the delimiter says where a byte begins."""

    def __init__(self) -> None:
        self._low = 0
        self._low_error = 0
        self._have_low = False
        self._started = False

    def step(self, valid: int, error: int, half: int) -> Received:
        """One cycle of the pins."""
        delimiter = not self._started and half == 0xD
        enable = not valid or self._have_low or delimiter
        broken = valid & (error | self._low_error)
        received = Received(int(enable), valid, broken, half << 4 | self._low)
        self._have_low = bool(valid) and not self._have_low and not delimiter
        self._started = bool(valid) and (self._started or delimiter)
        self._low, self._low_error = half, error
        return received


class MdioStatus:
    """Which register of which address is read next, and what the answers make of link and speed."""

    REGISTERS = (1, 5, 10)

    def __init__(self) -> None:
        self.address = 0
        self.link = 0
        self.speed = 0
        self._words: list[int] = []

    @property
    def register(self) -> int:
        """The register to be read next."""
        return self.REGISTERS[len(self._words)]

    def answer(self, word: int | None) -> None:
        """The register's word, or None when nobody answered."""
        if word is None:
            self.address = (self.address + 1) % 32
            self.link = 0
            self._words = []
            return
        self._words.append(word)
        if len(self._words) == len(self.REGISTERS):
            status, partner, gigabit = self._words
            self.link = status >> 2 & 1
            self.speed = 2 if gigabit >> 10 & 3 else int(bool(partner >> 7 & 3))
            self._words = []

    def request_bits(self) -> Iterator[int]:
        """The 46 bits that the station drives (IEEE 802.3, clause 22.2.4.5), first one first."""
        yield from [1] * 32
        head = 0b0110 << 10 | self.address << 5 | self.register
        yield from (head >> shift & 1 for shift in reversed(range(14)))
