"""The ``deep3`` command: one module a subcommand, errors as one line, ``--json`` for programs."""

import argparse
import json
import os
import sys
from collections.abc import Sequence
from typing import NoReturn

from deep3.errors import Deep3Error
from deep3.extras import remedy
from deep3.host.training.interruption import Terminated
from deep3.version import VERSION

from . import bench, board, build, discover, generate, plot, predict, profile, program, size, train
from .command import Command

__all__ = ["main"]

COMMANDS: tuple[Command, ...] = (
    train.COMMAND,
    predict.COMMAND,
    plot.COMMAND,
    generate.COMMAND,
    size.COMMAND,
    profile.COMMAND,
    build.COMMAND,
    program.COMMAND,
    board.COMMAND,
    discover.COMMAND,
    bench.COMMAND,
)
EXIT_ERROR = 1
EXIT_USAGE = 2
EXIT_INTERRUPTED = 130
EXIT_TERMINATED = 143


class _Parser(argparse.ArgumentParser):
    """Says what is wrong in one line; the usage is behind --help."""

    def error(self, message: str) -> NoReturn:
        print(f"{self.prog}: {message} (see {self.prog} --help)", file=sys.stderr)
        raise SystemExit(EXIT_USAGE)


def make_parser() -> argparse.ArgumentParser:
    """The parser of the whole command line."""
    parser = _Parser(
        prog="deep3",
        description="Train neural networks on generated 16-bit engines, CPUs and GPUs together.",
        epilog="example: deep3 train digits --hidden 64,32 --worker cpu:1",
    )
    parser.add_argument("--version", action="version", version=f"%(prog)s {VERSION}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True, parser_class=_Parser)
    for command in COMMANDS:
        sub = commands.add_parser(
            command.name,
            help=command.summary,
            description=command.summary,
            epilog=f"example: {command.example}",
        )
        command.add_arguments(sub)
        sub.add_argument("--json", action="store_true", help="print one JSON object to stdout, and nothing else there")
        sub.set_defaults(selected=command)
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; the exit status is 0, 1 for an error, 2 for wrong usage, 130 when interrupted, 143 when
    terminated."""
    _open_closed_streams()
    parsed = make_parser().parse_args(arguments)
    command: Command = parsed.selected
    try:
        report = command.run(parsed)
    except KeyboardInterrupt as interrupt:
        terminated = isinstance(interrupt, Terminated)
        word = "terminated" if terminated else "interrupted"
        print("; ".join([f"deep3: {word}", *map(str, interrupt.args)]), file=sys.stderr)
        return EXIT_TERMINATED if terminated else EXIT_INTERRUPTED
    except (Deep3Error, OSError) as error:
        print(f"deep3: {_one_line(error)}", file=sys.stderr)
        return EXIT_ERROR
    except ModuleNotFoundError as error:
        missing = remedy(error)
        if missing is None:
            raise
        print(f"deep3: {command.name} {missing}", file=sys.stderr)
        return EXIT_ERROR
    print(json.dumps(report) if parsed.json else command.describe(report))
    return 0


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


def _one_line(error: Exception) -> str:
    if isinstance(error, OSError) and error.strerror:
        return f"{error.filename}: {error.strerror}" if error.filename else error.strerror
    return " ".join(str(error).split()) or type(error).__name__
