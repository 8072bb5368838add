"""A bitstream into a board: checked against it, then handed to openFPGALoader."""

import os
import re
import subprocess
from collections.abc import Callable
from pathlib import Path

from deep3.cost_model.boards import BoardDescription
from deep3.errors import Deep3Error

from .bitstream import bitstream_target
from .tools import ToolError, choose_tool, last_lines, tool_version

__all__ = ["ProgramBoardError", "check_bitstream", "program_board"]

LOADER = "openFPGALoader"
LIBRARIES = "it needs libusb and libftdi of the system; on Debian: sudo apt install libusb-1.0-0 libftdi1-2"
BRIDGES_VARIABLE = "OPENFPGALOADER_SOJ_DIR"
"""Where openFPGALoader finds the designs through which it reaches the flash of a Xilinx device."""


class ProgramBoardError(Deep3Error):
    """A board that cannot be programmed from here, or a bitstream that is not for it; nothing was sent."""


def check_bitstream(bitstream: Path, board: BoardDescription) -> None:
    """Hold the device that a bitstream names against that of a board.

    Raises
    ------
    BitstreamError
        When there is no such file, or it is no bitstream.
    ProgramBoardError
        When it is for another device, or for the same one in another package.
    """
    target = bitstream_target(bitstream)
    if board.family == "ecp5":
        device, package = board.part, board.package
    else:
        # Vivado and ISE leave out prefix and speed: 6vlx240tff1156 for xc6vlx240t-1ff1156.
        device, package = re.sub(r"-\d", "", board.part.removeprefix("xc")), ""
    if target.device.lower() != device.lower():
        raise ProgramBoardError(f"{bitstream} is for {target.device}, {board.name} has {device}: nothing was sent")
    if package and target.package and target.package.lower() != package.lower():
        raise ProgramBoardError(
            f"{bitstream} is for {target.device} in {target.package}, that of {board.name} is in {package}: "
            "nothing was sent"
        )


def program_board(
    board: BoardDescription, bitstream: Path, *, flash: bool = False, announce: Callable[[str], None]
) -> list[str]:
    """Load a bitstream into a board.

    Parameters
    ----------
    flash
        Into its flash, so that it stays when power goes; otherwise into the FPGA alone.
    announce
        Told which loader is taken and the command that is run, a line each.

    Returns
    -------
    list of str
        The command that was run.

    Raises
    ------
    BitstreamError, ProgramBoardError
        As `check_bitstream`, and for a board that openFPGALoader does not know.
    ToolError
        When openFPGALoader is missing or fails.
    """
    check_bitstream(bitstream, board)
    if not board.programmer:
        raise ProgramBoardError(f"{LOADER} does not know {board.name}; its vendor's tool programs {bitstream}")
    options = [*board.programmer, "--write-flash" if flash else "--write-sram", str(bitstream)]
    try:
        loader, why = choose_tool(LOADER)
    except ToolError as error:
        raise ToolError(f"{error}; with it, this runs: {' '.join([LOADER, *options])}") from None
    try:
        version = tool_version(LOADER)
    except ToolError as error:
        raise ToolError(f"{error}; {LIBRARIES}" if why.startswith("of pip") else str(error)) from None
    announce(f"{version} ({loader}, {why})")
    command = [loader, *options]
    announce(" ".join(command))
    bridges = Path(loader).parents[1] / "share" / LOADER
    environment = {BRIDGES_VARIABLE: str(bridges), **os.environ} if bridges.is_dir() else None
    done = subprocess.run(command, capture_output=True, text=True, errors="replace", check=False, env=environment)
    if done.returncode:
        said = last_lines(done.stdout + done.stderr)
        raise ToolError(f"{LOADER} failed with exit code {done.returncode}: {said}")
    return command
