"""``deep3 board``: an engine in simulation, as a board on a UDP port."""

import argparse
import signal
import sys

from deep3.errors import Deep3Error
from deep3.hdl.contract.config import EngineConfig

from .command import Command, Report

__all__ = ["COMMAND", "BoardError"]

FATES = ("loss", "duplication", "reordering", "corruption", "delay")


class BoardError(Deep3Error):
    """A virtual board that cannot be built or started."""


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("config", metavar="CONFIG", help="engine configuration (TOML)")
    parser.add_argument(
        "--listen",
        default="127.0.0.1:0",
        metavar="HOST:PORT",
        help="UDP address; the default is a free port that no other machine reaches",
    )
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="of the impairments below (default 0)")
    for name in FATES:
        parser.add_argument(
            f"--{name}", type=float, default=0.0, metavar="P", help=f"probability of {name} of a packet, each way"
        )


def _run(arguments: argparse.Namespace) -> Report:
    from deep3.hdl.contract.address import is_loopback, parse_endpoint
    from deep3.sim.board.build import board_library
    from deep3.sim.board.errors import BoardBuildError, HarnessError
    from deep3.sim.board.harness import Harness
    from deep3.sim.board.impairment import Impairment
    from deep3.sim.board.server import BoardServer, listen

    config = EngineConfig.load(arguments.config)
    try:
        host, port = parse_endpoint(arguments.listen)
        impairment = Impairment(**{name: getattr(arguments, name) for name in FATES})
        with Harness(board_library(config)) as harness, listen(host, port) as bound:
            server = BoardServer(harness, bound, impairment, arguments.seed)
            for number in (signal.SIGTERM, signal.SIGINT):
                signal.signal(number, lambda *_: server.stop())
            if not is_loopback(host):
                print(f"deep3: everyone who reaches {server.address} can use this board", file=sys.stderr)
            print(f"deep3: listening on {server.address}, engine {config.digest}; Ctrl-C ends", file=sys.stderr)
            server.serve()
            return {"address": server.address, "digest": config.digest, "statistics": server.statistics()}
    except (BoardBuildError, HarnessError, ValueError) as error:
        raise BoardError(str(error)) from None
    except OSError as error:
        raise BoardError(f"cannot listen on {arguments.listen}: {error.strerror or error}") from None


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
