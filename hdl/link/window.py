"""Receive window of the sequenced packets: what was accepted, what may be, what is expected next."""

from amaranth import Module, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from deep3.hdl.contract.protocol import WINDOW

__all__ = ["ReceiveWindow"]


class ReceiveWindow(wiring.Component):
    """Next expected sequence number and a bitmap of the ``WINDOW - 1`` after it.

    The verdict on ``sequence`` stands 2 cycles after ``sequence`` does. An accepted packet is marked at its distance
    from ``next``; then the window moves one number a cycle past all that was accepted, each number once.

    Members
    -------
    sequence : In(32)
    fresh : Out(1)
        ``sequence`` lies in the window and was not accepted before.
    in_order : Out(1)
        ``sequence`` is the next expected one.
    accept : In(1)
        High for one cycle: mark ``sequence``, whose verdict was fresh.
    clear : In(1)
        High for one cycle: nothing accepted, 0 expected next.
    settled : Out(1)
        The window does not move; `next` and `bitmap` stand. Valid from the cycle after ``accept``.
    next : Out(32)
    bitmap : Out(WINDOW)
        Bit i: ``next + 1 + i`` was accepted; the last bit is always 0.
    """

    def __init__(self) -> None:
        super().__init__({
            "sequence": In(32),
            "fresh": Out(1),
            "in_order": Out(1),
            "accept": In(1),
            "clear": In(1),
            "settled": Out(1),
            "next": Out(32),
            "bitmap": Out(WINDOW),
        })

    def elaborate(self, platform: object) -> Module:
        m = Module()
        distance_bits = WINDOW.bit_length() - 1
        accepted = Signal(WINDOW)
        distance = Signal(32, reset_less=True)
        near = distance[:distance_bits]
        far = distance[distance_bits:].any()
        m.d.sync += [
            distance.eq(self.sequence - self.next),
            self.fresh.eq(~far & ~accepted.bit_select(near, 1)),
            self.in_order.eq(~distance.any()),
        ]
        with m.If(self.clear):
            m.d.sync += [accepted.eq(0), self.next.eq(0)]
        with m.Elif(self.accept):
            m.d.sync += accepted.bit_select(near, 1).eq(1)
        with m.Elif(accepted[0]):
            m.d.sync += [accepted.eq(accepted >> 1), self.next.eq(self.next + 1)]
        m.d.comb += [self.settled.eq(~accepted[0]), self.bitmap.eq(accepted >> 1)]
        return m
