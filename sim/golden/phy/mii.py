"""Pins of an MII PHY as bytes."""

from .phy_bytes import Received

__all__ = ["MiiReceive"]


class MiiReceive:
    """Half bytes to bytes; the delimiter says where a byte begins. Twin of `hdl.phy.mii.Mii`."""

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
