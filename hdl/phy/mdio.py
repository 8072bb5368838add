"""Status of an Ethernet PHY over its management wires (IEEE 802.3, clause 22.2.4 and 40.5)."""

from enum import IntEnum

from amaranth import Array, Cat, Const, Module, Signal
from amaranth.lib import wiring
from amaranth.lib.cdc import FFSynchronizer
from amaranth.lib.wiring import In, Out

__all__ = ["Mdio", "Speed", "mdc_half_cycles"]

MDC_HZ = 2_500_000
"""Fastest clock that every PHY takes."""

FRAME_BITS = 64
ANSWER_BIT = 47
"""Second bit of the turn-around: a PHY that answers pulls it low."""

REGISTERS = (1, 5, 10)
"""Basic status, abilities of the partner up to 100 Mb/s, status of 1000BASE-T."""


class Speed(IntEnum):
    """Fastest mode that both ends of the cable know."""

    MBPS_10 = 0
    MBPS_100 = 1
    MBPS_1000 = 2


def mdc_half_cycles(clock_hz: int) -> int:
    """Cycles of half a period of the management clock.

    Raises
    ------
    TypeError, ValueError
        For a clock that is not an integer of at least 10 MHz: the answer passes a synchronizer.
    """
    if type(clock_hz) is not int:
        raise TypeError(f"clock_hz must be an integer, not {clock_hz!r}")
    if clock_hz < 4 * MDC_HZ:
        raise ValueError(f"clock_hz must be at least {4 * MDC_HZ}, not {clock_hz!r}")
    return -(-clock_hz // (2 * MDC_HZ))


class Mdio(wiring.Component):
    """Reads link and speed of the first PHY that answers, over and over; the twin is `sim.golden.phy.mdio.MdioStatus`.

    Domain ``sync``. A register takes 64 periods of ``mdc``, three registers make a status; while nobody answers, one
    address a frame is tried. The PHY is assumed to offer all its speeds.

    Parameters
    ----------
    clock_hz
        Of ``sync``, at least 10 MHz.

    Members
    -------
    mdc : Out(1)
        Clock of the wire, at most 2.5 MHz.
    o : Out(1), oe : Out(1), i : In(1)
        The wire, to be pulled up.
    link : Out(1), speed : Out(2)
        Of the last reading; `Speed` counts where ``link`` is high.

    Raises
    ------
    TypeError, ValueError
        For a clock below 10 MHz.
    """

    def __init__(self, clock_hz: int) -> None:
        self.half_cycles = mdc_half_cycles(clock_hz)
        super().__init__({
            "mdc": Out(1), "o": Out(1), "oe": Out(1), "i": In(1), "link": Out(1), "speed": Out(2),
        })  # fmt: skip

    def elaborate(self, platform: object) -> Module:
        m = Module()
        wire = Signal()
        m.submodules += FFSynchronizer(self.i, wire, init=1)
        ticks = Signal(range(self.half_cycles))
        tick = Signal()
        bit = Signal(range(FRAME_BITS))
        address = Signal(5)
        which = Signal(range(len(REGISTERS)))
        head = Signal(14, init=0x3FFF)
        driving = Signal(init=1)
        answered = Signal()
        word = Signal(16, reset_less=True)
        m.d.sync += [ticks.eq(ticks + 1), tick.eq(ticks == self.half_cycles - 1)]
        with m.If(tick):
            m.d.sync += [ticks.eq(0), self.mdc.eq(~self.mdc)]
        with m.If(tick & self.mdc):
            # The falling edge: next bit.
            m.d.sync += [
                bit.eq(bit + 1),
                head.eq(Cat(Const(1, 1), head)),
                driving.eq(bit + 1 < ANSWER_BIT - 1),
            ]
            with m.If(bit == ANSWER_BIT - 16):
                registers = Array(Const(number, 5) for number in REGISTERS)
                # Start 01, read 10, address, register; the most significant bit leaves first.
                m.d.sync += head.eq(Cat(registers[which], address, Const(0b0110, 4)))
            with m.If(bit == FRAME_BITS - 1):
                m.d.sync += [bit.eq(0), driving.eq(1)]
                self._finish(m, answered, word, address, which)
        with m.If(tick & ~self.mdc):
            # The rising edge: the PHY's bit has been there since the one before.
            m.d.sync += word.eq(Cat(wire, word))
            with m.If(bit == ANSWER_BIT):
                m.d.sync += answered.eq(~wire)
        m.d.comb += [self.o.eq(head[-1]), self.oe.eq(driving)]
        return m

    def _finish(self, m: Module, answered: Signal, word: Signal, address: Signal, which: Signal) -> None:
        link = Signal()
        partner_100 = Signal()
        with m.If(~answered):
            m.d.sync += [address.eq(address + 1), which.eq(0), self.link.eq(0)]
        with m.Elif(which == 0):
            m.d.sync += [which.eq(1), link.eq(word[2])]
        with m.Elif(which == 1):
            m.d.sync += [which.eq(2), partner_100.eq(word[7:9].any())]
        with m.Else():
            m.d.sync += [which.eq(0), self.link.eq(link), self.speed.eq(partner_100)]
            with m.If(word[10:12].any()):
                m.d.sync += self.speed.eq(Speed.MBPS_1000)
