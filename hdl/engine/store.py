"""The operand memories A, W and E with their read roles and their write side."""

from amaranth import Cat, Module, Mux, Signal, signed
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from deep3.hdl.cells.pipeline import delay
from deep3.hdl.cells.primitives import RegisterCopy
from deep3.hdl.contract.config import EngineConfig
from deep3.hdl.contract.instruction import Encoding
from deep3.hdl.contract.program import Memory
from deep3.hdl.contract.timing import (
    MEMORY_READ_CYCLES,
    MEMORY_WRITE_CYCLES,
    ROLE_CYCLES,
)

from .memory import LANES_A_COPY, Gather, OperandBanks, Scatter

__all__ = ["OperandStore", "host_word_layout"]

OPERANDS = (Memory.ACTIVATION, Memory.WEIGHT, Memory.ERROR)


def host_word_layout(encoding: Encoding) -> data.StructLayout:
    """A word for an operand memory."""
    return data.StructLayout({"memory": 2, "address": encoding.address_bits, "word": 16})


class OperandStore(wiring.Component):
    """Three operand memories, each with one read and one write a bank and cycle.

    A memory is read by one role at a time: stream, load and aux name their memory, which differ; with ``host_reads``
    all memories follow the host's address. Drains go before host words, so that an instruction never stalls.

    Parameters
    ----------
    config : EngineConfig

    Members
    -------
    stream_memory, load_memory, aux_memory : In(Memory), and ``*_step`` : In(lane_step_bits)
        Constant while a walk runs, and before it for `BankAddresses.SETTLE_CYCLES` and two cycles more.
    stream_address, load_address, aux_address : In(address_bits)
        One vector a cycle each.
    load_edge : In(1), load_edge_width : In(5), load_inner_edge : In(1), load_inner_edge_width : In(5)
        With ``load_edge`` high beside a load address, lanes from ``load_edge_width`` on are zero; likewise
        ``load_inner_edge``, which is not high beside ``load_edge``, on engines with convolution.
    stream, load : Out(rows x signed(16)), aux : Out(columns x signed(16))
        The vectors, `STORE_READ_CYCLES` after their addresses.
    host_reads : In(1), host_memory : In(Memory), host_address : In(address_bits), host_data : Out(16)
        Single words, `STORE_READ_CYCLES` after their addresses, one a cycle.
    write_memory : In(Memory), write_address, write_step, write_data, write_enable : In
        One vector of ``columns`` lanes a cycle; no write where no lane is enabled. ``write_step`` settles like the
        others.
    host_write : In(stream of host_word_layout(config.encoding))
        One word a cycle, except while a drain writes the same memory.
    host_waits : Out(1)
        A host word waits in this cycle.
    """

    def __init__(self, config: EngineConfig) -> None:
        self.config = config
        address, step = In(config.encoding.address_bits), In(config.encoding.lane_step_bits)
        rows = data.ArrayLayout(signed(16), config.rows)
        columns = data.ArrayLayout(signed(16), config.columns)
        ports: dict[str, object] = {}
        for role in ("stream", "load", "aux"):
            ports[f"{role}_memory"] = In(2)
            ports[f"{role}_step"] = step
            ports[f"{role}_address"] = address
            ports[role] = Out(columns if role == "aux" else rows)
        super().__init__({
            **ports,
            "load_edge": In(1), "load_edge_width": In(5), "load_inner_edge": In(1), "load_inner_edge_width": In(5),
            "host_reads": In(1), "host_memory": In(2), "host_address": address, "host_data": Out(16),
            "write_memory": In(2), "write_address": address, "write_step": step,
            "write_data": In(columns), "write_enable": In(config.columns),
            "host_write": In(stream.Signature(host_word_layout(config.encoding))), "host_waits": Out(1),
        })  # type: ignore[dict-item]  # fmt: skip

    def elaborate(self, platform: object) -> Module:
        m = Module()
        config = self.config
        banks = {
            Memory.ACTIVATION: OperandBanks(config.banks, config.activation_bank_words),
            Memory.WEIGHT: OperandBanks(config.banks, config.weight_bank_words),
            Memory.ERROR: OperandBanks(config.banks, config.error_bank_words),
        }
        for memory, component in banks.items():
            m.submodules[f"{memory.name.lower()}_banks"] = component
        self._read_side(m, banks)
        self._write_side(m, banks)
        return m

    def _read_side(self, m: Module, banks: dict[Memory, OperandBanks]) -> None:
        config = self.config
        gathers: dict[Memory, Gather] = {}
        for memory in OPERANDS:
            name = memory.name.lower()
            gather = Gather(config.banks, banks[memory].word_bits, max(config.rows, config.columns), config.encoding)
            m.submodules[f"{name}_gather"] = gathers[memory] = gather
            address = Signal(config.encoding.address_bits, name=f"{name}_address", reset_less=True)
            step = Signal(config.encoding.lane_step_bits, name=f"{name}_step", reset_less=True)
            with m.If(self.host_reads):
                m.d.sync += [address.eq(self.host_address), step.eq(0)]
            with m.Elif(self.stream_memory == memory):
                m.d.sync += [address.eq(self.stream_address), step.eq(self.stream_step)]
            with m.Elif(self.load_memory == memory):
                m.d.sync += [address.eq(self.load_address), step.eq(self.load_step)]
            with m.Else():
                m.d.sync += [address.eq(self.aux_address), step.eq(self.aux_step)]
            m.d.comb += [
                gather.address.eq(address),
                gather.lane_step.eq(step),
                banks[memory].read_words.eq(gather.read_words),
                gather.read_data.eq(banks[memory].read_data),
            ]
        edges = {}
        for edge in ("load_edge", "load_inner_edge") if config.convolution else ("load_edge",):
            edges[edge] = delay(m, getattr(self, edge), ROLE_CYCLES + MEMORY_READ_CYCLES, name=edge)
        for role in ("stream", "load", "aux"):
            vector = getattr(self, role)
            for lane in range(len(vector)):
                if lane % LANES_A_COPY == 0:
                    m.submodules[f"{role}_source_{lane}"] = source = RegisterCopy(2)
                    m.d.comb += source.d.eq(getattr(self, f"{role}_memory"))
                word = Signal(signed(16), name=f"{role}_{lane}", reset_less=True)
                with m.Switch(source.q):
                    for memory in OPERANDS:
                        with m.Case(memory):
                            m.d.sync += word.eq(gathers[memory].data[lane])
                if role == "load":
                    # A zero stationary word hides whatever streams beyond the reduction dimension.
                    for edge, here in edges.items():
                        with m.If(here & (lane >= getattr(self, f"{edge}_width"))):
                            m.d.sync += word.eq(0)
                m.d.comb += vector[lane].eq(word)
        host_memory = delay(m, self.host_memory, ROLE_CYCLES + MEMORY_READ_CYCLES, name="host_memory")
        with m.Switch(host_memory):
            for memory in OPERANDS:
                with m.Case(memory):
                    m.d.sync += self.host_data.eq(gathers[memory].data[0])

    def _write_side(self, m: Module, banks: dict[Memory, OperandBanks]) -> None:
        config = self.config
        word_bits = max(component.word_bits for component in banks.values())
        m.submodules.scatter = scatter = Scatter(config.banks, word_bits, config.columns, config.encoding)
        m.d.comb += [
            scatter.address.eq(self.write_address),
            scatter.lane_step.eq(self.write_step),
            scatter.data.eq(self.write_data),
            scatter.enable.eq(self.write_enable),
        ]
        draining = delay(m, self.write_enable.any(), MEMORY_WRITE_CYCLES - 1, name="draining", reset_less=False)
        destination = delay(m, self.write_memory, MEMORY_WRITE_CYCLES - 1, name="destination")
        drained = {memory: Signal(name=f"{memory.name.lower()}_drained") for memory in OPERANDS}
        m.d.sync += [flag.eq(draining & (destination == memory)) for memory, flag in drained.items()]
        host = Signal(host_word_layout(config.encoding), reset_less=True)
        host_valid = Signal()
        blocked = Signal()
        m.d.comb += [
            blocked.eq(Cat(drained.values()).bit_select(host.memory, 1)),
            self.host_waits.eq(host_valid & blocked),
            self.host_write.ready.eq(~self.host_waits),
        ]
        with m.If(self.host_write.ready):
            m.d.sync += [host_valid.eq(self.host_write.valid), host.eq(self.host_write.payload)]
        host_bank = host.address[: config.bank_bits]
        for memory, component in banks.items():
            stored = Signal(name=f"{memory.name.lower()}_stored")
            m.d.comb += stored.eq(host_valid & ~drained[memory] & (host.memory == memory))
            for bank in range(config.banks):
                if bank % LANES_A_COPY == 0:
                    m.submodules[f"{memory.name.lower()}_drains_{bank}"] = drains = RegisterCopy(1)
                    m.d.comb += drains.d.eq(draining & (destination == memory))
                m.d.sync += [
                    component.write_words[bank].eq(
                        Mux(drains.q, scatter.words[bank], host.address[config.bank_bits :])
                    ),
                    component.write_data[bank].eq(Mux(drains.q, scatter.bank_data[bank], host.word)),
                    component.write_enable[bank].eq(
                        (drains.q & scatter.bank_enable[bank]) | (stored & (host_bank == bank))
                    ),
                ]
