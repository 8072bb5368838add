"""``deep3 size``: what fits a board, how fast it trains, what limits it."""

import argparse
from pathlib import Path

from deep3.cost_model.boards import load_board
from deep3.cost_model.design import OBJECTIVES, Limits, Task
from deep3.cost_model.local_network import GlobalNetwork
from deep3.cost_model.profile import Profile
from deep3.cost_model.sizing import size
from deep3.errors import UsageError
from deep3.files import STANDARD_OUTPUT, check_output, write_text
from deep3.host.reports.sizing import board_report, worker_report
from deep3.host.reports.sizing_advice import DEFAULT_ENGINE_FILE

from .boards import BOARD_HELP, board_states
from .command import Command, Report
from .hidden_sizes import hidden_sizes

__all__ = ["COMMAND"]


MOST_BUILDS = 3
PICTURES = (".png", ".pdf", ".svg")


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    platform = parser.add_mutually_exclusive_group(required=True)
    platform.add_argument("--board", metavar="B", help=BOARD_HELP)
    platform.add_argument("--profile", metavar="FILE", help="CPU or CUDA workers as deep3 profile measured them")
    parser.add_argument("--force", action="store_true", help="with --profile: also one of another machine")
    parser.add_argument("--features", type=int, required=True, metavar="N", help="features of a sample")
    parser.add_argument(
        "--hidden", type=hidden_sizes, required=True, metavar="N,N", help="neurons of hidden layers, or none"
    )
    parser.add_argument("--classes", type=int, required=True, metavar="N", help="classes")
    parser.add_argument("--samples", type=int, default=10_000, metavar="N", help="training samples (default 10000)")
    parser.add_argument("--batch", type=int, default=32, metavar="N", help="samples of a batch (default 32)")
    parser.add_argument(
        "--objective", choices=list(OBJECTIVES), default="runtime",
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
        "--picture", type=_picture, metavar="FILE",
        help="draw designs, block RAM and roofline (PNG, PDF, SVG; default none)",
    )  # fmt: skip


def _picture(text: str) -> str:
    if Path(text).suffix.lower() not in PICTURES:
        raise argparse.ArgumentTypeError(f"must end in {', '.join(PICTURES)}, not {text!r}")
    return text


def _run(arguments: argparse.Namespace) -> Report:
    task = Task(
        network=GlobalNetwork(arguments.features, arguments.hidden, arguments.classes),
        samples=arguments.samples,
        batch=arguments.batch,
        objective=arguments.objective,
        limits=Limits(arguments.max_seconds, arguments.max_joules, arguments.max_block_rams),
        workers=arguments.workers,
    )
    if arguments.profile:
        for name in ("output", "picture", "unrouted"):
            if getattr(arguments, name):
                raise UsageError(f"--{name} is for --board, not for --profile")
        return _run_workers(task, arguments)
    if arguments.force:
        raise UsageError("--force is for --profile")
    board = load_board(arguments.board)
    for output in (arguments.output, arguments.picture):
        if output is not None:
            check_output(output)
    designs = size(task, board, arguments.unrouted)
    file = None if arguments.output == STANDARD_OUTPUT else arguments.output
    report = board_report(designs, file, arguments.unrouted)
    if arguments.output:
        write_text(arguments.output, report["engine"])
    if arguments.picture:
        # Drawing takes longer than sizing.
        from deep3.host.reports.sizing_plot import plot_sizing

        plot_sizing(designs, Path(arguments.picture))
    return report


def _run_workers(task: Task, arguments: argparse.Namespace) -> Report:
    # PyTorch, whose version a profile names, takes seconds to import; boards do without it.
    from deep3.host.measure.machine import fingerprint

    profile = Profile.load(Path(arguments.profile), fingerprint, arguments.force)
    return worker_report(task, profile)


def _describe_workers(report: Report) -> str:
    time, memory = report["time"], report["memory_bytes"]
    rows = [
        ("local network", f"{_dashed(report['local_network'])} of {_dashed(report['global_network'])}"),
        ("fast memory", f"{memory['used']} of {memory['there']} bytes (modelled)"),
        ("workers, batches a push", f"{report['workers']}, {report['n_push']} of {report['batch']} samples"),
        ("a batch forward", f"{1e6 * time['forward_seconds']:.0f} us"),
        ("and backward", f"{1e6 * time['backward_seconds']:.0f} us"),
        ("weights, one way", f"{1e6 * time['communication_seconds']:.0f} us"),
        ("an epoch's work", f"{time['epoch_seconds']:.3g} s, {report['energy']['epoch_joules']:.3g} J"
         f" ({report['energy']['origin']})"),
    ]  # fmt: skip
    lines = [f"{report['device']} workers", *(f"  {name:<24} {text}" for name, text in rows)]
    return "\n".join([*lines, *_warning(report), "commands:", f"  {_train(report)}"])


def _describe(report: Report) -> str:
    if "board" not in report:
        return _describe_workers(report)
    resources, time, energy = report["resources"], report["time"], report["energy"]
    embedding = report["embedding"]
    rows = [
        ("local network", f"{_dashed(report['local_network'])} of {_dashed(report['global_network'])}"),
        ("embedding", f"{embedding['length']} ({embedding['shortest']} to {embedding['longest']})"),
        ("engine", f"{report['rows']}x{report['columns']} at {time['clock_hz'] / 1e6:g} MHz, {report['digest']}"),
        ("its shape", report["evidence"]["words"]),
        *((name.replace("_", " "), _used(resources[name])) for name in _COUNTED),
        ("workers, batches a push", f"{report['workers']}, {report['n_push']} of {report['batch']} samples"),
        ("a batch", f"{time['batch_cycles']} cycles, {1e6 * time['batch_on_link_seconds']:.0f} us on the link"),
        ("a push", f"{1e3 * time['push_seconds']:.2f} ms, {time['samples_per_second']:.0f} samples/s"),
        ("an epoch's work", f"{time['epoch_seconds']:.3g} s, {energy['epoch_joules']:.3g} J (modelled)"),
        ("bottleneck", f"{report['bottleneck']['what']}, {report['bottleneck']['times_the_next']:.2f} times the next"),
    ]
    lines = [f"{report['board']} ({report['device']}), best in {report['objective']}"]
    lines += [f"  {name:<24} {text}" for name, text in rows]
    lines += [f"  {tensor}" for tensor in _map_lines(report["memory_map"])]
    lines += [f"note: {note}" for note in report["notes"]]
    lines += _warning(report)
    written = "" if report["engine_file"] else f" (after -o {DEFAULT_ENGINE_FILE} beside what you typed)"
    builds = report["commands"]["build"]
    lines += [f"commands{written}:", *(f"  {build}" for build in builds[:MOST_BUILDS])]
    if len(builds) > MOST_BUILDS:
        lines.append(f"  ... and so on, to {builds[-1]}")
    return "\n".join([*lines, f"  {_train(report)}"])


def _warning(report: Report) -> list[str]:
    if not report["too_small"]:
        return []
    help_ = f"; what helps: {' or '.join(report['remedies'])}"
    return [f"warning: this local network is likely too small to learn: {'; '.join(report['too_small'])}{help_}"]


def _train(report: Report) -> str:
    return report["commands"]["train"] or "deep3 train takes no hidden layer as wide as that"


_COUNTED = ("multipliers", "block_rams", "luts", "flip_flops")


def _used(resource: Report) -> str:
    share = resource["used"] / resource["there"]
    return f"{resource['used']} of {resource['there']} ({share:.0%}, {resource['origin']})"


def _map_lines(tensors: list[Report]) -> list[str]:
    return [
        f"{tensor['memory']:<10} {tensor['first']:>7} .. {tensor['first'] + tensor['words'] - 1:>7}  {tensor['tensor']}"
        for tensor in tensors
    ]


def _dashed(sizes: list[int]) -> str:
    return "-".join(map(str, sizes))


COMMAND = Command(
    name="size",
    summary="Choose local network and engine for a board, and predict what they need.",
    example="deep3 size --board ecpix5-85f --features 617 --hidden 200 --classes 26 -o engine.toml",
    add_arguments=_add_arguments,
    run=_run,
    describe=_describe,
    details=board_states,
)
