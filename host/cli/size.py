"""``deep3 size``: what fits a board, how fast it trains, what limits it."""

import argparse
from pathlib import Path
from typing import Any

from deep3.compiler.optimisers.optimiser import OPTIMISERS
from deep3.cost_model.boards import load_board
from deep3.cost_model.design import OBJECTIVES, Limits, LocalDesign, ModelDesign, ModelTask, Task, Work
from deep3.cost_model.forward_sizing import size_forward
from deep3.cost_model.local_network import GlobalNetwork
from deep3.cost_model.model_sizing import size_model
from deep3.cost_model.profile import Profile
from deep3.cost_model.sizing import size
from deep3.errors import UsageError
from deep3.files import STANDARD_OUTPUT, check_output, write_text
from deep3.host.reports.forward_sizing import forward_report
from deep3.host.reports.sized import DEFAULT_BATCH
from deep3.host.reports.sizing import board_report, model_report
from deep3.host.reports.worker_sizing import worker_report

from .boards import BOARD_HELP, board_states
from .command import Command, Report
from .hidden_sizes import hidden_sizes, input_shape
from .picture import picture
from .size_lines import describe

__all__ = ["COMMAND"]

DEFAULT_OBJECTIVE = "runtime"


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    platform = parser.add_mutually_exclusive_group(required=True)
    platform.add_argument("--board", metavar="B", help=BOARD_HELP)
    platform.add_argument("--profile", metavar="FILE", help="CPU or CUDA workers as deep3 profile measured them")
    parser.add_argument("--force", action="store_true", help="with --profile: also one of another machine")
    parser.add_argument("--features", type=int, metavar="N", help="features of a sample (default: of --model)")
    parser.add_argument(
        "--hidden", type=hidden_sizes, metavar="N,N", help="neurons of hidden layers, or none (default: of --model)"
    )
    parser.add_argument("--classes", type=int, metavar="N", help="classes (default: of --model)")
    parser.add_argument(
        "--model",
        metavar="WHERE",
        help="with --board: a network of your own in place of these three, of which workers train the whole or the "
        "largest share that fits: FILE.onnx, or FILE.py:NAME as of deep3 train (docs/models.md; default none)",
    )
    parser.add_argument(
        "--input-shape", type=input_shape, metavar="C,H,W",
        help="of a sample of --model: channels, height and width, or features (default none)",
    )  # fmt: skip
    parser.add_argument(
        "--forward", action="store_true",
        help="with --model: an engine that computes it forward only, its weights over the link (docs/streaming.md)",
    )  # fmt: skip
    parser.add_argument("--samples", type=int, default=10_000, metavar="N", help="training samples (default 10000)")
    parser.add_argument(
        "--batch", type=int, metavar="N",
        help=f"samples of a batch (default {DEFAULT_BATCH}; with --model the largest power of two up to it that fits)",
    )  # fmt: skip
    parser.add_argument(
        "--optimiser", choices=OPTIMISERS, default="sgd",
        help="with --board: what trains, as of deep3 train; its state takes memory (default sgd)",
    )  # fmt: skip
    parser.add_argument(
        "--objective", choices=list(OBJECTIVES), default=DEFAULT_OBJECTIVE,
        help="what is made small: time or energy of an epoch, their product, block RAM (default runtime)",
    )  # fmt: skip
    parser.add_argument(
        "--workers", type=int, metavar="N",
        help="boards, or processes, that train together (default: 1, or the fewest boards that keep --max-seconds)",
    )  # fmt: skip
    parser.add_argument("--max-seconds", type=float, metavar="S", help="limit of an epoch in seconds (default none)")
    parser.add_argument("--max-joules", type=float, metavar="J", help="limit of an epoch in joules (default none)")
    parser.add_argument("--max-block-rams", type=int, metavar="N", help="limit of block RAMs (default: the device's)")
    parser.add_argument(
        "--unrouted", action="store_true", help="also arrays larger than those that were routed on the board's part"
    )
    parser.add_argument(
        "-o", "--output", metavar="FILE", help="write the engine there (TOML); - for standard output (default none)"
    )
    parser.add_argument(
        "--picture", type=picture, metavar="FILE",
        help="draw designs, block RAM and roofline (PNG, PDF, SVG; default none)",
    )  # fmt: skip


def _run(arguments: argparse.Namespace) -> Report:
    _check_together(arguments)
    if arguments.profile:
        return _run_workers(_task(arguments), arguments)
    for output in (arguments.output, arguments.picture):
        if output is not None:
            check_output(output)
    board = load_board(arguments.board)
    file = None if arguments.output == STANDARD_OUTPUT else arguments.output
    if arguments.forward:
        forward = size_forward(_model_task(arguments), board, arguments.unrouted, largest=arguments.batch is None)
        report = forward_report(forward, file)
        if arguments.output:
            write_text(arguments.output, report["engine"])
        return report
    designs: list[LocalDesign] | list[ModelDesign]
    if arguments.model:
        designs = size_model(_model_task(arguments), board, arguments.unrouted, largest=arguments.batch is None)
        report = model_report(designs, file)
    else:
        designs = size(_task(arguments), board, arguments.unrouted)
        report = board_report(designs, file, arguments.unrouted)
    if arguments.output:
        write_text(arguments.output, report["engine"])
    if arguments.picture:
        # Drawing takes longer than sizing.
        from deep3.host.reports.sizing_plot import plot_sizing

        plot_sizing(designs, Path(arguments.picture))
    return report


def _check_together(arguments: argparse.Namespace) -> None:
    sizes = {name: getattr(arguments, name) is not None for name in ("features", "hidden", "classes")}
    if arguments.model:
        if given := [f"--{name}" for name in sizes if sizes[name]]:
            raise UsageError(f"--model brings what {', '.join(given)} would say; leave that out")
        if arguments.profile:
            raise UsageError("--model is for --board, not for --profile")
        if arguments.input_shape is None:
            raise UsageError("--model needs --input-shape, the shape of a sample: C,H,W or the number of features")
    else:
        if missing := [f"--{name}" for name in sizes if not sizes[name]]:
            raise UsageError(f"{', '.join(missing)} must be given, or --model")
        if arguments.input_shape is not None:
            raise UsageError("--input-shape is for --model")
    if arguments.forward:
        _check_forward(arguments)
    if arguments.profile:
        if arguments.optimiser != "sgd":
            raise UsageError("--optimiser is for --board, not for --profile")
        for name in ("output", "picture", "unrouted"):
            if getattr(arguments, name):
                raise UsageError(f"--{name} is for --board, not for --profile")
    elif arguments.force:
        raise UsageError("--force is for --profile")


def _check_forward(arguments: argparse.Namespace) -> None:
    if not arguments.model:
        raise UsageError("--forward is for --model")
    unused = {"objective": DEFAULT_OBJECTIVE, "workers": None, "max_seconds": None, "max_joules": None, "picture": None}
    if given := [name for name, default in unused.items() if getattr(arguments, name) != default]:
        names = ", ".join(f"--{name.replace('_', '-')}" for name in given)
        raise UsageError(f"--forward trains nothing and draws nothing; leave out {names}")


def _task(arguments: argparse.Namespace) -> Task:
    network = GlobalNetwork(arguments.features, arguments.hidden, arguments.classes)
    return Task(network, **_work(arguments))


def _model_task(arguments: argparse.Namespace) -> ModelTask:
    work = _work(arguments)
    # PyTorch takes seconds to import, and what can be refused before is.
    Work(**work)
    from deep3.host.training.import_model import load_model

    return ModelTask(load_model(arguments.model, arguments.input_shape).network, arguments.model, **work)


def _work(arguments: argparse.Namespace) -> dict[str, Any]:
    return {
        "samples": arguments.samples,
        "batch": DEFAULT_BATCH if arguments.batch is None else arguments.batch,
        "objective": arguments.objective,
        "limits": Limits(arguments.max_seconds, arguments.max_joules, arguments.max_block_rams),
        "workers": arguments.workers,
        "optimiser": OPTIMISERS[arguments.optimiser](),
    }


def _run_workers(task: Task, arguments: argparse.Namespace) -> Report:
    # PyTorch, whose version a profile names, takes seconds to import; boards do without it.
    from deep3.host.measure.machine import fingerprint

    profile = Profile.load(Path(arguments.profile), fingerprint, arguments.force)
    return worker_report(task, profile)


COMMAND = Command(
    name="size",
    summary="Choose local network and engine for a board, and predict what they need.",
    example="deep3 size --board ecpix5-85f --features 617 --hidden 200 --classes 26 -o engine.toml",
    add_arguments=_add_arguments,
    run=_run,
    describe=describe,
    details=board_states,
)
