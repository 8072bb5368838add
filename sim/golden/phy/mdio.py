"""The management wires of a PHY."""

from collections.abc import Iterator

__all__ = ["MdioStatus"]


class MdioStatus:
    """Which register of which address is read next, and what the answers make of link and speed: twin of
    `hdl.phy.mdio.Mdio`."""

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
