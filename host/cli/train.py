"""``deep3 train``: one network, many workers."""

import argparse
import dataclasses
import os
import sys
from pathlib import Path
from typing import Any

from deep3.compiler.optimisers.optimiser import OPTIMISERS
from deep3.host.global_network.learning_rate import SCHEDULES
from deep3.host.global_network.schemes import SCHEMES
from deep3.host.records.progress import MakeProgress, ProgressBar
from deep3.host.training.interruption import raise_on_sigterm
from deep3.host.training.repeat import BROUGHT_BY_CHECKPOINT, BROUGHT_BY_MODEL
from deep3.host.training.settings import ACTIVATIONS, AUTO, LOSSES, USUAL_RATES, SettingsError, TrainSettings
from deep3.host.workers.threads import wait_without_spinning

from .command import Command, Report
from .hidden_sizes import hidden_sizes, input_shape

__all__ = ["COMMAND"]

DEFAULTS = {field.name: field.default for field in dataclasses.fields(TrainSettings)}


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "data",
        metavar="DATA",
        help="digits, isolet, mnist, a NAME.npz in $DEEP3_DATA, or a file of yours: .npz with X and y (or data and "
        "target; train_idx, test_idx, scale; or X_train, y_train, X_test, y_test), X.npy with y.npy beside it, .csv "
        "with the labels in the last column; labels are numbers or names; without a split of its own, a fifth of every "
        "class is for the test (docs/data.md)",
    )
    parser.add_argument(
        "--labels",
        "--label-column",
        metavar="WHERE",
        help="column of a .csv (name, or number from 0), key of an .npz, or .npy file that holds the labels "
        "(default: the usual place)",
    )
    parser.add_argument(
        "--hidden", type=hidden_sizes, metavar="N,N", help="neurons of each hidden layer, or none (default 64,32)"
    )
    parser.add_argument(
        "--model",
        metavar="WHERE",
        help="a network of your own, with its weights, in place of --hidden: FILE.onnx, or FILE.py:NAME, which is an "
        "nn.Module of PyTorch, its class or a function that makes one; the file is executed (docs/models.md; "
        "default none)",
    )
    parser.add_argument(
        "--input-shape",
        type=input_shape,
        metavar="C,H,W",
        help="of a sample of --model: channels, height and width, or features (default: as the data have it)",
    )
    parser.add_argument(
        "--worker",
        action="append",
        dest="workers",
        metavar="KIND",
        help="cpu:N, cuda:N, golden:N (bit-exact model of the engine), virtual:N (its RTL in simulation), "
        "board:HOST[:PORT], or serial:PORT[:BAUD]; may be repeated (default cpu:1). A cpu worker computes with one "
        "thread unless a batch is large; taskset, OMP_NUM_THREADS and MKL_NUM_THREADS limit it (docs/workers.md)",
    )
    parser.add_argument(
        "--config",
        metavar="FILE",
        help="engine of golden, virtual, board and serial workers, as TOML (default: one that fits; boards: 8x8)",
    )
    _flag(parser, "take-over", "take boards that another run uses, which are refused otherwise")
    parser.add_argument("--activation", choices=sorted(ACTIVATIONS), help="of the hidden layers (default tanh)")
    parser.add_argument("--loss", choices=sorted(LOSSES), help="of the output (default softmax)")
    _number(parser, "batch", int, "samples of a batch")
    _number(parser, "n-push", int, "batches of a push: what a worker trains before it sends its change of weights")
    _number(parser, "ratio", float, "share of the hidden neurons and maps that a worker takes")
    _number(parser, "epochs", float, "passes over the training samples, all workers together")
    parser.add_argument(
        "--rate",
        type=float,
        metavar="X",
        help="learning rate at the beginning (default "
        + ", ".join(f"{rate} with {name}" for name, rate in USUAL_RATES.items())
        + ")",
    )
    parser.add_argument(
        "--schedule",
        choices=SCHEDULES,
        help="how it goes on: constant; linear or cosine to a hundredth; step to an eighth, by halves (default step)",
    )
    parser.add_argument(
        "--scheme",
        choices=SCHEMES,
        help="how the updates of workers are joined. One by one: guarded, divided by the others that overlap, "
        "or add, whole. In rounds, averaged: average; nesterov, with momentum; disjoint, of networks without common "
        "neurons; rolling, of windows that move on (docs/workers.md; default guarded)",
    )
    _number(parser, "outer-momentum", float, "of --scheme nesterov")
    parser.add_argument("--optimiser", choices=OPTIMISERS, help="how gradients change weights (default sgd)")
    parser.add_argument(
        "--momentum",
        type=float,
        metavar="X",
        help="share of the velocity that is left after a batch; above 0 it makes sgd momentum (default 0.9 with "
        "--optimiser momentum, else 0)",
    )
    _number(parser, "weight-decay", float, "so many times a weight is added to its gradient")
    parser.add_argument(
        "--projection", type=_beta, metavar="BETA", help="project the data with this threshold, or none (default none)"
    )
    parser.add_argument(
        "--embedding",
        type=_length,
        metavar="N",
        help="project the data to so many inputs, or auto: to as many as lower the validation error (default: by "
        "--projection)",
    )
    _number(parser, "error-threshold", float, "end early below this validation error, 0 to 1")
    _number(parser, "validation-share", float, "share of the training samples to validate on")
    _number(parser, "seed", int, "of everything random")
    _flag(parser, "deterministic", "take updates in turns: repeats bit for bit, faster workers wait")
    _flag(parser, "reference", "train the same network in float32 PyTorch too")
    parser.add_argument(
        "--runs",
        metavar="FOLDER",
        help="where the run's folder is made, with settings, records, plot, checkpoint and state (default runs)",
    )
    parser.add_argument(
        "--from",
        dest="start",
        metavar="CHECKPOINT",
        help="begin with the network and projection of a checkpoint (default: anew)",
    )
    parser.add_argument(
        "--resume", action="store_true", help="go on with an interrupted run: DATA is its folder, the rest is as it was"
    )


def _flag(parser: argparse.ArgumentParser, name: str, text: str) -> None:
    parser.add_argument(f"--{name}", action="store_const", const=True, help=text)


def _number(parser: argparse.ArgumentParser, name: str, kind: type, text: str) -> None:
    default = DEFAULTS[name.replace("-", "_")]
    parser.add_argument(f"--{name}", type=kind, metavar="N" if kind is int else "X", help=f"{text} (default {default})")


def _beta(text: str) -> float | None:
    if text == "none":
        return None
    try:
        return float(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"must be none or a number between 0 and 1, not {text!r}") from None


def _length(text: str) -> int | str:
    try:
        return text if text == AUTO else int(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"must be auto or a whole number, not {text!r}") from None


def _run(arguments: argparse.Namespace) -> Report:
    given = {name: value for name, value in vars(arguments).items() if name in DEFAULTS and value is not None}
    _check_together(given, arguments.resume)
    wait_without_spinning()
    with raise_on_sigterm():
        # PyTorch takes seconds to import; the other commands do without it.
        from deep3.host.training.run import resume, train

        make_progress = _make_progress(arguments.json)
        if arguments.resume:
            return resume(Path(arguments.data), given.get("take_over", False), make_progress)
        if "workers" in given:
            given["workers"] = tuple(given["workers"])
        if given.get("embedding") != AUTO:
            return train(TrainSettings(**given), make_progress=make_progress)
        from deep3.host.data import load
        from deep3.host.training.local_choice import choose_embedding

        settings = TrainSettings(**(given | {"embedding": None}))
        dataset = load(settings.data, labels=settings.labels)
        settings = choose_embedding(settings, dataset)
        print(f"deep3: an embedding of {settings.embedding}: longer ones validated no better", file=sys.stderr)
        return train(settings, dataset, make_progress=make_progress)


def _make_progress(as_json: bool) -> MakeProgress:
    """The live view where somebody watches, else the bar of any log file."""
    if as_json or not (sys.stdout.isatty() and sys.stderr.isatty()) or os.environ.get("TERM", "dumb") == "dumb":
        return ProgressBar
    from deep3.host.reports.live_view import LiveView

    return LiveView


def _check_together(given: dict[str, Any], resumed: bool) -> None:
    """What a run folder, a checkpoint or a model brings is not given again."""
    if resumed:
        source, brought = "--resume", tuple(name for name in given if name not in ("data", "take_over"))
    elif "start" in given:
        source, brought = "--from", BROUGHT_BY_CHECKPOINT
    elif "model" in given:
        source, brought = "--model", BROUGHT_BY_MODEL
    else:
        return
    if taken := [name for name in brought if name in given]:
        names = ", ".join({"workers": "--worker", "start": "--from"}.get(name, f"--{name}") for name in taken)
        raise SettingsError(f"{source} brings what {names.replace('_', '-')} would say; leave that out")


def _describe(report: Report) -> str:
    lines = [_accuracy("joint run", report["joint"], report["workers"])]
    if report["reference"] is not None:
        lines.append(_accuracy("float32 PyTorch", report["reference"], {}))
    for name, part in report["workers"].items():
        cycles = f", {part['engine_cycles']} engine cycles" if part["engine_cycles"] else ""
        lost = f", lost: {part['lost']}" if part["lost"] else ""
        idle = "" if part["updates"] else ": the others used up the samples; a smaller --n-push leaves it some"
        updates = f"{part['updates']} updates in {part['seconds']:.1f} s" if part["updates"] else "no update"
        lines.append(f"  {name}: {updates}{cycles}{lost or idle}")
    if report["clipped_inputs"]:
        lines.append(f"  {report['clipped_inputs']} validation and test values left Q3.12 and were saturated")
    lines.append(f"run folder: {report['run']} (plot.png, checkpoint.npz, metrics.jsonl, tensorboard)")
    return "\n".join(lines)


def _accuracy(title: str, part: Report, workers: Report) -> str:
    names = f" ({', '.join(workers)})" if workers else ""
    return (
        f"{title + names}: test accuracy {100 * part['test_accuracy']:.2f} % of {part['test_samples']} samples, "
        f"{part['multiply_adds']:.3g} multiply-adds, {part['seconds']:.1f} s"
    )


COMMAND = Command(
    name="train",
    summary="Train a network with any mix of workers.",
    example="deep3 train digits --hidden 64,32 --worker cpu:1 --worker golden:1 --epochs 2",
    add_arguments=_add_arguments,
    run=_run,
    describe=_describe,
)
