"""``deep3 profile``: what this machine's training steps cost."""

import argparse
from pathlib import Path

from deep3.cost_model.profile import Profile
from deep3.errors import UsageError
from deep3.files import check_output, write_text

from .command import Command, Report

__all__ = ["COMMAND"]


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--device", choices=["cpu", "cuda"], default="cpu", help="what is profiled (default cpu)")
    parser.add_argument("--seed", type=int, default=1, metavar="N", help="of the data (default 1)")
    parser.add_argument(
        "-o", "--output", metavar="FILE",
        help="where the profile goes (JSON); - for standard output (default: the user's cache)",
    )  # fmt: skip
    parser.add_argument("--show", metavar="FILE", help="show a profile taken before (default: measure one)")
    parser.add_argument("--force", action="store_true", help="with --show: also one of another machine")


def _run(arguments: argparse.Namespace) -> Report:
    if arguments.show and arguments.output:
        raise UsageError("--show measures nothing that -o could write")
    if arguments.force and not arguments.show:
        raise UsageError("--force is for --show")
    if not 0 <= arguments.seed < 1 << 64:
        raise UsageError(f"seed must be between 0 and {(1 << 64) - 1}, not {arguments.seed}")
    # PyTorch takes seconds to import; the other commands do without it.
    from deep3.host.measure.machine import default_path, fingerprint, profile_machine

    if arguments.show:
        place = arguments.show
        profile = Profile.load(Path(place), fingerprint, arguments.force)
    else:
        place = arguments.output
        if place is None:
            path = default_path(arguments.device)
            path.parent.mkdir(parents=True, exist_ok=True)
            place = str(path)
        check_output(place)
        profile = profile_machine(arguments.device, arguments.seed)
        write_text(place, profile.to_json())
    return {
        "profile": place,
        "device": profile.device,
        "fingerprint": profile.fingerprint,
        "coefficients": vars(profile.coefficients),
        "memory_bytes": profile.memory_bytes,
        "watts": profile.watts,
        "watts_origin": profile.watts_origin,
        "median_rel_error": profile.median_error,
        "held_out_cases": len(profile.held_out),
        "points": [vars(point) for point in profile.points],
    }


def _describe(report: Report) -> str:
    c = report["coefficients"]
    lines = [
        f"{report['fingerprint']['processor']}, {report['device']}: {report['profile']}",
        f"  alpha_flop {1e12 * c['flop_seconds']:.1f} ps, alpha_act {1e9 * c['activation_seconds']:.2f} ns,"
        f" alpha_err {1e9 * c['error_seconds']:.2f} ns, a step {1e6 * c['step_seconds']:.0f} us",
        f"  alpha_net {1e6 * c['net_seconds']:.1f} us, BW {c['bytes_per_second'] / 1e6:.0f} MB/s",
        f"  fast memory {report['memory_bytes']} bytes, {report['watts']:.1f} W at work ({report['watts_origin']})",
        f"  error of the step's time: {report['median_rel_error']:.1%} at the median of"
        f" {report['held_out_cases']} sizes that were not fitted",
        f"  {'operation':<12} {'size':>20} {'microseconds':>12}  bound by",
    ]
    for point in report["points"]:
        size = "x".join(map(str, point["size"]))
        lines.append(f"  {point['operation']:<12} {size:>20} {1e6 * point['seconds']:>12.1f}  {point['region']}")
    return "\n".join(lines)


COMMAND = Command(
    name="profile",
    summary="Measure what training steps cost on this machine.",
    example="deep3 profile --device cpu",
    add_arguments=_add_arguments,
    run=_run,
    describe=_describe,
)
