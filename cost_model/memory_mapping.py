"""Which cells a memory becomes: the choice of Yosys's ``memory_libmap``, in closed form.

For every kind of memory cell and every width of it, Yosys weighs the cells against the multiplexers in front of and
behind them, and takes the cheapest; flip-flops and LUTs where those are cheaper still (Yosys 0.70,
passes/memory/memory_libmap.cc; cells and costs: techlibs/lattice/{lutrams_trellis,brams_16kd}.txt,
techlibs/xilinx/{lutrams_xc5v,brams_xc4v}.txt).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

__all__ = ["FAMILIES", "Family", "Mapped", "MemoryCell", "MemoryShape", "map_memory"]

MUX_COST = 0.5
"""Of one bit of a multiplexer behind, or a write enable in front of, the cells that share an address."""
EMULATION_COST = 2
"""Of a read port with an address of its own."""
BYTE_BITS = 9
"""Granularity of write enables of block RAM."""
LOGIC = "logic"


@dataclass(frozen=True)
class MemoryShape:
    """One memory of the gateware.

    Attributes
    ----------
    name
        Unit and memory, for people.
    depth, width_bits
        Words; bits of a word that are not constant.
    reads
        Clocked read ports.
    written
        It has a write port; else it is a table.
    old_word
        A read in the cycle of a write to its address must return the old word.
    copies
        How many of it there are.
    """

    name: str
    depth: int
    width_bits: int
    reads: int = 1
    written: bool = True
    old_word: bool = False
    copies: int = 1


@dataclass(frozen=True)
class MemoryCell:
    """A kind of memory cell and what Yosys asks for it.

    Attributes
    ----------
    name
        Of the primitive.
    block
        A block RAM; else LUTs used as RAM.
    address_bits
        Of the narrowest width; each further width halves the depth.
    widths
        Bits of a word, from narrow to wide.
    cost, width_cost
        Of one cell; the part of it that shrinks with the bits that are used.
    write_ports, read_ports
        Ports that only write and only read; both 0 where two ports do either.
    narrowest_write
        Index of the narrowest write width: what is narrower uses write enables, which have `BYTE_BITS`.
    widest
        Index of the widest width, -1 for the last.
    tables
        It can be a table.
    old_word
        It can return the old word.
    """

    name: str
    block: bool
    address_bits: int
    widths: tuple[int, ...]
    cost: float
    width_cost: float = 0
    write_ports: int = 0
    read_ports: int = 0
    narrowest_write: int = 0
    widest: int = -1
    tables: bool = True
    old_word: bool = False


@dataclass(frozen=True)
class Family:
    """Memory cells of a device family, in Yosys's order, and the cost of a bit in logic, written and not."""

    name: str
    cells: tuple[MemoryCell, ...]
    table_bit_cost: float
    bit_cost: float = 1.0


@dataclass(frozen=True)
class Mapped:
    """What one copy of a memory becomes.

    ``cell`` is the name of the primitive, `LOGIC` for LUTs and flip-flops; ``count`` of them hold ``unit_bits`` bits
    of a word each. ``mux_bits`` is the number of two-way multiplexers of one bit behind them.
    """

    cell: str
    block: bool
    count: int
    unit_bits: int
    mux_bits: int


def _lut_ram(
    name: str, cost: float, width_cost: float, reads: int, shapes: dict[int, int]
) -> Iterator[MemoryCell]:
    """LUTs as RAM with one write port, of address bits to width."""
    for address_bits, width in shapes.items():
        yield MemoryCell(name, False, address_bits, (width,), cost, width_cost, 1, reads, tables=False, old_word=True)


_ECP5 = Family(
    "ecp5",
    (
        *_lut_ram("TRELLIS_DPR16X4", 4, 0, 1, {4: 4}),
        MemoryCell("DP16KD", True, 14, (1, 2, 4, 9, 18), 128),
        # As pseudo dual port: words of 36 bits are written, with an enable for each of their four bytes.
        MemoryCell("DP16KD", True, 14, (1, 2, 4, 9, 18, 36), 128, write_ports=1, read_ports=1, narrowest_write=5),
    ),
    table_bit_cost=1 / 16,
)
_XILINX = Family(
    "xilinx",
    (
        *_lut_ram("RAMD", 8, 8, 1, {5: 4, 6: 2, 7: 1}),
        *_lut_ram("RAMQ", 7, 7, 3, {5: 2, 6: 1}),
        *_lut_ram("RAMM", 8, 7, 1, {5: 6, 6: 3}),
        MemoryCell("RAMB18E1", True, 14, (1, 2, 4, 9, 18), 129, old_word=True),
        MemoryCell("RAMB36E1", True, 15, (1, 2, 4, 9, 18, 36), 257, old_word=True),
        MemoryCell("RAMB36E1", True, 16, (1, 2, 4, 9), 513, widest=0, old_word=True),
        MemoryCell("RAMB18E1", True, 14, (1, 2, 4, 9, 18, 36), 129, 0, 1, 1, old_word=True),
        MemoryCell("RAMB36E1", True, 15, (1, 2, 4, 9, 18, 36, 72), 257, 0, 1, 1, old_word=True),
    ),
    table_bit_cost=1 / 64,
)
FAMILIES = {family.name: family for family in (_ECP5, _XILINX)}


@cache
def map_memory(shape: MemoryShape, family: str) -> Mapped:
    """The cells of one copy of ``shape`` in a family of `FAMILIES`.

    Raises
    ------
    KeyError
        For an unknown family.
    """
    rules = FAMILIES[family]
    bits = shape.depth * shape.width_bits
    best = int(bits * (rules.bit_cost if shape.written else rules.table_bit_cost))
    chosen = Mapped(LOGIC, False, 0, 0, 0)
    for block in (False, True):
        found = [(cost, mapped) for cell in rules.cells if cell.block is block for cost, mapped in _ways(shape, cell)]
        if found:
            cost, mapped = min(found, key=lambda way: way[0])
            # Yosys keeps whole numbers of the best cost so far.
            if cost < best:
                best, chosen = int(cost), mapped
    return chosen


def _ways(shape: MemoryShape, cell: MemoryCell) -> Iterator[tuple[float, Mapped]]:
    """Cost and cells of each width of a kind of cell."""
    if (shape.old_word and not cell.old_word) or (not shape.written and not cell.tables):
        return
    port_copies = _port_copies(shape, cell)
    if not port_copies:
        return
    last = len(cell.widths) - 1 if cell.widest < 0 else cell.widest
    byte_index = max((i for i, width in enumerate(cell.widths) if width <= BYTE_BITS), default=0)
    for index in range(last + 1):
        if shape.written and index < cell.narrowest_write and index < byte_index:
            continue
        unit_bits = cell.widths[index]
        word_bits = _rounded_up(shape.width_bits, _enable_bits(shape, cell, unit_bits))
        rows = -(-shape.depth // (1 << (cell.address_bits - index)))
        data_copies = -(-rows * word_bits // unit_bits)
        mux_bits = (rows - 1) * shape.width_bits * shape.reads
        cost = (cell.cost - cell.width_cost) * data_copies * port_copies
        cost += cell.width_cost * rows * shape.width_bits / unit_bits * port_copies
        cost += MUX_COST * mux_bits
        if shape.written and rows > 1:
            cost += MUX_COST * rows
        cost += EMULATION_COST * shape.reads
        yield cost, Mapped(cell.name, cell.block, data_copies * port_copies, unit_bits, mux_bits)


def _enable_bits(shape: MemoryShape, cell: MemoryCell, unit_bits: int) -> int:
    """Bits that share a write enable: a word fills whole groups of them."""
    if not shape.written:
        return 1
    return min(BYTE_BITS, unit_bits) if cell.block else unit_bits


def _rounded_up(value: int, step: int) -> int:
    return -(-value // step) * step


def _port_copies(shape: MemoryShape, cell: MemoryCell) -> int:
    """Copies of all cells until there is a port for every reader; 0 where there never is."""
    if cell.read_ports:
        return -(-shape.reads // cell.read_ports)
    return -(-shape.reads // (2 - int(shape.written)))
