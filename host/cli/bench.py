"""``deep3 bench``: what the project measures about itself."""

import argparse
import json
import sys
from dataclasses import asdict
from pathlib import Path

from deep3.errors import UsageError
from deep3.files import check_output
from deep3.hdl.contract.config import EngineConfig
from deep3.host.reports.timing import critical_path_words

from .command import Command, Report
from .picture import picture

__all__ = ["COMMAND"]


OWNERS = {
    "config": ("timing",), "seed": ("timing", "learning"), "case": ("learning",), "picture": ("evolving",)
}  # fmt: skip
"""Of each option, what it is for."""


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "what",
        choices=[
            "engine", "timing", "link", "cost-model", "workers", "learning", "projection", "evolving", "training",
        ],
        help="engine: efficiency of array and schedule, from counters of the RTL; timing: frequency of a routed engine"
        "; link: payload at the RTL's line, goodput of the host on loopback; cost-model: predictions beside RTL, Yosys"
        " and this machine (about an hour); workers: a CPU worker on a busy machine, free and pinned to one core;"
        " learning: networks of the literature in the engine's arithmetic and in float32 (hours; each run on stderr);"
        " projection: beside principal components on ISOLET, its growth with the samples, memory of 10 GB of them;"
        " training: a CPU worker beside the machine's matrix product, what a run does beside training, and projection;"
        " evolving: classes and sensors that come in mid-stream, beside starting again",
    )
    parser.add_argument("--config", metavar="FILE", help="timing: engine to route (TOML; default: 8x8)")
    parser.add_argument(
        "--seed", type=int, metavar="N", help="timing: seed of the placer (default 1); learning: this only of 1, 2, 3"
    )
    parser.add_argument("--case", metavar="NAME", help="learning: this one only, such as lenet5-sgd (default: all)")
    parser.add_argument("--picture", type=picture, metavar="FILE", help="evolving: draw it too (default: no picture)")


def _run(arguments: argparse.Namespace) -> Report:
    for name, owners in OWNERS.items():
        if arguments.what not in owners and getattr(arguments, name) is not None:
            of = " and ".join(f"deep3 bench {owner}" for owner in owners)
            raise UsageError(f"--{name} is for {of}, not for deep3 bench {arguments.what}")
    if arguments.what == "timing":
        seed = 1 if arguments.seed is None else arguments.seed
        if not 0 <= seed < 1 << 31:
            raise UsageError(f"seed must be between 0 and {(1 << 31) - 1}, not {seed}")
        config = EngineConfig.load(arguments.config) if arguments.config else EngineConfig()
        from deep3.host.measure.timing import bench_timing

        return {"bench": "timing", **bench_timing(config, seed)}
    if arguments.what == "link":
        return {"bench": "link", **_run_link()}
    if arguments.what == "cost-model":
        from deep3.host.measure.cost_model import bench_cost_model

        return {"bench": "cost-model", **bench_cost_model()}
    if arguments.what == "workers":
        from deep3.host.measure.workers import bench_workers, ratios

        timings = list(bench_workers())
        return {"bench": "workers", **ratios(timings), "runs": [asdict(timing) for timing in timings]}
    if arguments.what == "projection":
        from deep3.host.measure.projection import bench_projection

        return {"bench": "projection", **bench_projection()}
    if arguments.what == "training":
        from deep3.host.measure.training import bench_training

        return {"bench": "training", **bench_training()}
    if arguments.what == "evolving":
        return {"bench": "evolving", "cases": _run_evolving(arguments.picture)}
    # PyTorch takes seconds to import; the other commands do without it.
    if arguments.what == "learning":
        return {"bench": "learning", "cases": _run_learning(arguments.case, arguments.seed)}
    from tqdm import tqdm

    from deep3.host.measure.engine import CASES, bench_engine

    cases = tqdm(bench_engine(), total=sum(len(case.networks) for case in CASES), unit="case", desc="engine")
    return {"bench": "engine", "cases": [asdict(case) for case in cases]}


def _run_learning(case: str | None, seed: int | None) -> list[Report]:
    from deep3.host.training.learning import CASES, SEEDS, RunResult, bench_learning

    if seed is not None and seed not in SEEDS:
        raise UsageError(f"seed must be one of {', '.join(map(str, SEEDS))}, not {seed}")

    def finished(run: RunResult) -> None:
        print(json.dumps(asdict(run)), file=sys.stderr, flush=True)

    names = list(CASES) if case is None else [case]
    return [asdict(result) for result in bench_learning(names, SEEDS if seed is None else (seed,), finished)]


def _run_evolving(path: str | None) -> list[Report]:
    if path is not None:
        check_output(path)
    from deep3.host.measure.evolving import bench_evolving

    cases = bench_evolving()
    if path is not None:
        from deep3.host.reports.evolving_plot import plot_evolving

        plot_evolving(cases, Path(path))
    return [asdict(case) for case in cases]


def _run_link() -> Report:
    from deep3.host.measure.link import PEERS, bench_host, bench_rtl

    hosts = list(bench_host())
    return {
        **bench_rtl(),
        **{f"host_gbps_{case.name}": case.best_gbps for case in hosts},
        "host_cases": [asdict(case) for case in hosts],
        "peers": [{"name": name, "gbps": gbps, "source": source} for name, (gbps, source) in PEERS.items()],
    }


def _describe(report: Report) -> str:
    describers = {
        "engine": _describe_engine,
        "timing": _describe_timing,
        "link": _describe_link,
        "cost-model": _describe_cost_model,
        "workers": _describe_workers,
        "learning": _describe_learning,
        "projection": _describe_projection,
        "training": _describe_training,
        "evolving": _describe_evolving,
    }
    return describers[report["bench"]](report)


def _describe_cost_model(report: Report) -> str:
    rows = [
        ("cycles, RTL", "cycles_max_abs_error", "d", "cycles_cases"),
        ("block RAM cells, Yosys", "bram_max_abs_error", "d", "hard_block_cases"),
        ("multipliers, Yosys", "dsp_max_abs_error", "d", "hard_block_cases"),
        ("LUTs, median", "lut_median_rel_error", ".1%", "logic_cases"),
        ("LUTs, worst", "lut_max_rel_error", ".1%", "logic_cases"),
        ("flip-flops, median", "ff_median_rel_error", ".1%", "logic_cases"),
        ("flip-flops, worst", "ff_max_rel_error", ".1%", "logic_cases"),
        ("step on this machine, median", "profile_median_rel_error", ".1%", "profile_cases"),
    ]
    lines = [f"{'prediction':<30} {'error':>8} {'cases':>6}"]
    lines += [f"{name:<30} {format(report[key], kind):>8} {report[cases]:>6}" for name, key, kind, cases in rows]
    return "\n".join(lines)


def _describe_link(report: Report) -> str:
    lines = [f"{'RTL at GMII, payload to it, of the line':>40} {report['rtl_rx_line_fraction']:>9.4f}"]
    lines += [f"{'RTL at GMII, payload from it':>40} {report['rtl_tx_line_fraction']:>9.4f}"]
    lines += [f"{'host on loopback':>40} {'Gb/s best':>9}   rounds"]
    for case in report["host_cases"]:
        fates = f"{100 * case['loss']:g} % lost, {100 * case['disorder']:g} % doubled and overtaken"
        rounds = " ".join(f"{speed:.2f}" for speed in case["rounds_gbps"])
        lines.append(f"{fates:>40} {max(case['rounds_gbps']):>9.3f}   {rounds}")
    lines.append("others on gigabit Ethernet, as published:")
    lines += [f"{peer['name']:>40} {peer['gbps']:>9.3g}   {peer['source']}" for peer in report["peers"]]
    return "\n".join(lines)


def _describe_workers(report: Report) -> str:
    lines = [f"{'run':>4} {'variant':>8} {'wall (s)':>9} {'CPU (s)':>9}"]
    for run in report["runs"]:
        lines.append(f"{run['repetition'] + 1:>4} {run['variant']:>8} {run['wall_s']:>9.2f} {run['cpu_s']:>9.2f}")
    return "\n".join(
        [*lines, f"free / pinned, medians: wall time {report['wall_ratio']:.2f}, CPU time {report['cpu_ratio']:.2f}"]
    )


def _describe_learning(report: Report) -> str:
    lines = [f"{'case':>16} {'data':>8} {'optimiser':>13} {'engine':>8} {'float32':>8}   every seed"]
    for case in report["cases"]:
        pairs = zip(case["engine_accuracies"], case["float32_accuracies"], strict=True)
        each = ", ".join(f"{100 * engine:.2f} / {100 * float32:.2f}" for engine, float32 in pairs)
        means = f"{100 * case['engine_accuracy']:>6.2f} % {100 * case['float32_accuracy']:>6.2f} %"
        lines.append(f"{case['case']:>16} {case['data']:>8} {case['optimiser']:>13} {means}   {each}")
    return "\n".join(lines)


def _describe_projection(report: Report) -> str:
    names = ("dictionary", "embedding", "incremental_pca", "covariance_eigh")
    lines = [f"{'beta':>5} {'length':>6} " + " ".join(f"{name + ' ms':>18}" for name in names)]
    for case in report["cases"]:
        times = " ".join(f"{1e3 * case[name + '_s']:>18.1f}" for name in names)
        lines.append(f"{case['beta']:>5g} {case['length']:>6} {times}")
    stream = report["stream"]
    return "\n".join(
        [
            *lines,
            f"seconds grow with samples to the power of {report['cost_exponent']:.2f}",
            f"{stream['bytes'] / 1e9:.1f} GB of samples took {stream['peak_resident_bytes'] / 1e6:.0f} MB of memory",
        ]
    )


def _describe_training(report: Report) -> str:
    lines = [f"{'us of a batch':>20} {'compiled':>9} {'NumPy':>7} {'PyTorch':>8} {'of sgemm':>9}"]
    for step in report["steps"]:
        times = [1e6 * step[f"{name}_s"] for name in ("compiled", "numpy", "pytorch")]
        name = f"{'-'.join(map(str, step['sizes']))}, {step['batch']}"
        lines.append(f"{name:>20} {times[0]:>9.0f} {times[1]:>7.0f} {times[2]:>8.0f} {step['peak_share']:>9.0%}")
    return "\n".join([
        *lines,
        f"10 epochs of ISOLET: {report['overhead_share']:.0%} of {1000 * report['run_s']:.0f} ms beside projection and "
        f"training; {report['overhead_share_with_folder']:.0%} of {1000 * report['run_with_folder_s']:.0f} ms with a "
        f"run folder, and {1000 * report['plot_s']:.0f} ms for its picture",
        *(
            f"coordinator, {'-'.join(map(str, case['sizes']))}, quarters: {case['coordinator_us']:.0f} us of a push"
            for case in report["coordinator"]
        ),
        _describe_projection(report["projection"]),
    ])


def _describe_evolving(report: Report) -> str:
    lines = []
    for case in report["cases"]:
        lines.append(
            f"new {case['what']}: accuracy {case['before'][-1]:.2%}; grown, {case['grown'][0]:.2%} after an epoch, "
            f"{case['grown'][-1]:.2%} after {len(case['grown'])}; started again, {case['again'][0]:.2%} and "
            f"{case['again'][-1]:.2%}"
        )
        lines.append(
            f"  {case['atoms_before']} atoms, then {case['atoms_grown']}; projection {1e3 * case['grown_s']:.0f} ms, "
            f"started again {1e3 * case['again_s']:.0f} ms (CPU time)"
        )
    return "\n".join(lines)


def _describe_engine(report: Report) -> str:
    lines = [f"{'model':>26} {'array':>6} {'cycles':>9} {'schedule':>9} {'array eff.':>10} {'sim. Mcycles/s':>14}"]
    for case in report["cases"]:
        efficiencies = f"{case['schedule_efficiency']:>9.4f} {case['array_efficiency']:>10.4f}"
        speed = f"{case['simulated_cycles_per_second'] / 1e6:>14.2f}"
        where = f"{case['model']:>26} {case['rows']:>2}x{case['cols']:<3}"
        lines.append(f"{where} {case['cycles']:>9.0f} {efficiencies} {speed}")
    return "\n".join(lines)


def _describe_timing(report: Report) -> str:
    cells = ", ".join(f"{used} of {there} {name}" for name, (used, there) in report["utilisation"].items())
    head = f"{report['rows']}x{report['cols']} engine on {report['device']}: {report['fmax_hz'] / 1e6:.1f} MHz"
    return f"{head}\n{cells}\n{critical_path_words(report['critical_path'])}"


COMMAND = Command(
    name="bench",
    summary="Measure the engine, what it learns, its timing, the link, and what predictions are worth.",
    example="deep3 bench engine --json",
    add_arguments=_add_arguments,
    run=_run,
    describe=_describe,
)
