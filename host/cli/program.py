"""``deep3 program``: a bitstream into a board."""

import argparse
import sys
from pathlib import Path

from deep3.cost_model.boards import board_names, load_board
from deep3.flow.program import ProgramBoardError, program_board

from .command import Command, Report

__all__ = ["COMMAND"]


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--board", required=True, metavar="B", help=f"one of {', '.join(board_names())}")
    parser.add_argument(
        "bitstream", nargs="?", metavar="BITSTREAM", help="default: what deep3 build left in bitstreams/BOARD"
    )
    parser.add_argument("--flash", action="store_true", help="into the flash, so that it stays when power goes")


def _run(arguments: argparse.Namespace) -> Report:
    board = load_board(arguments.board)
    bitstream = Path(arguments.bitstream or Path("bitstreams") / board.key / "deep3.bit")
    if not bitstream.exists():
        raise ProgramBoardError(f"there is no bitstream {bitstream}; deep3 build --board {board.key} makes one")
    command = program_board(
        board, bitstream, flash=arguments.flash, announce=lambda text: print(f"deep3: {text}", file=sys.stderr)
    )
    return {"board": board.key, "bitstream": str(bitstream), "command": command}


def _describe(report: Report) -> str:
    return f"{report['board']}: {report['bitstream']} loaded"


COMMAND = Command(
    name="program",
    summary="Load a bitstream into a board with openFPGALoader, after a look at which device it is for.",
    example="deep3 program --board ecpix5-85f",
    add_arguments=_add_arguments,
    run=_run,
    describe=_describe,
)
"""The subcommand."""
