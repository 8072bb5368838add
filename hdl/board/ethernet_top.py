"""A whole board with a network: PHY bytes in, PHY bytes out, an engine behind them."""

from amaranth import Module
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from deep3.hdl.contract.config import EngineConfig
from deep3.hdl.contract.station import Station
from deep3.hdl.engine.engine import Engine
from deep3.hdl.link.endpoint import Endpoint
from deep3.hdl.link.ethernet.ethernet_link import EthernetLink, dropped_layout
from deep3.hdl.link.ethernet.phy_bytes import PhyReceive, PhyTransmit

__all__ = ["EthernetTop"]


class EthernetTop(wiring.Component):
    """Network stack, packet endpoint and engine.

    Domains: ``sync`` for all of it, ``eth_rx`` and ``eth_tx`` for PHY bytes (docs/network.md).

    Parameters
    ----------
    config : EngineConfig
    mac, ip : str
    port : int
        The board's addresses, as of `hdl.link.ethernet.ethernet_link.EthernetLink`.

    Members
    -------
    phy_rx : In(PhyReceive()), phy_tx : Out(PhyTransmit())
    dropped : Out(dropped_layout())
        One of them is high for one cycle for each frame dropped.
    busy : Out(1)
        A run is on.

    Raises
    ------
    ValueError
        When ``mac``, ``ip`` or ``port`` is not the address of a single station.
    """

    def __init__(self, config: EngineConfig, mac: str, ip: str, port: int) -> None:
        self.config = config
        self.station = Station(mac, ip, port)
        super().__init__({
            "phy_rx": In(PhyReceive()),
            "phy_tx": Out(PhyTransmit()),
            "dropped": Out(dropped_layout()),
            "busy": Out(1),
        })

    def elaborate(self, platform: object) -> Module:
        m = Module()
        station = self.station
        m.submodules.link = link = EthernetLink(station.mac, station.ip, station.port)
        m.submodules.endpoint = endpoint = Endpoint(self.config)
        m.submodules.engine = engine = Engine(self.config)
        wiring.connect(m, wiring.flipped(self.phy_rx), link.phy_rx)
        wiring.connect(m, link.phy_tx, wiring.flipped(self.phy_tx))
        wiring.connect(m, link.rx, endpoint.rx)
        wiring.connect(m, endpoint.tx, link.tx)
        wiring.connect(m, endpoint.bus, engine.bus)
        m.d.comb += [
            link.rx_slot.eq(endpoint.rx_slot),
            link.tx_slot.eq(endpoint.tx_slot),
            self.dropped.eq(link.dropped),
            self.busy.eq(engine.bus.busy),
        ]
        return m
