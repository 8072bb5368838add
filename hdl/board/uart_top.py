"""A whole board on a serial port: two pins, packet endpoint, engine."""

from amaranth import Module
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from deep3.hdl.contract.config import EngineConfig
from deep3.hdl.link.uart import UartLink

from .packets_top import Top

__all__ = ["UartTop"]


class UartTop(wiring.Component):
    """`hdl.board.packets_top.Top` behind a `hdl.link.uart.UartLink`, one clock domain ``sync``.

    Parameters
    ----------
    config : EngineConfig
    cycles_a_bit : int
        Of the serial port, see `hdl.link.uart.UartLink`.

    Members
    -------
    rx : In(1), tx : Out(1)
        The serial port, high when idle.
    busy : Out(1)
        A run is on.
    """

    def __init__(self, config: EngineConfig, cycles_a_bit: int) -> None:
        self.config = config
        self.cycles_a_bit = cycles_a_bit
        super().__init__({"rx": In(1), "tx": Out(1), "busy": Out(1)})

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.submodules.link = link = UartLink(self.cycles_a_bit)
        m.submodules.top = top = Top(self.config)
        wiring.connect(m, link.packets_in, top.rx)
        wiring.connect(m, top.tx, link.packets_out)
        m.d.comb += [link.rx.eq(self.rx), self.tx.eq(link.tx), self.busy.eq(top.busy)]
        return m
