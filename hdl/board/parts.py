"""What a board's gateware has to know of the board: clocks, PHY, serial port, lights."""

from dataclasses import dataclass

__all__ = ["Clock", "Ethernet", "Leds", "Uart"]


@dataclass(frozen=True)
class Clock:
    """The oscillator at the pin or pair of pins, and the frequency of ``sync`` that is made of it."""

    input_hz: int
    sync_hz: int
    differential: bool = False


@dataclass(frozen=True)
class Ethernet:
    """The PHY of a board.

    Attributes
    ----------
    phy
        Interface: ``rgmii``, ``gmii`` or ``mii``.
    line_bits_per_second, chip
        Of the PHY.
    rx_delay_ps, tx_delay_ps
        Of the pins, see `hdl.phy`.
    reference_hz
        Clock that a PHY without a crystal is given; 0: none.
    supplies_clock
        The clock of the board is the PHY's and would stop in its reset, so that it is never reset.
    """

    phy: str
    line_bits_per_second: int
    chip: str
    rx_delay_ps: int = 0
    tx_delay_ps: int = 0
    reference_hz: int = 0
    supplies_clock: bool = False


@dataclass(frozen=True)
class Uart:
    """A serial port."""

    bits_per_second: int


@dataclass(frozen=True)
class Leds:
    """Lights: the first shows the link, the second a run; and whether they light when low."""

    count: int
    inverted: bool
