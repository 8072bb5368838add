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
    """Interface (``rgmii``, ``gmii`` or ``mii``) and chip of the PHY, delays at its pins in picoseconds (`hdl.phy`),
    and, for a PHY without a crystal, the clock that it is given; 0: none."""

    phy: str
    line_bits_per_second: int
    chip: str
    rx_delay_ps: int = 0
    tx_delay_ps: int = 0
    reference_hz: int = 0


@dataclass(frozen=True)
class Uart:
    """A serial port."""

    bits_per_second: int


@dataclass(frozen=True)
class Leds:
    """Lights: the first shows the link, the second a run; and whether they light when low."""

    count: int
    inverted: bool
