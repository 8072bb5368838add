"""``deep3 predict``: classes from a trained network."""

import argparse
from pathlib import Path

from .command import Command, Report

__all__ = ["COMMAND"]


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("run_folder", metavar="RUN", help="run folder, or the checkpoint in one")
    parser.add_argument(
        "--data",
        metavar="DATA",
        help="data set name (its test samples), or the path of an .npz file with X and perhaps y (all its samples); "
        "default: the data set of the run",
    )
    parser.add_argument("-o", "--output", metavar="FILE", help="write one class index a line")


def _run(arguments: argparse.Namespace) -> Report:
    from deep3.host.training.predict import predict

    return predict(arguments.run_folder, arguments.data, None if arguments.output is None else Path(arguments.output))


def _describe(report: Report) -> str:
    text = f"{report['samples']} samples of {report['data']}"
    if report["accuracy"] is not None:
        text += f": accuracy {100 * report['accuracy']:.2f} %"
    if report["clipped_inputs"]:
        text += f"; {report['clipped_inputs']} input values left Q3.12 and were saturated"
    return text if report["output"] is None else f"{text}; classes in {report['output']}"


COMMAND = Command(
    name="predict",
    summary="Classify samples with the best network of a run.",
    example="deep3 predict runs/digits-20260101-120000 --data digits",
    add_arguments=_add_arguments,
    run=_run,
    describe=_describe,
)
