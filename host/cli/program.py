"""``deep3 program``: a bitstream into a board."""

import argparse
import shutil
import subprocess
import sys
from pathlib import Path

from deep3.cost_model.boards import BoardDescription, board_names, load_board
from deep3.errors import Deep3Error

from .command import Command, Report

__all__ = ["COMMAND", "ProgramBoardError"]

LOADER = "openFPGALoader"
LAST_LINES = 3


class ProgramBoardError(Deep3Error):
    """A board that cannot be programmed from here; the message has the command to run."""


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--board", required=True, metavar="B", help=f"one of {', '.join(board_names())}")
    parser.add_argument(
        "bitstream", nargs="?", metavar="BITSTREAM", help="default: what deep3 build left in bitstreams/BOARD"
    )
    parser.add_argument("--flash", action="store_true", help="into the flash, so that it stays when power goes")


def _run(arguments: argparse.Namespace) -> Report:
    board = load_board(arguments.board)
    bitstream = Path(arguments.bitstream or Path("bitstreams") / board.key / "deep3.bit")
    if not bitstream.is_file():
        raise ProgramBoardError(f"there is no bitstream {bitstream}; deep3 build --board {board.key} makes one")
    command = _command(board, bitstream, arguments.flash)
    if shutil.which(LOADER) is None:
        raise ProgramBoardError(f"{LOADER} is not installed; with it, run: {' '.join(command)}")
    print(f"deep3: {' '.join(command)}", file=sys.stderr)
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        lines = [line for line in (done.stdout + done.stderr).splitlines() if line.strip()]
        raise ProgramBoardError(f"{LOADER} failed with exit code {done.returncode}: {' | '.join(lines[-LAST_LINES:])}")
    return {"board": board.key, "bitstream": str(bitstream), "command": command}


def _command(board: BoardDescription, bitstream: Path, flash: bool) -> list[str]:
    if not board.programmer:
        raise ProgramBoardError(f"{LOADER} does not know {board.name}; its vendor's tool programs {bitstream}")
    return [LOADER, *board.programmer, "--write-flash" if flash else "--write-sram", str(bitstream)]


def _describe(report: Report) -> str:
    return f"{report['board']}: {report['bitstream']} loaded"


COMMAND = Command(
    name="program",
    summary="Load a bitstream into a board with openFPGALoader.",
    example="deep3 program --board ecpix5-85f",
    add_arguments=_add_arguments,
    run=_run,
    describe=_describe,
)
"""The subcommand."""
