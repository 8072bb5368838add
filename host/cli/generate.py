"""``deep3 generate``: the Verilog of an engine with its packet endpoint."""

import argparse

from deep3.files import check_output, write_text
from deep3.hdl.contract.config import EngineConfig
from deep3.hdl.contract.target import Target

from .command import Command, Report

__all__ = ["COMMAND"]

MODULE = "deep3"
TARGETS = {target.value: target for target in Target}


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("config", metavar="CONFIG", help="engine configuration (TOML)")
    parser.add_argument(
        "-o", "--output", required=True, metavar="FILE", help="Verilog file to write; - for standard output"
    )
    parser.add_argument(
        "--target",
        choices=sorted(TARGETS),
        default="generic",
        help="whose hard multipliers to name; generic leaves them to the synthesiser (default generic)",
    )


def _run(arguments: argparse.Namespace) -> Report:
    config = EngineConfig.load(arguments.config)
    check_output(arguments.output)
    text = generate(config, TARGETS[arguments.target])
    write_text(arguments.output, text)
    return {
        "output": arguments.output,
        "bytes": len(text),
        "digest": config.digest,
        "rows": config.rows,
        "columns": config.columns,
        "target": arguments.target,
        "module": MODULE,
    }


def generate(config: EngineConfig, target: Target) -> str:
    """Verilog of `hdl.board.packets_top.Top`, module ``deep3``, one clock ``clk`` and a synchronous reset ``rst``.

    Raises
    ------
    VerilogError
        Without Yosys, which turns Amaranth's intermediate language into Verilog.
    """
    # The gateware is slow to import; help texts and refusals do without it.
    from deep3.hdl.board.packets_top import Top
    from deep3.hdl.cells.verilog import to_verilog

    return to_verilog(Top(config), target, MODULE)


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
