"""``deep3 bench``: what the project measures about itself."""

import argparse
from dataclasses import asdict

from tqdm import tqdm

from host.engine_bench import ARRAYS, NETWORKS, bench_engine

from .command import Command, Report

__all__ = ["COMMAND"]


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "what", choices=["engine"], help="engine: array and schedule efficiency from the RTL's counters"
    )


def _run(arguments: argparse.Namespace) -> Report:
    cases = tqdm(bench_engine(), total=len(ARRAYS) * len(NETWORKS), unit="case", desc="engine")
    return {"bench": arguments.what, "cases": [asdict(case) for case in cases]}


def _describe(report: Report) -> str:
    lines = [f"{'network':>16} {'array':>6} {'cycles':>9} {'schedule':>9} {'array eff.':>10} {'sim. Mcycles/s':>14}"]
    for case in report["cases"]:
        network = "-".join(map(str, case["network"]))
        lines.append(
            f"{network:>16} {case['rows']:>2}x{case['cols']:<3} {case['cycles']:>9.0f}"
            f" {case['schedule_efficiency']:>9.4f}"
            f" {case['array_efficiency']:>10.4f} {case['simulated_cycles_per_second'] / 1e6:>14.2f}"
        )
    return "\n".join(lines)


COMMAND = Command(
    name="bench",
    summary="Measure the engine.",
    example="deep3 bench engine --json",
    add_arguments=_add_arguments,
    run=_run,
    describe=_describe,
)
