"""Memory and a log of commands in the place of an engine: what the packet endpoint did is read back over the link."""

from amaranth import Cat, Module, Mux, Signal, unsigned
from amaranth.lib import data, wiring
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out

from deep3.hdl.cells.bus import HostBus
from deep3.hdl.contract.config import EngineConfig
from deep3.hdl.contract.program import Space
from deep3.hdl.link.endpoint import Endpoint
from deep3.hdl.link.packet_bytes import packet_bytes
from deep3.sim.golden.link.recorder import ABORTED, COMMITTED, LOG_BASE, LOG_ENTRIES, MEMORY_WORDS, STARTED

__all__ = ["RecordedEndpoint", "Recorder"]

_MEMORY_BITS = MEMORY_WORDS.bit_length() - 1
_LOG_BITS = LOG_ENTRIES.bit_length() - 1
_LFSR_TAPS = 0x80200003
"""x^32 + x^22 + x^2 + x + 1, as in the engine."""


class Recorder(wiring.Component):
    """Keeps words and notes commands; the twin is `sim.golden.link.recorder.Recorder`.

    Every space has `MEMORY_WORDS` words, zero at first; addresses below `LOG_BASE` go round. From there on stand the
    last `LOG_ENTRIES` commands, four words each (seed, batches, kind); in the space of the counters how many there were
    and how many words were written. A run is over when as many batches are committed as it has; they finish at once.

    Words are written in three of four cycles on average, at random; one word a cycle is read, latency 1 cycle.

    Parameters
    ----------
    address_bits : int
        Of the bus.

    Members
    -------
    bus : In(HostBus(address_bits))
    """

    def __init__(self, address_bits: int) -> None:
        super().__init__({"bus": In(HostBus(address_bits))})

    def elaborate(self, platform: object) -> Module:
        m = Module()
        self._count(m)
        m.submodules.memory = memory = Memory(shape=unsigned(16), depth=8 * MEMORY_WORDS, init=[])
        m.submodules.log = log = Memory(shape=unsigned(64), depth=LOG_ENTRIES, init=[])
        commands, words = Signal(32), Signal(32)
        self._write(m, memory, words)
        self._note(m, log, commands)
        self._read(m, memory, log, Cat(commands, words))
        return m

    def _count(self, m: Module) -> None:
        bus = self.bus
        left = Signal(32)
        finished = Signal(32)
        m.d.comb += [
            bus.busy.eq(left.any()),
            finished.eq(Mux(bus.commit_batches < left, bus.commit_batches, left)),
        ]
        with m.If(bus.abort):
            m.d.sync += left.eq(0)
        with m.Elif(bus.start):
            m.d.sync += [left.eq(bus.parameters.batches), bus.batches_done.eq(0)]
        with m.Elif(bus.commit):
            m.d.sync += [left.eq(left - finished), bus.batches_done.eq(bus.batches_done + finished)]

    def _write(self, m: Module, memory: Memory, words: Signal) -> None:
        write = self.bus.write
        noise = Signal(32, init=1)
        port = memory.write_port()
        m.d.sync += noise.eq((noise >> 1) ^ Mux(noise[0], _LFSR_TAPS, 0))
        m.d.comb += [
            write.ready.eq(noise[:2].any()),
            port.addr.eq(Cat(write.payload.address[:_MEMORY_BITS], write.payload.space)),
            port.data.eq(write.payload.data),
            port.en.eq(write.valid & write.ready),
        ]
        m.d.sync += words.eq(words + port.en)

    def _note(self, m: Module, log: Memory, commands: Signal) -> None:
        bus = self.bus
        port = log.write_port()
        entry = data.StructLayout({"seed": 32, "batches": 16, "kind": 16})
        noted = Signal(entry)
        m.d.comb += noted.kind.eq(ABORTED)
        with m.If(bus.start):
            m.d.comb += [
                noted.kind.eq(STARTED),
                noted.seed.eq(bus.parameters.seed),
                noted.batches.eq(bus.parameters.batches),
            ]
        with m.Elif(bus.commit):
            m.d.comb += [noted.kind.eq(COMMITTED), noted.batches.eq(bus.commit_batches)]
        m.d.comb += [
            port.addr.eq(commands[:_LOG_BITS]),
            port.data.eq(noted),
            port.en.eq(bus.start | bus.commit | bus.abort),
        ]
        m.d.sync += commands.eq(commands + port.en)

    def _read(self, m: Module, memory: Memory, log: Memory, counts: Cat) -> None:
        read, answer = self.bus.read, self.bus.read_data
        words, entries = memory.read_port(), log.read_port()
        valid = Signal()
        asked = Signal.like(read.payload)
        step = Signal()
        m.d.comb += [
            step.eq(~valid | answer.ready),
            read.ready.eq(step),
            words.addr.eq(Cat(read.payload.address[:_MEMORY_BITS], read.payload.space)),
            words.en.eq(step),
            entries.addr.eq(read.payload.address[2:]),
            entries.en.eq(step),
            answer.valid.eq(valid),
        ]
        with m.If(step):
            m.d.sync += [valid.eq(read.valid), asked.eq(read.payload)]
        lane = asked.address[:2]
        with m.If(asked.space == Space.COUNTER):
            m.d.comb += answer.payload.eq(counts.word_select(lane, 16))
        with m.Elif(asked.address >= LOG_BASE):
            m.d.comb += answer.payload.eq(entries.data.word_select(lane, 16))
        with m.Else():
            m.d.comb += answer.payload.eq(words.data)


class RecordedEndpoint(wiring.Component):
    """The packet endpoint with a `Recorder` behind it, in the shape of `hdl.board.packets_top.Top`.

    Parameters
    ----------
    config : EngineConfig
        Whose digest and geometry the endpoint names.

    Members
    -------
    rx : In(packet_bytes()), tx : Out(packet_bytes())
    busy : Out(1)
    """

    def __init__(self, config: EngineConfig) -> None:
        self.config = config
        super().__init__({"rx": In(packet_bytes()), "tx": Out(packet_bytes()), "busy": Out(1)})

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.submodules.endpoint = endpoint = Endpoint(self.config)
        m.submodules.recorder = recorder = Recorder(self.config.encoding.address_bits)
        wiring.connect(m, endpoint.bus, recorder.bus)
        wiring.connect(m, wiring.flipped(self.rx), endpoint.rx)
        wiring.connect(m, endpoint.tx, wiring.flipped(self.tx))
        # The harness takes a run as work that goes on by itself; here it waits for packets.
        m.d.comb += self.busy.eq(0)
        return m
