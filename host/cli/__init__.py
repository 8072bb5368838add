"""The ``deep3`` command: one module a subcommand, errors as one line, ``--json`` for programs."""

import argparse
import json
import os
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any, NoReturn

from deep3.errors import Deep3Error, UsageError
from deep3.extras import remedy
from deep3.files import STANDARD_OUTPUT
from deep3.host.training.interruption import Terminated
from deep3.version import VERSION

from . import (
    bench,
    board,
    build,
    discover,
    export,
    generate,
    plot,
    predict,
    profile,
    program,
    quantise,
    report,
    size,
    train,
)
from .command import Command

__all__ = ["main", "make_parser"]

GROUPS: dict[str, tuple[Command, ...]] = {
    "train a network, and use it": (
        train.COMMAND, predict.COMMAND, report.COMMAND, plot.COMMAND, export.COMMAND,
    ),
    "plan: what fits a board, how fast it is": (size.COMMAND, quantise.COMMAND, profile.COMMAND),
    "boards: make, find, or simulate one": (
        build.COMMAND, program.COMMAND, discover.COMMAND, board.COMMAND, generate.COMMAND,
    ),
    "measure deep3 itself": (bench.COMMAND,),
}  # fmt: skip
COMMANDS = tuple(command for group in GROUPS.values() for command in group)
EXIT_ERROR = 1
EXIT_USAGE = 2
EXIT_INTERRUPTED = 130
EXIT_PIPE = 141
"""As the shell has it for a program that SIGPIPE ended."""
EXIT_TERMINATED = 143

EXIT_STATUS = """exit status: 0 done; 1 a file, data, tool or board is at fault; 2 an option or argument cannot be;
130 interrupted; 143 terminated; 141 nobody reads the output. What is wrong is said in one line on stderr;
with --json also as {"error": ...} on stdout."""


class _Parser(argparse.ArgumentParser):
    """Says what is wrong in one line; the usage is behind --help."""

    def __init__(self, **options: Any) -> None:
        super().__init__(formatter_class=argparse.RawDescriptionHelpFormatter, **options)
        self.details: Callable[[], str] = lambda: ""

    def format_help(self) -> str:
        details = self.details()
        return "\n".join([super().format_help(), *([details, ""] if details else []), EXIT_STATUS, ""])

    def error(self, message: str) -> NoReturn:
        raise _WrongUsage(f"{self.prog}: {' '.join(message.split())} (see {self.prog} --help)")


class _WrongUsage(Exception):
    """An option or argument that the parser does not take; the message has the command in front."""


def make_parser() -> argparse.ArgumentParser:
    """The parser of the whole command line."""
    parser = _Parser(
        prog="deep3",
        description="Train neural networks on generated 16-bit engines, CPUs and GPUs together.",
        epilog=_overview(),
        usage="deep3 [--version] COMMAND ...",
    )
    parser.add_argument("--version", action="version", version=f"%(prog)s {VERSION}")
    commands = parser.add_subparsers(
        dest="command",
        metavar="COMMAND",
        required=True,
        prog="deep3",
        parser_class=_Parser,
        help="one of those below",
    )
    for command in COMMANDS:
        sub = commands.add_parser(
            command.name, description=command.summary, epilog=f"example: {command.example}"
        )
        sub.details = command.details
        command.add_arguments(sub)
        sub.add_argument("--json", action="store_true", help="print one JSON object to stdout, and nothing else there")
        sub.set_defaults(selected=command)
    return parser


def _overview() -> str:
    lines = []
    for title, group in GROUPS.items():
        lines += [f"{title}:", *(f"  {command.name:<9} {command.summary}" for command in group), ""]
    lines += [
        "deep3 COMMAND --help has the options of a command, their units and defaults, and an example.",
        "example: deep3 train digits --hidden 64,32 --worker cpu:1",
    ]
    return "\n".join(lines)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command.

    Returns
    -------
    int
        The exit status: 0; 1 for an error; 2 for an option or argument that cannot be; 130 when interrupted; 141 when
        nobody reads what is printed; 143 when terminated.
    """
    given = sys.argv[1:] if arguments is None else arguments
    as_json = "--json" in given
    _open_closed_streams()
    try:
        parsed = make_parser().parse_args(given)
        return _print(*_run(parsed))
    except _WrongUsage as error:
        return _refuse(str(error), EXIT_USAGE, as_json)
    except KeyboardInterrupt as interrupt:
        terminated = isinstance(interrupt, Terminated)
        word = "terminated" if terminated else "interrupted"
        status = EXIT_TERMINATED if terminated else EXIT_INTERRUPTED
        return _refuse("; ".join([f"deep3: {word}", *map(str, interrupt.args)]), status, as_json)
    except UsageError as error:
        return _refuse(f"deep3: {_one_line(error)}", EXIT_USAGE, as_json)
    except (Deep3Error, OSError) as error:
        return _refuse(f"deep3: {_one_line(error)}", EXIT_ERROR, as_json)
    except ModuleNotFoundError as error:
        missing = remedy(error)
        if missing is None:
            raise
        return _refuse(f"deep3: {parsed.selected.name} {missing}", EXIT_ERROR, as_json)


def _run(parsed: argparse.Namespace) -> tuple[str, bool]:
    """The report as it is printed, and whether to stderr: where a result goes to standard output, that alone does."""
    command: Command = parsed.selected
    beside = getattr(parsed, "output", None) == STANDARD_OUTPUT
    if beside and parsed.json:
        raise UsageError("--json and -o - both print to standard output; name a file for one of them")
    report = command.run(parsed)
    return json.dumps(report) if parsed.json else command.describe(report), beside


def _print(text: str, to_stderr: bool) -> int:
    stream = sys.stderr if to_stderr else sys.stdout
    try:
        print(text, file=stream)
        sys.stdout.flush()
    except BrokenPipeError:
        _give_up_stdout()
        return EXIT_PIPE
    except OSError as error:
        _give_up_stdout()
        print(f"deep3: standard output: cannot be written: {error.strerror or error}", file=sys.stderr)
        return EXIT_ERROR
    return 0


def _refuse(message: str, status: int, as_json: bool) -> int:
    """Say what is wrong in one line, and on standard output in JSON where a program asked for it."""
    with suppress(OSError):
        print(message, file=sys.stderr, flush=True)
    if as_json:
        _print(json.dumps({"error": message.removeprefix("deep3: ")}), False)
    return status


def _open_closed_streams() -> None:
    """What a shell closed (``2>&-``) becomes /dev/null, or the next file that is opened would get its number."""
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            setattr(sys, name, os.fdopen(os.open(os.devnull, os.O_WRONLY), "w"))


def _give_up_stdout() -> None:
    """Let Python, which flushes it once more at its end, find nothing wrong then."""
    with suppress(OSError, ValueError):
        descriptor = os.open(os.devnull, os.O_WRONLY)
        os.dup2(descriptor, sys.stdout.fileno())
        os.close(descriptor)


def _one_line(error: Exception) -> str:
    if isinstance(error, OSError) and error.strerror:
        return f"{error.filename}: {error.strerror}" if error.filename else error.strerror
    return " ".join(str(error).split()) or type(error).__name__
