"""Packets of the endpoint as UDP over IPv4 over Ethernet, with ARP and ping (docs/network.md)."""

from amaranth import Cat, Const, Module, Mux
from amaranth.lib import data, wiring
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out

from deep3.hdl.cells.pipeline import elastic
from deep3.hdl.contract.station import Station
from deep3.hdl.link.packet_bytes import packet_bytes
from deep3.hdl.link.receive import SLOTS

from .compose import Compose
from .dispatch import Dispatch
from .frame_judge import FrameJudge
from .frame_ring import FrameRing
from .frame_store import FrameStore
from .mac_receive import MacReceive, fault_layout
from .mac_transmit import MacTransmit
from .peer import peer_layout
from .phy_bytes import PhyReceive, PhyTransmit

__all__ = ["EthernetLink", "dropped_layout"]


def dropped_layout() -> data.StructLayout:
    """Frames that were dropped: `fault_layout`, ``room`` (good, but more than could be kept), ``underrun`` (broken off
    while it was sent)."""
    faults = {name: field.shape for name, field in fault_layout()}
    return data.StructLayout({**faults, "room": 1, "underrun": 1})


class EthernetLink(wiring.Component):
    """The network stack of a board: PHY bytes on one side, packets on the other.

    Answers ARP requests and pings by itself. Answers of the endpoint go to the MAC, IP address and port from which came
    what they answer. Both directions keep the line full: 1472 bytes of UDP payload in 1538 byte times.

    Parameters
    ----------
    mac, ip : str
    port : int
        The board's addresses, as in `Station`.

    Members
    -------
    phy_rx : In(PhyReceive()), phy_tx : Out(PhyTransmit())
        Domains ``eth_rx`` and ``eth_tx``; everything else is in ``sync``, whose clock gives at least as many bytes a
        second.
    rx : Out(packet_bytes()), rx_slot : In(range(SLOTS))
    tx : In(packet_bytes()), tx_slot : In(range(SLOTS))
        As of `hdl.link.endpoint.Endpoint`.
    dropped : Out(dropped_layout())
        One of them is high for one cycle for each frame dropped.

    Raises
    ------
    ValueError
        When ``mac``, ``ip`` or ``port`` is not the address of a single station.
    """

    def __init__(self, mac: str, ip: str, port: int) -> None:
        self.station = Station(mac, ip, port)
        super().__init__({
            "phy_rx": In(PhyReceive()),
            "phy_tx": Out(PhyTransmit()),
            "rx": Out(packet_bytes()),
            "rx_slot": In(range(SLOTS)),
            "tx": In(packet_bytes()),
            "tx_slot": In(range(SLOTS)),
            "dropped": Out(dropped_layout()),
        })

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.submodules.mac_receive = mac_receive = MacReceive()
        m.submodules.judge = judge = FrameJudge(self.station)
        m.submodules.ring = ring = FrameRing()
        m.submodules.dispatch = dispatch = Dispatch()
        m.submodules.compose = compose = Compose(self.station)
        m.submodules.store = store = FrameStore()
        m.submodules.mac_transmit = mac_transmit = MacTransmit()
        wiring.connect(m, wiring.flipped(self.phy_rx), mac_receive.phy)
        wiring.connect(m, mac_receive.bytes, judge.bytes)
        wiring.connect(m, judge.frame, ring.frame)
        wiring.connect(m, ring.frames, dispatch.frames)
        wiring.connect(m, dispatch.rx, wiring.flipped(self.rx))
        wiring.connect(m, wiring.flipped(self.tx), compose.tx)
        elastic(m, "question_elastic", dispatch.questions, compose.questions)
        wiring.connect(m, store.frame, mac_transmit.frame)
        wiring.connect(m, mac_transmit.phy, wiring.flipped(self.phy_tx))
        m.d.comb += [
            ring.commit.eq(judge.commit),
            ring.discard.eq(judge.discard),
            store.address.eq(compose.address),
            store.word.eq(compose.word),
            store.write.eq(compose.write),
            store.committed.eq(compose.committed),
            compose.freed.eq(store.freed),
            self.dropped.eq(Cat(mac_receive.dropped, ring.dropped, mac_transmit.underrun)),
        ]

        # One entry a slot, and one more for questions: the next is not noted before the last has its answer.
        m.submodules.peers = peers = Memory(
            shape=peer_layout(), depth=SLOTS + 1, init=[], attrs={"ram_style": "distributed"}
        )
        note, look_up = peers.write_port(), peers.read_port()
        questions = Const(SLOTS, range(SLOTS + 1))
        m.d.comb += [
            note.addr.eq(Mux(dispatch.is_packet, self.rx_slot, questions)),
            note.data.eq(dispatch.peer),
            note.en.eq(dispatch.note),
            look_up.addr.eq(Mux(compose.from_packets, self.tx_slot, questions)),
            look_up.en.eq(compose.begin),
            compose.peer.eq(look_up.data),
        ]
        return m
