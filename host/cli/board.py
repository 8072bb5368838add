"""``deep3 board``: an engine in simulation, as a board on a UDP port."""

import argparse
import sys
from pathlib import Path

from deep3.files import check_output
from deep3.hdl.contract.config import EngineConfig

from .command import Command, Report

__all__ = ["COMMAND"]

FATES = ("loss", "duplication", "reordering", "corruption", "delay")


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("config", metavar="CONFIG", help="engine configuration (TOML)")
    parser.add_argument(
        "--listen",
        default="127.0.0.1:0",
        metavar="HOST:PORT",
        help="UDP address (default: a free port of this machine, which no other reaches)",
    )
    parser.add_argument("--trace", metavar="FILE", help="write a VCD of every cycle, slow and large (default none)")
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="of the impairments below (default 0)")
    for name in FATES:
        parser.add_argument(
            f"--{name}", type=float, default=0.0, metavar="P",
            help=f"probability, 0 to 1, of {name} of a packet, each way (default 0)",
        )  # fmt: skip
    # For whoever starts this as a process: `host.board.virtual`.
    parser.add_argument("--library", metavar="FILE", help="the engine, compiled before (default: the cache, or built)")
    parser.add_argument("--with-parent", action="store_true", help="end when standard input does")


def _run(arguments: argparse.Namespace) -> Report:
    from deep3.sim.board.serve import serve_board

    config = EngineConfig.load(arguments.config)
    if arguments.trace is not None:
        check_output(arguments.trace)
    return serve_board(
        config,
        arguments.listen,
        {name: getattr(arguments, name) for name in FATES},
        arguments.seed,
        lambda text: print(f"deep3: {text}", file=sys.stderr, flush=True),
        library=None if arguments.library is None else Path(arguments.library),
        trace=None if arguments.trace is None else Path(arguments.trace),
        parent=sys.stdin.fileno() if arguments.with_parent else None,
    )


def _describe(report: Report) -> str:
    return f"{report['address']}: {report['statistics']}"


COMMAND = Command(
    name="board",
    summary="Serve an engine, simulated from its RTL, as a board on a UDP port.",
    example="deep3 board engine.toml --listen 127.0.0.1:4660",
    add_arguments=_add_arguments,
    run=_run,
    describe=_describe,
)
