"""``deep3 discover``: boards on the network."""

import argparse
import sys
from dataclasses import asdict

from deep3.host.link.discovery import (
    DiscoveryError,
    DiscoveryUsageError,
    broadcast_addresses,
    discover,
    parse_place,
)

from .command import Command, Report

__all__ = ["COMMAND"]


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--address",
        action="append",
        metavar="HOST[:PORT]",
        help="where to ask, broadcast or board; may be repeated (default: every network, and this machine)",
    )
    parser.add_argument("--timeout", type=float, default=1.0, metavar="S", help="seconds to wait (default 1)")


def _run(arguments: argparse.Namespace) -> Report:
    places = [parse_place(text) for text in arguments.address] if arguments.address else broadcast_addresses()
    try:
        boards = discover(places, arguments.timeout)
    except DiscoveryUsageError:
        raise
    except DiscoveryError as error:
        # For a program no board is an answer; a person is told what to look at.
        if not arguments.json:
            raise
        print(f"deep3: {error}", file=sys.stderr)
        boards = []
    return {"boards": [asdict(board) for board in boards]}


def _describe(report: Report) -> str:
    return "\n".join(
        f"{board['address']}: {board['rows']} x {board['columns']} engine {board['digest']}, "
        + (f"in use by session {board['session']:08x}" if board["session"] else "free")
        for board in report["boards"]
    )


COMMAND = Command(
    name="discover",
    summary="List the boards that answer on the network.",
    example="deep3 discover --timeout 2",
    add_arguments=_add_arguments,
    run=_run,
    describe=_describe,
)
