"""Pins of a GMII PHY as bytes."""

from collections.abc import Iterable

from .phy_bytes import Received

__all__ = ["gmii_receive"]


def gmii_receive(pins: Iterable[tuple[int, int, int]]) -> list[Received]:
    """From pins (valid, error, data) of each cycle; twin of `hdl.phy.gmii.Gmii`."""
    return [Received(1, valid, error & valid, data) for valid, error, data in pins]
