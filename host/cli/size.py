"""``deep3 size``: what fits a board, how fast it trains, what limits it."""

import argparse
from pathlib import Path

from deep3.cost_model.local_network import GlobalNetwork
from deep3.cost_model.sizing import OBJECTIVES, Limits, Task

from .command import Command, Report

__all__ = ["COMMAND"]


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    platform = parser.add_mutually_exclusive_group(required=True)
    platform.add_argument("--board", metavar="BOARD", help="a folder of constraints/")
    platform.add_argument("--profile", metavar="FILE", help="CPU or CUDA workers as deep3 profile measured them")
    parser.add_argument("--force", action="store_true", help="with --profile: also one of another machine")
    parser.add_argument("--features", type=int, required=True, metavar="N", help="features of a sample")
    parser.add_argument("--hidden", type=_sizes, required=True, metavar="N,N", help="neurons of each hidden layer")
    parser.add_argument("--classes", type=int, required=True, metavar="N", help="classes")
    parser.add_argument("--samples", type=int, default=10_000, metavar="N", help="training samples (default 10000)")
    parser.add_argument("--batch", type=int, default=32, metavar="N", help="samples of a batch (default 32)")
    parser.add_argument("--objective", choices=list(OBJECTIVES), default="runtime", help="what is made small")
    parser.add_argument("--workers", type=int, default=1, metavar="N", help="boards that train together (default 1)")
    parser.add_argument("--max-seconds", type=float, metavar="X", help="limit of an epoch")
    parser.add_argument("--max-joules", type=float, metavar="X", help="limit of an epoch")
    parser.add_argument("--max-block-rams", type=int, metavar="N", help="limit of the device's block RAMs")
    parser.add_argument("-o", "--output", metavar="FILE", help="write the engine there (TOML)")
    parser.add_argument("--picture", metavar="FILE", help="draw Pareto front, block RAM and roofline (PNG, PDF, SVG)")


def _sizes(text: str) -> tuple[int, ...]:
    try:
        return tuple(int(part) for part in text.split(",")) if text else ()
    except ValueError:
        raise argparse.ArgumentTypeError(f"must be integers separated by commas, not {text!r}") from None


def _run(arguments: argparse.Namespace) -> Report:
    from deep3.host.reports.sizing import size_report

    task = Task(
        network=GlobalNetwork(arguments.features, arguments.hidden, arguments.classes),
        samples=arguments.samples,
        batch=arguments.batch,
        objective=arguments.objective,
        limits=Limits(arguments.max_seconds, arguments.max_joules, arguments.max_block_rams),
        workers=arguments.workers,
    )
    if arguments.profile:
        return _run_workers(task, arguments)
    report, designs = size_report(task, arguments.board)
    if arguments.output:
        Path(arguments.output).write_text(report["engine"], encoding="utf-8")
    if arguments.picture:
        # Drawing takes longer than sizing.
        from deep3.host.reports.sizing_plot import plot_sizing

        plot_sizing(designs, Path(arguments.picture))
    return report


def _run_workers(task: Task, arguments: argparse.Namespace) -> Report:
    # PyTorch, whose version a profile names, takes seconds to import; boards do without it.
    from deep3.cost_model.profile import Profile
    from deep3.host.measure.machine import fingerprint
    from deep3.host.reports.sizing import worker_report

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
    return "\n".join([f"{report['device']} workers", *(f"  {name:<24} {text}" for name, text in rows)])


def _describe(report: Report) -> str:
    if "board" not in report:
        return _describe_workers(report)
    resources, time, energy = report["resources"], report["time"], report["energy"]
    engine = dict(line.split(" = ") for line in report["engine"].splitlines() if " = " in line)
    embedding = report["embedding"]
    rows = [
        ("local network", f"{_dashed(report['local_network'])} of {_dashed(report['global_network'])}"),
        ("embedding", f"{embedding['length']} ({embedding['shortest']} to {embedding['longest']})"),
        ("engine", f"{engine['rows']}x{engine['columns']} at {time['clock_hz'] / 1e6:g} MHz, {report['digest']}"),
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
    return "\n".join(lines)


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
)
