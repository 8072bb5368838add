"""``deep3 report``: everything that a run folder tells, on one page."""

import argparse
from pathlib import Path

from deep3.files import STANDARD_OUTPUT, check_output
from deep3.host.records.run_folder import PAGE_FILE

from .command import Command, Report

__all__ = ["COMMAND"]


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("run_folder", metavar="RUN", help="run folder; also of a run that is under way or was killed")
    parser.add_argument(
        "-o",
        "--output",
        metavar="FILE",
        help=f"the page, one HTML file that needs no other; - for standard output (default {PAGE_FILE} in RUN)",
    )


def _run(arguments: argparse.Namespace) -> Report:
    from deep3.host.training.report import report_run

    folder = Path(arguments.run_folder)
    if arguments.output is not None:
        check_output(arguments.output)
    return report_run(folder, arguments.output or str(folder / PAGE_FILE))


def _describe(report: Report) -> str:
    lines = [f"note: {note}" for note in report["notes"]]
    if report["page"] != STANDARD_OUTPUT:
        lines.append(report["page"])
    return "\n".join(lines)


COMMAND = Command(
    name="report",
    summary="Everything that a run folder tells, on one page.",
    example="deep3 report runs/digits-20260101-120000",
    add_arguments=_add_arguments,
    run=_run,
    describe=_describe,
)
