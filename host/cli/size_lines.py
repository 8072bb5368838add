"""``deep3 size`` in words: its report as lines on a terminal."""

from deep3.host.reports.sizing_advice import DEFAULT_ENGINE_FILE

from .command import Report
from .forward_lines import describe_forward

__all__ = ["describe"]

MOST_BUILDS = 3
MOST_DESIGNS = 8


def describe(report: Report) -> str:
    """The report of a board or of CPU and CUDA workers."""
    if "streamed" in report:
        return describe_forward(report)
    return _describe_board(report) if "board" in report else _describe_workers(report)


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


def _describe_board(report: Report) -> str:
    resources, time, energy = report["resources"], report["time"], report["energy"]
    rows = [
        *(_model_rows(report) if "model" in report else _local_rows(report)),
        ("engine", f"{report['rows']}x{report['columns']} at {time['clock_hz'] / 1e6:g} MHz, {report['digest']}"),
        ("its shape", report["evidence"]["words"]),
        *((name.replace("_", " "), _used(resources[name])) for name in _COUNTED),
        ("optimiser", report["optimiser"]),
        ("workers, batches a push", f"{report['workers']}, {report['n_push']} of {report['batch']} samples"),
        ("a batch", f"{time['batch_cycles']} cycles, {1e6 * time['batch_on_link_seconds']:.0f} us on the link"),
        ("a push", f"{1e3 * time['push_seconds']:.2f} ms, {time['samples_per_second']:.0f} samples/s"),
        ("an epoch's work", f"{time['epoch_seconds']:.3g} s, {energy['epoch_joules']:.3g} J (modelled)"),
        ("bottleneck", f"{report['bottleneck']['what']}, {report['bottleneck']['times_the_next']:.2f} times the next"),
    ]
    lines = [f"{report['board']} ({report['device']}), best in {report['objective']}"]
    lines += [f"  {name:<24} {text}" for name, text in rows]
    lines += [f"  {tensor}" for tensor in _map_lines(report["memory_map"])]
    if "model" in report:
        lines += _weighed(report)
    lines += [f"note: {note}" for note in report["notes"]]
    lines += _warning(report)
    written = "" if report["engine_file"] else f" (after -o {DEFAULT_ENGINE_FILE} beside what you typed)"
    builds = report["commands"]["build"]
    lines += [f"commands{written}:", *(f"  {build}" for build in builds[:MOST_BUILDS])]
    if len(builds) > MOST_BUILDS:
        lines.append(f"  ... and so on, to {builds[-1]}")
    return "\n".join([*lines, f"  {_train(report)}"])


def _local_rows(report: Report) -> list[tuple[str, str]]:
    embedding = report["embedding"]
    return [
        ("local network", f"{_dashed(report['local_network'])} of {_dashed(report['global_network'])}"),
        ("embedding", f"{embedding['length']} ({embedding['shortest']} to {embedding['longest']})"),
    ]


def _model_rows(report: Report) -> list[tuple[str, str]]:
    shape = "x".join(map(str, report["input_shape"]))
    return [
        ("model", f"{report['model']}, {report['parameters']} weights and biases, samples of {shape}"),
        ("trained by a worker", _share(report)),
        ("batch", f"{report['batch']} samples; this array holds {report['largest_batch']} at the most"),
    ]


def _share(report: Report) -> str:
    if report["ratio"] == 1:
        return "the whole"
    widths = f"{_dashed(report['local_network'])} of {_dashed(report['global_network'])}"
    return f"{report['ratio']:.1%} of maps and hidden neurons, {report['local_parameters']} weights: {widths}"


def _weighed(report: Report) -> list[str]:
    """A table of the best designs, one a line."""
    lines = [
        f"weighed {report['designs_weighed']}; the best (share: of maps and hidden neurons; rows: of an image, "
        "side by side; used: of the array):",
        "   array share batch rows block RAMs   LUTs cycles/sample used     epoch",
    ]
    for point in report["weighed"][:MOST_DESIGNS]:
        lines.append(
            f"  {point['rows']:>3}x{point['columns']:<2} {point['ratio']:>5.0%} {point['batch']:>5}"
            f" {point['rows_together']:>4}"
            f" {point['block_rams']:>10} {point['luts']:>6} {point['cycles_a_sample']:>13.0f}"
            f" {point['array_efficiency']:>4.0%} {point['epoch_seconds']:>7.3g} s"
        )
    return lines


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
