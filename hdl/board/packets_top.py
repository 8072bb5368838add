"""A whole board without its medium: packets in, packets out, an engine behind them."""

from amaranth import Module
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from deep3.hdl.contract.config import EngineConfig
from deep3.hdl.engine.engine import Engine
from deep3.hdl.link.endpoint import Endpoint
from deep3.hdl.link.packet_bytes import packet_bytes

__all__ = ["Top"]


class Top(wiring.Component):
    """Packet endpoint and engine, one clock domain ``sync``.

    Throughput: one byte a cycle each way (docs/link.md); at 125 MHz that is a gigabit Ethernet line.

    Parameters
    ----------
    config : EngineConfig

    Members
    -------
    rx : In(packet_bytes())
        Packets from the host.
    tx : Out(packet_bytes())
        Packets to the host.
    busy : Out(1)
        A run is on.
    """

    def __init__(self, config: EngineConfig) -> None:
        self.config = config
        super().__init__({"rx": In(packet_bytes()), "tx": Out(packet_bytes()), "busy": Out(1)})

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.submodules.endpoint = endpoint = Endpoint(self.config)
        m.submodules.engine = engine = Engine(self.config)
        wiring.connect(m, endpoint.bus, engine.bus)
        wiring.connect(m, wiring.flipped(self.rx), endpoint.rx)
        wiring.connect(m, endpoint.tx, wiring.flipped(self.tx))
        m.d.comb += self.busy.eq(engine.bus.busy)
        return m
