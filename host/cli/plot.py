"""``deep3 plot``: the picture of a run, drawn again from its folder."""

import argparse
from pathlib import Path

from .command import Command, Report

__all__ = ["COMMAND"]


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("run_folder", metavar="RUN", help="run folder; also of a run that is under way")


def _run(arguments: argparse.Namespace) -> Report:
    from deep3.host.reports.run_plot import plot_run

    return {"plot": str(plot_run(Path(arguments.run_folder)))}


def _describe(report: Report) -> str:
    return str(report["plot"])


COMMAND = Command(
    name="plot",
    summary="Draw the picture of a run again, from its folder.",
    example="deep3 plot runs/digits-20260101-120000",
    add_arguments=_add_arguments,
    run=_run,
    describe=_describe,
)
