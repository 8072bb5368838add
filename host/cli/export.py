"""``deep3 export``: a trained network for other tools."""

import argparse
import io

from deep3.errors import UsageError
from deep3.files import check_output, write_bytes

from .command import Command, Report
from .hidden_sizes import input_shape

__all__ = ["COMMAND"]


class ExportUsageError(UsageError):
    """An export that cannot be."""


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("run_folder", metavar="RUN", help="run folder, or the checkpoint in one")
    parser.add_argument(
        "-o",
        "--output",
        metavar="FILE",
        required=True,
        help="FILE.onnx, which takes raw samples and gives outputs before softmax; with --model FILE.pt, a state_dict",
    )
    parser.add_argument(
        "--model",
        metavar="WHERE",
        help="FILE.py:NAME, the module that the network was made of; its state is written (default none)",
    )
    parser.add_argument(
        "--input-shape",
        type=input_shape,
        metavar="C,H,W",
        help="of a sample of --model (default: as the network has it)",
    )


def _run(arguments: argparse.Namespace) -> Report:
    wanted = ".pt" if arguments.model else ".onnx"
    if not arguments.output.lower().endswith(wanted):
        which = "with --model" if arguments.model else "without --model"
        raise ExportUsageError(f"output must end in {wanted} {which}, not {arguments.output!r}")
    check_output(arguments.output)
    from deep3.host.training.model import load

    model = load(arguments.run_folder)
    if arguments.model is None:
        model.save_onnx(arguments.output)
    else:
        import torch

        from deep3.host.training.model_file import find_module

        content = io.BytesIO()
        torch.save(model.state_dict(find_module(arguments.model, 1), arguments.input_shape), content)
        write_bytes(arguments.output, content.getvalue())
    return {"run": arguments.run_folder, "output": arguments.output, "parameters": model.network.parameters}


def _describe(report: Report) -> str:
    return f"{report['output']}: {report['parameters']} weights and biases"


COMMAND = Command(
    name="export",
    summary="Write a trained network as ONNX or as a state of PyTorch.",
    example="deep3 export runs/digits-20260101-120000 -o digits.onnx",
    add_arguments=_add_arguments,
    run=_run,
    describe=_describe,
)
