"""The board's end of the link: packets in, packets out, host bus to the engine (docs/link.md)."""

from amaranth import Module
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from deep3.hdl.cells.bus import HostBus
from deep3.hdl.cells.pipeline import elastic
from deep3.hdl.contract.config import EngineConfig

from .packet_bytes import packet_bytes
from .receive import SLOTS, PacketBuffer
from .session import Session
from .transmit import Transmitter

__all__ = ["Endpoint"]


class Endpoint(wiring.Component):
    """Packet buffer, session and transmitter; the twin is `sim.golden.link.endpoint.Endpoint`.

    One byte a cycle each way. Packets are acted upon whole, checked and in the order of their arrival; one reply is
    sent at a time, and the next packet waits for it. While replies or the host bus stall, up to `PACKET_BUFFERS`
    packets are taken, then ``rx`` waits. A packet that breaks off does no harm: the next ``first`` starts afresh.

    Parameters
    ----------
    config : EngineConfig
        Its digest and geometry go into WELCOME, its sizes tell which addresses exist.

    Members
    -------
    rx : In(packet_bytes()), tx : Out(packet_bytes())
    rx_slot : Out(range(SLOTS))
        Number of the packet at ``rx``, from 8 cycles after the last byte of the one before.
    tx_slot : Out(range(SLOTS))
        With the first byte of an answer at ``tx``: number of the packet that it answers. A medium that has many
        correspondents keeps the address of each number; it may forget it when the number comes again.
    bus : Out(HostBus(address_bits))
    """

    def __init__(self, config: EngineConfig) -> None:
        self.config = config
        super().__init__({
            "rx": In(packet_bytes()),
            "tx": Out(packet_bytes()),
            "rx_slot": Out(range(SLOTS)),
            "tx_slot": Out(range(SLOTS)),
            "bus": Out(HostBus(config.encoding.address_bits)),
        })

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.submodules.buffer = buffer = PacketBuffer()
        m.submodules.session = session = Session(self.config)
        m.submodules.transmitter = transmitter = Transmitter(self.config)
        wiring.connect(m, wiring.flipped(self.rx), buffer.rx)
        wiring.connect(m, buffer.words, session.words)
        wiring.connect(m, transmitter.read, wiring.flipped(self.bus.read))
        # The engine lies on the other side of the device. Words that wait here are stored before a later packet acts:
        # only drains keep them waiting, and no run and no batch begins while there are any.
        elastic(m, "write_elastic", session.write, self.bus.write)
        elastic(m, "read_data_elastic", self.bus.read_data, transmitter.read_data)
        elastic(m, "tx_elastic", transmitter.tx, self.tx)
        m.d.comb += [
            buffer.release.eq(session.release),
            session.free.eq(buffer.free),
            session.words_slot.eq(buffer.words_slot),
            self.rx_slot.eq(buffer.rx_slot),
            self.tx_slot.eq(session.slot),
            session.dropped_crc.eq(buffer.dropped_crc),
            session.dropped_malformed.eq(buffer.dropped_malformed),
            transmitter.request.eq(session.request),
            transmitter.reply.eq(session.reply),
            session.done.eq(transmitter.done),
            self.bus.start.eq(session.start),
            self.bus.parameters.eq(session.parameters),
            self.bus.commit.eq(session.commit),
            self.bus.commit_batches.eq(session.commit_batches),
            self.bus.abort.eq(session.abort),
            session.busy.eq(self.bus.busy),
            session.batches_done.eq(self.bus.batches_done),
        ]
        return m
