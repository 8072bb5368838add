"""The list of memories against the gateware, and their cells against Yosys."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from amaranth.hdl import Elaboratable, Fragment, Shape
from amaranth.hdl._mem import MemoryInstance
from memory_synthesis import mapped_by_yosys

from deep3.cost_model.devices import device_names, load_device
from deep3.cost_model.memories import endpoint_memories, engine_memories, ethernet_memories, uart_memories
from deep3.cost_model.memory_mapping import FAMILIES, MemoryShape, map_memory
from deep3.cost_model.resources import HARD_BLOCK_HALVES, Link, block_rams, blocks_taken, multipliers
from deep3.hdl.board.packets_top import Top
from deep3.hdl.contract.config import EngineConfig
from deep3.hdl.contract.target import Target
from deep3.hdl.link.cobs import CobsEncoder
from deep3.hdl.link.ethernet.ethernet_link import EthernetLink

CONFIGS = [
    EngineConfig(rows=2, columns=2),
    EngineConfig(rows=3, columns=7, max_classes=16, accumulator_words=64, exponential_entries=256),
    EngineConfig(rows=12, columns=13, label_words=64, max_layers=1, activation_entries=2048),
    EngineConfig(rows=9, columns=4, loss_unit=False, activation_bank_words=12288),
]


def memories_in(fragment: Fragment) -> Iterator[MemoryInstance]:
    if isinstance(fragment, MemoryInstance):
        yield fragment
    for part, *_ in fragment.subfragments:
        yield from memories_in(part)


def elaborated(design: Elaboratable) -> Counter[tuple[int, int, int, bool]]:
    """(depth, stored bits, read ports, written) of every memory, bits that never change left out."""
    found: Counter[tuple[int, int, int, bool]] = Counter()
    for memory in memories_in(Fragment.get(design, Target.ECP5)):
        written = bool(memory._write_ports)
        words = list(memory._data.init)
        bits = Shape.cast(memory._data.shape).width
        if not written:
            bits = sum(any((word ^ words[0]) >> bit & 1 for word in words) for bit in range(bits))
        found[memory._data.depth, bits, len(memory._read_ports), written] += 1
    return found


def listed(shapes: list[MemoryShape]) -> Counter[tuple[int, int, int, bool]]:
    found: Counter[tuple[int, int, int, bool]] = Counter()
    for shape in shapes:
        # A lane without a partner leaves the second port of its table open.
        reads = 2 if shape.name == "lanes: functions" else shape.reads
        found[shape.depth, shape.width_bits, reads, shape.written] += shape.copies
    return found


@pytest.mark.parametrize("config", CONFIGS, ids=lambda config: f"{config.rows}x{config.columns}")
def test_every_memory_of_the_gateware_is_listed(config: EngineConfig) -> None:
    assert elaborated(Top(config)) == listed(engine_memories(config) + endpoint_memories())


def test_memories_of_the_media() -> None:
    assert listed(uart_memories()) == elaborated(CobsEncoder())
    found = elaborated(EthernetLink("02:d3:00:00:00:01", "192.168.1.50", 54321))
    large = {shape: count for shape, count in found.items() if shape[0] > 64}
    assert listed(ethernet_memories()) == large


@pytest.mark.parametrize("family", sorted(FAMILIES))
def test_cells_are_those_that_yosys_chooses(family: str, tmp_path: Path) -> None:
    shapes = [
        *(MemoryShape("bank", 1024 * blocks, 16) for blocks in (1, 2, 3, 4, 5, 7, 8, 12, 13, 16, 32, 64)),
        *(MemoryShape("sums", depth, 40 * width) for depth in (16, 32, 64, 128, 512, 1024) for width in (1, 2, 3, 4)),
        *(MemoryShape("outputs", depth, bits) for depth in (4, 16, 32, 64, 128, 256, 512) for bits in (16, 32)),
        *(MemoryShape("counters", depth, 64, reads=2) for depth in (8, 16, 32, 64, 128)),
        *(MemoryShape("tables", n, 15, reads, False) for n in (128, 256, 512, 1024, 4096) for reads in (1, 2)),
        *(MemoryShape("exponentials", n, bits, 1, False) for n in (16, 64, 128, 256) for bits in (9, 16)),
        *(MemoryShape("labels", 1 << bits, 16) for bits in range(6, 15)),
        MemoryShape("fifo", 15, 16, old_word=True),
        MemoryShape("frames", 4096, 9),
        MemoryShape("frames", 2048, 18),
        MemoryShape("block", 256, 8),
        # Between flip-flops and LUTs, or between LUTs and block RAM, by no more than a read port costs.
        *(MemoryShape("few", *shape) for shape in ((4, 3, 2), (6, 1, 1), (6, 2, 2), (10, 1, 2))),
        *(MemoryShape("few", 4, bits, reads) for bits in (1, 2, 5, 8) for reads in (1, 2, 3)),
        *(MemoryShape("rom", n, bits, written=False) for n, bits in ((65, 32), (80, 26), (160, 13))),
    ]
    predicted = [(mapped.cell, mapped.count) for mapped in (map_memory(shape, family) for shape in shapes)]
    assert predicted == mapped_by_yosys(shapes, family, tmp_path)


def test_default_engine_as_it_was_synthesised() -> None:
    config = EngineConfig()
    assert block_rams(config, "ecp5", Link.NONE) == {"DP16KD": 113}
    assert block_rams(config, "ecp5", Link.ETHERNET) == {"DP16KD": 113 + 4 + 4}
    assert multipliers(config) == 72


def test_small_xilinx_cells_share_a_block() -> None:
    assert blocks_taken({"RAMB18E1": 3, "RAMB36E1": 2}) == 4


@pytest.mark.parametrize("name", device_names())
def test_devices_have_the_words_that_synthesis_uses(name: str) -> None:
    device = load_device(name)
    blocks = [cell for cell in FAMILIES[device.family].cells if cell.block and HARD_BLOCK_HALVES[cell.name] == 2]
    for cell in blocks:
        last = len(cell.widths) if cell.widest < 0 else 0
        for index, width in enumerate(cell.widths[:last]):
            assert (1 << (cell.address_bits - index), width) in device.block_ram.aspect_ratios
