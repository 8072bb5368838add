"""Runs the examples of a guide in order, in the folder it is called in.

Blocks of a page that are executed: ``console``, whose lines behind ``$`` are commands and whose other lines are what
they print; ``python`` with ``>>>``, a doctest; ``python`` without, a script. What they define, later blocks see.
``...`` stands for any text, and spaces for any number of them. A command may fail where its output begins with
``deep3: ``. Anything that is not to be executed is a block of another kind, such as ``text``.
"""

import contextlib
import doctest
import glob
import io
import os
import re
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from deep3.host.cli import main

__all__ = ["Example", "GuideError", "blocks", "run_page"]

ROOT = Path(__file__).parents[1]
OPTIONS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
SHELL_CHARACTERS = re.compile(r"[|<>;&$`\\]")
LONGEST_COMMAND_S = 120


class GuideError(AssertionError):
    """An example that does not do what the page says."""


@dataclass(frozen=True)
class Example:
    """A block: its kind, its text, and the line of the page on which the text begins."""

    kind: str
    text: str
    line: int


def blocks(page: str) -> Iterator[Example]:
    """The fenced blocks of a page, in order."""
    kind, first, lines = None, 0, []
    for number, line in enumerate(page.splitlines(), 1):
        fence = line.strip().startswith("```")
        if kind is None and fence:
            kind, first, lines = line.strip()[3:].strip(), number + 1, []
        elif fence:
            yield Example(str(kind), "\n".join(lines) + "\n", first)
            kind = None
        elif kind is not None:
            lines.append(line)


def run_page(page: str, name: str) -> int:
    """Execute the examples of a page; the number of commands, scripts and doctests.

    Raises
    ------
    GuideError
        Naming page, line, what was expected and what came.
    """
    names: dict[str, object] = {"__name__": "guide"}
    count = 0
    for block in blocks(page):
        if block.kind == "console":
            for line, command, expected in _commands(block):
                _check(f"{name}:{line}: $ {command}", expected, _run_command(command, expected, f"{name}:{line}"))
                count += 1
        elif block.kind == "python":
            _run_python(block, names, name)
            count += 1
    return count


def _commands(block: Example) -> list[tuple[int, str, str]]:
    """Line, command and expected output of each command; one goes on behind a backslash."""
    found: list[tuple[int, str, str]] = []
    continues = False
    for number, text in enumerate(block.text.splitlines(), block.line):
        if text.startswith("$ "):
            found.append((number, text[2:], ""))
        elif not found:
            raise GuideError(f"line {number}: a console block must begin with a command behind '$ ', not {text!r}")
        else:
            line, command, expected = found[-1]
            found[-1] = (line, command + "\n" + text, "") if continues else (line, command, f"{expected}{text}\n")
        continues = found[-1][1].endswith("\\") and not found[-1][2]
    return [(line, command.replace("\\\n", " "), expected) for line, command, expected in found]


def _run_command(command: str, expected: str, place: str) -> str:
    words = shlex.split(command)
    if words[0] == "deep3" and not SHELL_CHARACTERS.search(command):
        status, out, error = _deep3([part for word in words[1:] for part in sorted(glob.glob(word)) or [word]])
    else:
        status, out, error = _shell(command)
    refused = expected.startswith("deep3: ")
    if (status != 0) != refused:
        raise GuideError(f"{place}: $ {command}\nended with status {status}:\n{out}{error}")
    # Progress bars are not what a page shows; a refusal is the last line behind them.
    return error.rstrip().splitlines()[-1] + "\n" if refused else out


def _deep3(arguments: list[str]) -> tuple[int, str, str]:
    """In this process, which has PyTorch loaded already."""
    out, error = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(error):
        try:
            status = main(arguments)
        except SystemExit as leaving:
            status = int(leaving.code or 0)
    return status, out.getvalue(), error.getvalue()


def _shell(command: str) -> tuple[int, str, str]:
    with tempfile.TemporaryDirectory() as folder:
        script = Path(folder) / "deep3"
        script.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m deep3 "$@"\n')
        script.chmod(0o755)
        environment = dict(os.environ, PYTHONPATH=str(ROOT), PATH=f"{folder}:{os.environ['PATH']}")
        done = subprocess.run(
            command, shell=True, capture_output=True, text=True, timeout=LONGEST_COMMAND_S, env=environment
        )
    return done.returncode, done.stdout, done.stderr


def _check(what: str, expected: str, got: str) -> None:
    if expected and not doctest.OutputChecker().check_output(expected, got, OPTIONS):
        raise GuideError(f"{what}\nthe page says:\n{expected}it printed:\n{got}")


def _run_python(block: Example, names: dict[str, object], name: str) -> None:
    place = f"{name}:{block.line}"
    if block.text.lstrip().startswith(">>>"):
        test = doctest.DocTestParser().get_doctest(block.text, names, place, place, block.line - 1)
        said = io.StringIO()
        runner = doctest.DocTestRunner(optionflags=OPTIONS)
        with contextlib.redirect_stderr(io.StringIO()):
            runner.run(test, out=said.write, clear_globs=False)
        names.update(test.globs)
        if runner.failures:
            raise GuideError(f"{place}:\n{said.getvalue()}")
        return
    code = compile("\n" * (block.line - 1) + block.text, name, "exec")
    try:
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
            exec(code, names)
    except Exception as error:
        raise GuideError(f"{place}: {type(error).__name__}: {error}") from error
