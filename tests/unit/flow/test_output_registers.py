"""Registers behind block RAM move into it where that changes nothing, and only there."""

import json
from pathlib import Path
from typing import Any

import pytest

from deep3.flow.output_registers import absorb_output_registers
from deep3.flow.synthesis import synthesise_ecp5

BITS = 16

PORTS = f"input clk, other, enable, clear, write, input [9:0] to, from, input [{BITS - 1}:0] word"

MEMORY = f"""
    (* no_rw_check *) reg [{BITS - 1}:0] words [0:1023];
    reg [{BITS - 1}:0] read;
    always @(posedge clk) begin if (write) words[to] <= word; read <= words[from]; end
"""

REGISTERS = {
    "plain": "always @(posedge clk) q <= read;",
    "enabled": "always @(posedge clk) if (enable) q <= read;",
    "cleared": "always @(posedge clk) if (clear) q <= 0; else q <= read;",
    "inverted": "always @(posedge clk) q <= ~read;",
    "falling": "always @(negedge clk) q <= read;",
    "elsewhere": "always @(posedge other) q <= read;",
    "set": "initial q = 16'hffff; always @(posedge clk) q <= read;",
    "mixed": "always @(posedge clk) begin q[7:0] <= read[7:0]; if (enable) q[15:8] <= read[15:8]; end",
}
"""What follows the memory."""

Module = dict[str, Any]


def synthesised(register: str, folder: Path, ports: str = "", extra: str = "") -> Path:
    source = f"module top({PORTS}, output reg [{BITS - 1}:0] q{ports}); {MEMORY} {register} {extra} endmodule"
    return synthesise_ecp5(source, "top", folder).netlist


def module_of(netlist: Path) -> Module:
    module: Module = json.loads(netlist.read_text())["modules"]["top"]
    return module


def cells_of(module: Module, kind: str) -> list[Module]:
    return [cell for cell in module["cells"].values() if cell["type"] == kind]


def test_a_plain_register_moves(tmp_path: Path) -> None:
    netlist = synthesised(REGISTERS["plain"], tmp_path)
    assert len(cells_of(module_of(netlist), "TRELLIS_FF")) == BITS
    assert absorb_output_registers(netlist, "top") == BITS
    after = module_of(netlist)
    (memory,) = cells_of(after, "DP16KD")
    assert cells_of(after, "TRELLIS_FF") == []
    assert (memory["parameters"]["REGMODE_A"], memory["parameters"]["REGMODE_B"]) == ("NOREG", "OUTREG")
    driven = [memory["connections"][f"DOB{bit}"] for bit in range(BITS)]
    assert [bit for net in driven for bit in net] == after["ports"]["q"]["bits"]
    assert absorb_output_registers(netlist, "top") == 0


@pytest.mark.parametrize("name", sorted(set(REGISTERS) - {"plain"}))
def test_other_registers_stay(tmp_path: Path, name: str) -> None:
    netlist = synthesised(REGISTERS[name], tmp_path)
    before = netlist.read_text()
    assert len(cells_of(module_of(netlist), "DP16KD")) == 1
    assert absorb_output_registers(netlist, "top") == 0
    assert netlist.read_text() == before


@pytest.mark.parametrize("extra", ["assign bare = read[3];", "assign bare = ^{read[3], enable};"], ids=["port", "LUT"])
def test_a_word_that_is_seen_before_its_register_keeps_it(tmp_path: Path, extra: str) -> None:
    netlist = synthesised(REGISTERS["plain"], tmp_path, ", output bare", extra)
    assert absorb_output_registers(netlist, "top") == 0


def test_a_block_read_as_one_wide_port_keeps_its_registers(tmp_path: Path) -> None:
    source = """module top(input clk, write, input [8:0] to, from, input [35:0] word, output reg [35:0] q);
        (* no_rw_check *) reg [35:0] words [0:511]; reg [35:0] read;
        always @(posedge clk) begin if (write) words[to] <= word; read <= words[from]; q <= read; end
    endmodule"""
    netlist = synthesise_ecp5(source, "top", tmp_path).netlist
    assert len(cells_of(module_of(netlist), "DP16KD")) == 1
    assert absorb_output_registers(netlist, "top") == 0
