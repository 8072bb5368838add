"""Pins of an RGMII PHY as bytes."""

from collections.abc import Iterable

from .phy_bytes import Received

__all__ = ["rgmii_receive"]


def rgmii_receive(pins: Iterable[tuple[int, int]]) -> list[Received]:
    """From pins at the rising and the falling edge of each cycle, ``data`` in bits 3:0 and ``ctl`` in bit 4; twin of
    `hdl.phy.rgmii.Rgmii`."""
    return [
        Received(1, rise >> 4, rise >> 4 & ~(fall >> 4) & 1, (fall & 15) << 4 | rise & 15) for rise, fall in pins
    ]  # fmt: skip
