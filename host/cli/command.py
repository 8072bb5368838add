"""What every subcommand consists of."""

import argparse
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

__all__ = ["Command", "Report"]

Report = dict[str, Any]
"""What ``--json`` prints."""


@dataclass(frozen=True)
class Command:
    """A subcommand.

    Attributes
    ----------
    name, summary, example
        For the help texts.
    add_arguments
        Declares its options.
    run
        Does the work; progress goes to stderr.
    describe
        The report in words.
    details
        Lines for the end of its help text, made only when that is shown.
    """

    name: str
    summary: str
    example: str
    add_arguments: Callable[[argparse.ArgumentParser], None]
    run: Callable[[argparse.Namespace], Report]
    describe: Callable[[Report], str]
    details: Callable[[], str] = lambda: ""
