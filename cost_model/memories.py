"""Every memory of an engine and its packet endpoint, from the constants that the gateware is built with.

A test holds this list against the memories found in the elaborated gateware.
"""

from functools import cache

from deep3.hdl.contract.config import EngineConfig
from deep3.hdl.contract.geometry import (
    ACCUMULATOR_BITS,
    BUFFER_WORDS,
    COBS_MEMORY_BYTES,
    FRAME_BYTE_BITS,
    READS_IN_FLIGHT,
    RING_BYTES,
    STORE_WORD_BITS,
    STORE_WORDS,
    group_widths,
)
from deep3.hdl.contract.protocol import PACKET_BUFFERS
from deep3.hdl.contract.tables import exp2_table, lane_tables, log2_table

from .memory_mapping import MemoryShape

__all__ = [
    "endpoint_memories",
    "engine_memories",
    "ethernet_memories",
    "sum_memories",
    "table_memories",
    "uart_memories",
]

LANES_OF_A_TABLE = 2
"""Post lanes that share the two read ports of one table memory."""
LANES_OF_A_BUFFER = 2
"""Loss lanes that share one buffer memory."""
COUNTER_PAIR_BITS = 64
"""Cycles and saturations of an instruction."""
FIFO_OUTPUT_WORDS = 1
"""A buffered FIFO keeps one of its words in a register."""


def engine_memories(config: EngineConfig) -> list[MemoryShape]:
    """Memories of `hdl.engine.engine.Engine`; bits that are constant in a table are not stored."""
    operands = (
        ("activations", config.activation_bank_words),
        ("weights", config.weight_bank_words),
        ("errors", config.error_bank_words),
    )
    shapes = [MemoryShape(f"store: {name}", words, 16, copies=config.banks) for name, words in operands]
    widths = group_widths(config.columns)
    shapes += sum_memories(config, widths) + table_memories(config, widths)
    if config.loss_unit:
        shapes += _loss(config)
    program_words = config.max_instructions * config.encoding.words
    return [
        *shapes,
        MemoryShape("host port: labels", config.label_words, 16),
        MemoryShape("host port: program", program_words, 16),
        MemoryShape("host port: words read", READS_IN_FLIGHT - FIFO_OUTPUT_WORDS, 16, old_word=True),
        MemoryShape("counters: instructions", config.max_instructions, COUNTER_PAIR_BITS, reads=2),
    ]


def endpoint_memories() -> list[MemoryShape]:
    """Memories of `hdl.link.endpoint.Endpoint`."""
    return [MemoryShape("endpoint: packets", PACKET_BUFFERS * BUFFER_WORDS, 16)]


def ethernet_memories() -> list[MemoryShape]:
    """Memories of `hdl.link.ethernet.ethernet_link.EthernetLink` that can be block RAM: the others ask for LUTs."""
    return [
        MemoryShape("ethernet: frames received", RING_BYTES, FRAME_BYTE_BITS),
        MemoryShape("ethernet: frames to send", STORE_WORDS, STORE_WORD_BITS),
    ]


def uart_memories() -> list[MemoryShape]:
    """Memories of `hdl.link.cobs`."""
    return [MemoryShape("uart: block to send", COBS_MEMORY_BYTES, 8)]


def sum_memories(config: EngineConfig, widths: list[int]) -> list[MemoryShape]:
    """Memories of `hdl.engine.accumulator.Accumulator`, one for each group of columns."""
    return [
        MemoryShape("columns: sums", config.accumulator_words, ACCUMULATOR_BITS * width, copies=widths.count(width))
        for width in sorted(set(widths))
    ]


def table_memories(config: EngineConfig, widths: list[int]) -> list[MemoryShape]:
    """Memories of `hdl.engine.lanes.PostLanes` for groups of so many lanes."""
    table = lane_tables(config)
    pairs = sum(width // LANES_OF_A_TABLE for width in widths)
    singles = sum(width % LANES_OF_A_TABLE for width in widths)
    found = []
    for reads, copies in ((2, pairs), (1, singles)):
        if copies:
            bits = _stored_bits(table)
            found.append(MemoryShape("lanes: functions", len(table), bits, reads, written=False, copies=copies))
    return found


def _loss(config: EngineConfig) -> list[MemoryShape]:
    depth = 2 * config.max_classes
    pairs, singles = divmod(config.columns, LANES_OF_A_BUFFER)
    shapes = [MemoryShape("loss: outputs", depth, 16 * LANES_OF_A_BUFFER, copies=pairs)]
    if singles:
        shapes.append(MemoryShape("loss: outputs", depth, 16))
    entries, lanes = config.exponential_entries, config.columns
    rounding = 1 << (8 - (entries.bit_length() - 1)) >> 1
    logarithms = tuple(value + rounding for value in log2_table(entries))
    for name, table in (("exp2", exp2_table(entries)), ("log2", logarithms)):
        shapes.append(MemoryShape(f"loss: {name}", entries, _stored_bits(table), written=False, copies=lanes))
    return shapes


@cache
def _stored_bits(table: tuple[int, ...]) -> int:
    """Bits of a word that are not the same in every word."""
    differing = 0
    for word in table:
        differing |= word ^ table[0]
    return differing.bit_count()
