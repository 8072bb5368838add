"""Registers behind block RAM, moved into it.

A DP16KD of the ECP5 has registers at its outputs: 0.95 ns from clock to output instead of 5.8 (speed 6, timing database
of Project Trellis). Yosys infers memories without them, whatever register follows, so they are moved in its netlist.
"""

import json
from collections import defaultdict
from pathlib import Path
from typing import Any

__all__ = ["absorb_output_registers"]

_SIDES = "AB"

_JOINED_BITS = 36
"""Width at which both sides of a block are one port, whose registers the sides share."""

Cell = dict[str, Any]


def absorb_output_registers(netlist: Path, top: str) -> int:
    """Replace registers that follow a side of a block RAM by the ones inside it.

    Those of a side move when every bit that is used goes to one plain flip-flop and nowhere else, all with the clock of
    the side, always enabled, without a reset; what is left in the netlist computes the same in the same cycles.

    Parameters
    ----------
    netlist, top
        JSON of Yosys for ECP5, and its module; written again where anything moved.

    Returns
    -------
    int
        Flip-flops that moved.
    """
    document = json.loads(netlist.read_text())
    module = document["modules"][top]
    cells: dict[str, Cell] = module["cells"]
    readers = _readers(module)
    moved = 0
    for memory in [cell for cell in cells.values() if cell["type"] == "DP16KD"]:
        if any(_parameter(memory, f"DATA_WIDTH_{side}") == _JOINED_BITS for side in _SIDES):
            continue
        for side in _SIDES:
            registers = _registers(memory, side, cells, readers)
            for port, register in registers.items():
                memory["connections"][port] = cells.pop(register)["connections"]["Q"]
            if registers:
                memory["parameters"][f"REGMODE_{side}"] = "OUTREG"
                moved += len(registers)
    if moved:
        netlist.write_text(json.dumps(document))
    return moved


def _readers(module: dict[str, Any]) -> dict[int | str, list[tuple[str, str]]]:
    """Who reads each net: cells with their ports; the module's own outputs have no name."""
    readers: dict[int | str, list[tuple[str, str]]] = defaultdict(list)
    for name, cell in module["cells"].items():
        for port, bits in cell["connections"].items():
            if cell["port_directions"][port] != "output":
                for bit in bits:
                    readers[bit].append((name, port))
    for port in module["ports"].values():
        for bit in port["bits"]:
            readers[bit].append(("", ""))
    return readers


def _registers(
    memory: Cell, side: str, cells: dict[str, Cell], readers: dict[int | str, list[tuple[str, str]]]
) -> dict[str, str]:
    """The flip-flop behind each used output of a side, by its port; nothing where one of them cannot move."""
    registers = {}
    for port, bits in memory["connections"].items():
        if not port.startswith(f"DO{side}") or not readers[bits[0]]:
            continue
        (name, reads), *others = readers[bits[0]]
        if others or reads != "DI" or not _is_plain(cells[name], memory, side):
            return {}
        registers[port] = name
    return registers


def _is_plain(cell: Cell, memory: Cell, side: str) -> bool:
    """Whether a flip-flop is what the output of a block RAM can be: same clock, always enabled, never reset."""
    if cell["type"] != "TRELLIS_FF":
        return False
    parameters, nets = cell["parameters"], cell["connections"]
    always = parameters["CEMUX"].strip() == "1" or nets.get("CE") == ["1"]
    return bool(
        always
        and nets.get("LSR", ["0"]) == ["0"]
        and parameters["LSRMUX"] == "LSR"
        and parameters["REGSET"] == "RESET"
        and parameters["CLKMUX"] == "CLK"
        and memory["parameters"][f"CLK{side}MUX"] == f"CLK{side}"
        and memory["parameters"][f"REGMODE_{side}"] == "NOREG"
        and memory["connections"][f"OCE{side}"] == ["1"]
        and nets["CLK"] == memory["connections"][f"CLK{side}"]
    )


def _parameter(cell: Cell, name: str) -> int:
    value: str = cell["parameters"][name]
    return int(value, 2)
