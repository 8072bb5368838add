"""``deep3 predict``: classes from a trained network."""

import argparse
from pathlib import Path

from .command import Command, Report
from .hidden_sizes import input_shape

__all__ = ["COMMAND"]


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "run_folder", metavar="RUN", nargs="?", help="run folder, or the checkpoint in one; none with --model"
    )
    parser.add_argument(
        "--model",
        metavar="WHERE",
        help="a model of your own in place of a run, FILE.onnx or FILE.py:NAME as of deep3 train (default none)",
    )
    parser.add_argument(
        "--input-shape",
        type=input_shape,
        metavar="C,H,W",
        help="of a sample of --model: channels, height and width, or features (default: as the data have it)",
    )
    parser.add_argument(
        "--data",
        metavar="DATA",
        help="data set name, or the path of an .npz, .npy or .csv file, with labels or without (docs/data.md); "
        "default: the data set of the run",
    )
    parser.add_argument(
        "--labels",
        "--label-column",
        metavar="WHERE",
        help="column of a .csv, key of an .npz, or .npy file that holds the labels (default: as in the run)",
    )
    parser.add_argument(
        "--rows",
        choices=["all", "test", "train"],
        help="rows to classify (default: test rows of the data of the run and of data with a split, else all)",
    )
    parser.add_argument("--confusion", action="store_true", help="report how often each class was taken for which")
    parser.add_argument(
        "-o", "--output", metavar="FILE", help="one class a line, by name; - for standard output (default none)"
    )


def _run(arguments: argparse.Namespace) -> Report:
    from deep3.host.training.predict import predict

    output = None if arguments.output is None else Path(arguments.output)
    report = predict(
        arguments.run_folder,
        arguments.data,
        output,
        arguments.rows,
        arguments.labels,
        arguments.model,
        arguments.input_shape,
    )
    if not arguments.confusion:
        report["confusion"] = None
    elif report["confusion"] is None:
        report["note"] = "there is no confusion matrix, because the data have no labels"
    return report


def _describe(report: Report) -> str:
    part = f"{report['rows']} rows" + ("" if report["rows"] == "all" else f" of {report['samples_there']}")
    text = f"{report['samples']} samples of {report['data']} ({part})"
    if report["accuracy"] is not None:
        text += f": accuracy {100 * report['accuracy']:.2f} %"
    if report["clipped_inputs"]:
        text += f"; {report['clipped_inputs']} input values left Q3.12 and were saturated"
    if report["output"] not in (None, "-"):
        text += f"; classes in {report['output']}"
    lines = [text]
    if report["note"]:
        lines.append(f"note: {report['note']}")
    if report["confusion"] is not None:
        lines += _confusion_lines(report["classes"], report["confusion"])
    return "\n".join(lines)


def _confusion_lines(names: list[str], counts: list[list[int]]) -> list[str]:
    """One line a true class, one column a class that was found."""
    rows: list[list[str]] = [names, *(list(map(str, row)) for row in counts)]
    corner = "true / found"
    width = max(len(cell) for row in rows for cell in row)
    first = max(len(corner), width)
    lines = ["  ".join([f"{corner:<{first}}", *(f"{name:>{width}}" for name in names)])]
    for name, row in zip(names, rows[1:], strict=True):
        lines.append("  ".join([f"{name:<{first}}", *(f"{count:>{width}}" for count in row)]))
    return lines


COMMAND = Command(
    name="predict",
    summary="Classify samples with the best network of a run.",
    example="deep3 predict runs/digits-20260101-120000 --data digits --confusion",
    add_arguments=_add_arguments,
    run=_run,
    describe=_describe,
)
