"""``python -m deep3.sim.board CONFIG``: an engine of this configuration as a board on a UDP port."""

import argparse
import signal
import sys
from pathlib import Path

from deep3.hdl.contract.address import AddressError, format_endpoint, is_loopback, parse_endpoint
from deep3.hdl.contract.config import ConfigError, EngineConfig

from .errors import BoardBuildError, HarnessError
from .harness import Harness
from .impairment import Impairment
from .server import BoardServer, listen

__all__ = ["main"]

FATES = ("loss", "duplication", "reordering", "corruption", "delay")


def main(arguments: list[str] | None = None) -> int:
    """Run the command; returns the exit status."""
    options = _parser().parse_args(arguments)
    try:
        config = EngineConfig.load(options.config)
        host, port = parse_endpoint(options.listen)
        impairment = Impairment(**{name: getattr(options, name) for name in FATES})
        library = options.library
        if library is None:
            # The gateware and its compiler are slow to import; a board that is built already needs neither.
            from .build import board_library

            library = board_library(config, options.trace is not None)
        with Harness(library, options.trace) as harness:
            return _serve(harness, config, host, port, impairment, options)
    except (ConfigError, AddressError, BoardBuildError, HarnessError, ValueError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except OSError as error:
        print(f"error: cannot listen on {options.listen}: {error.strerror or error}", file=sys.stderr)
        return 2


def _serve(
    harness: Harness, config: EngineConfig, host: str, port: int, impairment: Impairment, options: argparse.Namespace
) -> int:
    with listen(host, port) as bound:
        parent = sys.stdin.fileno() if options.with_parent else None
        server = BoardServer(harness, bound, impairment, options.seed, parent)
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: server.stop())
        signal.signal(signal.SIGUSR1, lambda *_: print(server.statistics(), file=sys.stderr, flush=True))
        if not is_loopback(host):
            print(f"warning: everyone who reaches {options.listen} can use this board", file=sys.stderr)
        print(f"listening on {server.address} digest {config.digest}", flush=True)
        server.serve()
        print(server.statistics(), file=sys.stderr, flush=True)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m deep3.sim.board", description=__doc__)
    parser.add_argument("config", type=Path, metavar="CONFIG", help="engine configuration (TOML)")
    parser.add_argument(
        "--listen",
        default=format_endpoint("127.0.0.1", 0),
        metavar="HOST:PORT",
        help="where to listen; the default is a free port on the loopback interface, which no other machine reaches",
    )
    parser.add_argument(
        "--library", type=Path, metavar="FILE", help="a board built before (default: from the cache, or built)"
    )
    parser.add_argument("--trace", type=Path, metavar="FILE", help="write a VCD of every cycle (slow and large)")
    parser.add_argument("--seed", type=int, default=0, help="of the impairments below (default 0)")
    for name in FATES:
        parser.add_argument(
            f"--{name}", type=float, default=0.0, metavar="P", help=f"probability of {name} of a packet, each way"
        )
    parser.add_argument("--with-parent", action="store_true", help="end when standard input does")
    return parser


if __name__ == "__main__":
    sys.exit(main())
