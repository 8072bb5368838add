"""Families of devices that the gateware is generated for."""

import enum

__all__ = ["Target"]


class Target(enum.Enum):
    """Families the gateware is generated for; passed as ``platform`` to the generator.

    ``XILINX`` is the 7 series; Virtex-6 differs from it in the cells of `hdl.cells.pads` and `hdl.cells.clocking` only.
    """

    GENERIC = "generic"
    ECP5 = "ecp5"
    XILINX = "xilinx"
    VIRTEX6 = "virtex6"
