"""``deep3 quantise``: what the engine's formats do to a model."""

import argparse
from pathlib import Path

from deep3.compiler.network.layers import MAX_SIZE
from deep3.errors import UsageError
from deep3.files import check_output
from deep3.host.workers.threads import wait_without_spinning

from .command import Command, Report
from .hidden_sizes import input_shape
from .picture import picture

__all__ = ["COMMAND"]

DEFAULT_SAMPLES = 32


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("model", metavar="MODEL", help="FILE.onnx, or FILE.py:NAME as of deep3 train (docs/models.md)")
    parser.add_argument(
        "--data", metavar="DATA", required=True,
        help="data set name, or the path of an .npz, .npy or .csv file, with labels or without (docs/data.md)",
    )  # fmt: skip
    parser.add_argument(
        "--labels", "--label-column", metavar="WHERE",
        help="column of a .csv, key of an .npz, or .npy file that holds the labels (default: the usual place)",
    )  # fmt: skip
    parser.add_argument(
        "--input-shape", type=input_shape, metavar="C,H,W",
        help="of a sample: channels, height and width, or features (default: as the data have it)",
    )  # fmt: skip
    parser.add_argument(
        "--samples", type=int, default=DEFAULT_SAMPLES, metavar="N",
        help=f"samples of the batch, the first for the test (default {DEFAULT_SAMPLES})",
    )  # fmt: skip
    parser.add_argument("--loss", choices=["mse", "softmax"], default="softmax", help="of the output (default softmax)")
    parser.add_argument(
        "--picture", type=picture, metavar="FILE",
        help="draw ranges, losses and errors of the tensors (PNG, PDF, SVG; default none)",
    )  # fmt: skip


def _run(arguments: argparse.Namespace) -> Report:
    if not 1 <= arguments.samples <= MAX_SIZE:
        raise UsageError(f"samples must be between 1 and {MAX_SIZE}, not {arguments.samples}")
    if arguments.picture is not None:
        check_output(arguments.picture)
    wait_without_spinning()
    # PyTorch takes seconds to import, and Matplotlib, which draws, one more.
    from deep3.host.reports.quantisation import quantisation_report
    from deep3.host.training.quantise import quantise_model

    quantised = quantise_model(
        arguments.model, arguments.data, arguments.labels, arguments.input_shape, arguments.samples, arguments.loss
    )
    report = quantisation_report(quantised)
    if arguments.picture is not None:
        from deep3.host.reports.quantisation_plot import plot_quantisation

        title = f"{report['model']} with {report['samples']} samples of {report['data']}: the engine's formats"
        plot_quantisation(title, quantised.tensors, Path(arguments.picture))
    return report


def _describe(report: Report) -> str:
    lines = [
        f"{report['model']} with {report['samples']} samples of {report['data']}:"
        f" engine and floating point say the same class of {report['same_class']:.1%}",
        f"  {'tensor':<15}{'format':<7}{'smallest':>10}{'largest':>10}{'clipped':>9}{'zeros':>7}{'lost':>7}"
        f"{'error':>9}{'worst':>9}",
    ]
    for tensor in report["tensors"]:
        error = tensor["relative_error"]
        lines.append(
            f"  {tensor['tensor']:<15}{tensor['format']:<7}{tensor['smallest']:>10.4g}{tensor['largest']:>10.4g}"
            f"{tensor['clipped']:>9}{tensor['zeros']:>7.1%}{tensor['below_half_a_step']:>7.1%}"
            f"{'' if error is None else f'{error:.2%}':>9}{tensor['worst_error']:>9.2g}"
        )
    lines.append("clipped: values at an end of the format; zeros: on the engine; lost: below half a step, but not 0")
    lines.append("error: root mean square, relative to the values; worst: the largest difference")
    return "\n".join([*lines, *(f"note: {note}" for note in report["notes"])])


COMMAND = Command(
    name="quantise",
    summary="Show what the engine's 16-bit formats do to a model.",
    example="deep3 quantise nets.py:Net --data digits --picture formats.png",
    add_arguments=_add_arguments,
    run=_run,
    describe=_describe,
)
