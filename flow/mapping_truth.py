"""Block RAM and multipliers of a whole engine as Yosys maps them: its synthesis up to the step that maps memories."""

import json
from collections import Counter
from pathlib import Path

from deep3.cost_model.memory_mapping import FAMILIES
from deep3.hdl.cells.verilog import to_verilog
from deep3.hdl.contract.config import EngineConfig
from deep3.hdl.contract.target import Target
from deep3.hdl.engine.engine import Engine

from .tools import run_tool

__all__ = ["mapped_hard_blocks"]

TOP = "engine"
TARGETS = {"ecp5": Target.ECP5, "xilinx": Target.XILINX}
SYNTHESIS = {"ecp5": f"synth_ecp5 -top {TOP} -nowidelut", "xilinx": f"synth_xilinx -top {TOP} -flatten -noiopad"}
MULTIPLIERS = {"MULT18X18D", "DSP48E1"}


def mapped_hard_blocks(config: EngineConfig, family: str, folder: Path) -> tuple[dict[str, int], int]:
    """(block RAM cells by primitive, hard multipliers) of an engine without its link.

    The steps that are left out map logic to LUTs and take most of the time; they leave both alone.

    Raises
    ------
    ToolError
        When Yosys fails or is missing.
    """
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{TOP}.v").write_text(to_verilog(Engine(config), TARGETS[family], TOP))
    script = f"read_verilog {TOP}.v; {SYNTHESIS[family]} -run begin:map_ffram; tee -o cells.json stat -json"
    run_tool("yosys", ["-q", "-p", script], folder, "yosys.log")
    found: dict[str, int] = json.loads((folder / "cells.json").read_text())["modules"][f"\\{TOP}"]["num_cells_by_type"]
    cells: Counter[str] = Counter()
    for kind, count in found.items():
        cells[_primitive(kind)] += count
    names = {cell.name for cell in FAMILIES[family].cells if cell.block}
    blocks = {name: cells[name] for name in sorted(names) if cells[name]}
    return blocks, sum(cells[kind] for kind in MULTIPLIERS)


def _primitive(kind: str) -> str:
    """PDPW16KD is a block RAM in another dress."""
    return "DP16KD" if kind == "PDPW16KD" else kind
