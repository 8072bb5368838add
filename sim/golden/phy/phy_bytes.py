"""What a PHY adapter says of a byte time."""

from typing import NamedTuple

__all__ = ["Received"]


class Received(NamedTuple):
    """One cycle of `hdl.link.ethernet.phy_bytes.PhyReceive`."""

    enable: int
    valid: int
    error: int
    data: int
