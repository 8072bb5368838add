"""Verilog of a design, for synthesis and for people."""

import os
import re
import shutil
from collections.abc import Sequence

from amaranth.back import verilog
from amaranth.hdl import Elaboratable, IOPort, Signal

from deep3.errors import Deep3Error
from deep3.hdl.contract.target import Target
from deep3.packaged import verilog_writer

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
    yosys = verilog_writer()
    named = os.environ.get("YOSYS")
    try:
        # Amaranth takes the tool from there alone; the flow's own choice of a tool must not see it.
        os.environ["YOSYS"] = yosys
        source: str = verilog.convert(design, name=name, platform=target, emit_src=False, ports=ports)
    except verilog.YosysError as error:
        if shutil.which(yosys) is None:
            raise VerilogError(f"{yosys} is not installed: pip install deep3[fpga], or set YOSYS") from None
        said = str(error).strip().splitlines() or ["nothing said"]
        raise VerilogError(
            f"Yosys ({yosys}) did not write the Verilog: {said[-1]}; "
            "set YOSYS to one that works, or unset it for the one that pip installed"
        ) from None
    finally:
        if named is None:
            del os.environ["YOSYS"]
        else:
            os.environ["YOSYS"] = named
    return _ESCAPED.sub(lambda match: match.group().replace("[", "<").replace("]", ">"), source)
