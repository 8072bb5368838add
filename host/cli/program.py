"""``deep3 program``: a bitstream into a board."""

import argparse
import sys

from deep3.flow.by_name import program

from .boards import BOARD_HELP, board_states
from .command import Command, Report

__all__ = ["COMMAND"]


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--board", required=True, metavar="B", help=BOARD_HELP)
    parser.add_argument(
        "bitstream", nargs="?", metavar="BITSTREAM", help="default: what deep3 build left in bitstreams/BOARD"
    )
    parser.add_argument("--flash", action="store_true", help="into the flash, so that it stays when power goes")


def _run(arguments: argparse.Namespace) -> Report:
    return program(
        arguments.board,
        arguments.bitstream,
        flash=arguments.flash,
        announce=lambda text: print(f"deep3: {text}", file=sys.stderr),
    )


def _describe(report: Report) -> str:
    return f"{report['board']}: {report['bitstream']} loaded"


COMMAND = Command(
    name="program",
    summary="Load a bitstream into a board with openFPGALoader, after a look at which device it is for.",
    example="deep3 program --board ecpix5-85f",
    add_arguments=_add_arguments,
    run=_run,
    describe=_describe,
    details=board_states,
)
"""The subcommand."""
