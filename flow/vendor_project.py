"""Projects for the vendor's tools, where no open ones place and route: a script beside Verilog and pins."""

from pathlib import Path
from typing import Any

from deep3.cost_model.boards import BoardDescription

__all__ = ["write_project"]

VIVADO = """\
# Vivado, non-project flow: vivado -mode batch -source {script}
read_verilog {top}.v
read_xdc {pins}
synth_design -top {top} -part {part} -flatten_hierarchy full
opt_design
place_design
phys_opt_design
route_design
phys_opt_design
report_utilization -file utilization.rpt
report_timing_summary -file timing.rpt
write_bitstream -force {top}.bit
"""

ISE = """\
# ISE 14.7: xtclsh {script}
project new {top}.xise
project set family Virtex6
project set device xc6vlx240t
project set package ff1156
project set speed -1
xfile add {top}.v
xfile add {pins}
project set top {top}
project set "Keep Hierarchy" No -process "Synthesize - XST"
project set "Optimization Goal" Speed -process "Synthesize - XST"
project set "Pack I/O Registers/Latches into IOBs" "For Inputs and Outputs" -process "Map"
process run "Generate Programming File"
project close
"""


def write_project(board: BoardDescription, top: str, folder: Path) -> dict[str, Any]:
    """Write ``build.tcl`` into the folder of ``TOP.v`` and the pins.

    Returns
    -------
    dict
        For the report: the script and the command that runs it.
    """
    script = "build.tcl"
    ise = board.family == "virtex6"
    text = (ISE if ise else VIVADO).format(script=script, top=top, pins=board.pins, part=board.part)
    (folder / script).write_text(text)
    tool = f"xtclsh {script}" if ise else f"vivado -mode batch -source {script}"
    return {"script": str(folder / script), "command": f"cd {folder} && {tool}"}
