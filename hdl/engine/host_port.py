"""The host's door: routes bus words to the operand memories, and keeps the label and program memories."""

from amaranth import Module, Mux, Signal, unsigned
from amaranth.lib import stream, wiring
from amaranth.lib.fifo import SyncFIFOBuffered
from amaranth.lib.memory import Memory as BlockMemory
from amaranth.lib.wiring import In, Out

from deep3.hdl.cells.bus import read_layout, write_layout
from deep3.hdl.cells.pipeline import NO_COLLISION_LOGIC, delay
from deep3.hdl.contract.config import EngineConfig
from deep3.hdl.contract.geometry import READS_IN_FLIGHT
from deep3.hdl.contract.program import Space
from deep3.hdl.contract.timing import COUNTER_READ_CYCLES, STORE_READ_CYCLES

from .store import host_word_layout

__all__ = ["HostPort"]

_MEMORY_READ_CYCLES = 2
"""Labels and program: the memory, and a register."""


class HostPort(wiring.Component):
    """Spaces of the host bus.

    Addresses beyond the end of a space go anywhere in it or nowhere; the host knows the sizes.

    Parameters
    ----------
    config : EngineConfig

    Members
    -------
    write, read, read_data : streams
        As in `HostBus`, one word a cycle. A word is read `STORE_READ_CYCLES` + 2 cycles after it was asked for.
    store_write : Out(stream of host_word_layout())
    store_memory : Out(2), store_address : Out(address_bits), store_data : In(16)
        Host side of `OperandStore`.
    busy : In(1)
        A run is on: the engine has the label and program memories.
    program_address : In, program_word : Out(16)
        Program memory for the sequencer, latency 2 cycles.
    label_address : In, label : Out(16)
        Label memory for the loss unit, latency 2 cycles.
    class_valid : In(1), class_address : In, class_index : In(16)
        Class found by the loss unit, stored at once.
    counter_address : Out, counter_word : In(16)
        Counters, latency `COUNTER_READ_CYCLES`.
    """

    def __init__(self, config: EngineConfig) -> None:
        self.config = config
        address_bits = config.encoding.address_bits
        self.program_words = config.max_instructions * config.encoding.words
        super().__init__({
            "write": In(stream.Signature(write_layout(address_bits))),
            "read": In(stream.Signature(read_layout(address_bits))),
            "read_data": Out(stream.Signature(unsigned(16))),
            "store_write": Out(stream.Signature(host_word_layout(config.encoding))),
            "store_memory": Out(2), "store_address": Out(address_bits), "store_data": In(16),
            "busy": In(1),
            "program_address": In(range(self.program_words)), "program_word": Out(16),
            "label_address": In(range(config.label_words)), "label": Out(16),
            "class_valid": In(1), "class_address": In(range(config.label_words)), "class_index": In(16),
            "counter_address": Out(address_bits), "counter_word": In(16),
        })  # fmt: skip

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.submodules.labels = labels = BlockMemory(
            shape=16, depth=self.config.label_words, init=[], attrs=NO_COLLISION_LOGIC
        )
        m.submodules.program = program = BlockMemory(
            shape=16, depth=self.program_words, init=[], attrs=NO_COLLISION_LOGIC
        )
        self._write(m, labels, program)
        self._read(m, labels, program)
        return m

    def _write(self, m: Module, labels: BlockMemory, program: BlockMemory) -> None:
        word = self.write.payload
        store_label = labels.write_port()
        store_program = program.write_port()
        m.d.comb += [
            self.store_write.payload.memory.eq(word.space),
            self.store_write.payload.address.eq(word.address),
            self.store_write.payload.word.eq(word.data),
            store_program.addr.eq(word.address),
            store_program.data.eq(word.data),
            store_label.addr.eq(Mux(self.class_valid, self.class_address, word.address)),
            store_label.data.eq(Mux(self.class_valid, self.class_index, word.data)),
            store_label.en.eq(self.class_valid),
            self.write.ready.eq(1),
        ]
        with m.Switch(word.space):
            with m.Case(Space.ACTIVATION, Space.WEIGHT, Space.ERROR):
                m.d.comb += [
                    self.store_write.valid.eq(self.write.valid),
                    self.write.ready.eq(self.store_write.ready),
                ]
            with m.Case(Space.LABEL):
                m.d.comb += self.write.ready.eq(~self.class_valid)
                with m.If(self.write.valid):
                    m.d.comb += store_label.en.eq(1)
            with m.Case(Space.PROGRAM):
                m.d.comb += store_program.en.eq(self.write.valid)

    def _read(self, m: Module, labels: BlockMemory, program: BlockMemory) -> None:
        m.submodules.words = words = SyncFIFOBuffered(width=16, depth=READS_IN_FLIGHT)
        room = Signal(range(READS_IN_FLIGHT + 1), init=READS_IN_FLIGHT)
        asked = Signal()
        taken = Signal()
        m.d.comb += [
            self.read.ready.eq(room != 0),
            asked.eq(self.read.valid & self.read.ready),
            self.read_data.payload.eq(words.r_data),
            self.read_data.valid.eq(words.r_rdy),
            taken.eq(self.read_data.valid & self.read_data.ready),
            words.r_en.eq(taken),
        ]
        m.d.sync += room.eq(room + taken - asked)
        request = self.read.payload
        m.d.comb += [self.store_memory.eq(request.space), self.store_address.eq(request.address)]

        counter_cycles, memory_cycles = STORE_READ_CYCLES - COUNTER_READ_CYCLES, STORE_READ_CYCLES - _MEMORY_READ_CYCLES
        counter_address = delay(m, request.address, counter_cycles, name="counter_address")
        address = delay(m, counter_address, memory_cycles - counter_cycles, name="address")
        read_label = labels.read_port(transparent_for=())
        read_program = program.read_port(transparent_for=())
        m.d.comb += [
            self.counter_address.eq(counter_address),
            read_label.addr.eq(Mux(self.busy, self.label_address, address)),
            read_label.en.eq(1),
            read_program.addr.eq(Mux(self.busy, self.program_address, address)),
            read_program.en.eq(1),
        ]
        m.d.sync += [self.label.eq(read_label.data), self.program_word.eq(read_program.data)]

        space = delay(m, request.space, STORE_READ_CYCLES, name="space")
        word = Signal(16, reset_less=True)
        with m.Switch(space):
            with m.Case(Space.LABEL):
                m.d.sync += word.eq(self.label)
            with m.Case(Space.PROGRAM):
                m.d.sync += word.eq(self.program_word)
            with m.Case(Space.COUNTER):
                m.d.sync += word.eq(self.counter_word)
            with m.Default():
                m.d.sync += word.eq(self.store_data)
        m.d.comb += [
            words.w_data.eq(word),
            words.w_en.eq(delay(m, asked, STORE_READ_CYCLES + 1, name="asked", reset_less=False)),
        ]
