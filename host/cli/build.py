"""``deep3 build``: the bitstream of a board."""

import argparse
import sys
import time

from deep3.errors import UsageError
from deep3.files import STANDARD_OUTPUT
from deep3.flow.by_name import LINKS, build
from deep3.flow.synthesis import ROUTERS
from deep3.hdl.contract.config import EngineConfig
from deep3.hdl.contract.protocol import UDP_PORT
from deep3.hdl.contract.station import DEFAULT_IP
from deep3.host.reports.timing import critical_path_words, timing_table

from .boards import BOARD_HELP, board_states
from .command import Command, Report
from .heartbeat import heartbeat

__all__ = ["COMMAND"]


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--board", required=True, metavar="B", help=BOARD_HELP)
    parser.add_argument("--config", metavar="FILE", help="engine (TOML; default: the one in the board's description)")
    parser.add_argument(
        "--link", choices=LINKS, default="ethernet", help="the port that packets take (default ethernet)"
    )
    parser.add_argument("--ip", default=DEFAULT_IP, metavar="A", help=f"address of the board (default {DEFAULT_IP})")
    parser.add_argument("--port", type=int, default=UDP_PORT, metavar="N", help=f"its UDP port (default {UDP_PORT})")
    parser.add_argument("--mac", metavar="M", help="its Ethernet address (default: 02:d3 and the four bytes of --ip)")
    parser.add_argument(
        "--seeds", type=int, default=1, metavar="N", help="seeds of place and route; the best is kept (default 1)"
    )
    parser.add_argument("--router", choices=ROUTERS, default=ROUTERS[0], help=f"of nextpnr (default {ROUTERS[0]})")
    parser.add_argument("--sync-mhz", type=float, metavar="F", help="clock of engine and stack (default: the board's)")
    parser.add_argument(
        "-o", "--output", dest="folder", metavar="DIR", help="folder for the results (default: bitstreams/BOARD)"
    )


def _run(arguments: argparse.Namespace) -> Report:
    if arguments.folder == STANDARD_OUTPUT:
        raise UsageError("output must be a folder, not '-'")
    started_s = time.perf_counter()

    def say(text: str) -> None:
        print(f"deep3: {time.perf_counter() - started_s:6.0f} s  {text}", file=sys.stderr, flush=True)

    with heartbeat(say) as announce:
        return build(
            arguments.board,
            EngineConfig.load(arguments.config) if arguments.config else None,
            link=arguments.link,
            ip=arguments.ip,
            port=arguments.port,
            mac=arguments.mac,
            seeds=arguments.seeds,
            router=arguments.router,
            sync_mhz=arguments.sync_mhz,
            output=arguments.folder,
            announce=announce,
        )


def _describe(report: Report) -> str:
    engine = f"{report['rows']}x{report['columns']} engine {report['digest']}"
    head = f"{report['board']} ({report['part']}), {engine}, {report['link']}"
    if "command" in report:
        return f"{head}\nno open tool places and routes this part; run: {report['command']}"
    lines = [head, *timing_table(report), critical_path_words(report["critical_path"])]
    missed = "does not meet timing; try more --seeds, a lower --sync-mhz or a smaller engine"
    return "\n".join([*lines, f"{report['bitstream']}: {'meets timing' if report['meets_timing'] else missed}"])


COMMAND = Command(
    name="build",
    summary="Make the bitstream of a board, or the project for its vendor's tools.",
    example="deep3 build --board ecpix5-85f --seeds 4",
    add_arguments=_add_arguments,
    run=_run,
    describe=_describe,
    details=board_states,
)
"""The subcommand."""
