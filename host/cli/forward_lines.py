"""``deep3 size --forward`` in words."""

from deep3.host.reports.sizing_advice import DEFAULT_ENGINE_FILE

from .command import Report

__all__ = ["describe_forward"]


def describe_forward(report: Report) -> str:
    """The report as lines on a terminal."""
    streamed, blocks = report["streamed"], report["block_rams"]
    shape = "x".join(map(str, report["input_shape"]))
    rows = [
        ("model", f"{report['model']}, {report['parameters']} weights and biases, samples of {shape}"),
        ("engine", f"{report['rows']}x{report['columns']} at {report['clock_hz'] / 1e6:g} MHz, {report['digest']}"),
        ("its shape", report["evidence"]["words"]),
        ("block rams", f"{blocks['used']} of {blocks['there']} ({blocks['origin']})"),
        ("batch", f"{report['batch']} samples, {report['batch_cycles']} cycles"),
        ("weights", f"{streamed['weight_words']} words in {streamed['pieces']} pieces, two halves of W of "
         f"{streamed['half_words']} words"),
        ("array", f"{1e6 * report['compute_sample_seconds']:.0f} us a sample (exact)"),
        ("board's link", _link(report["board_link"])),
        *((f"at {link['bits_per_second'] // 1_000_000} Mb/s", _link(link)) for link in report["links"]),
    ]  # fmt: skip
    lines = [f"{report['board']} ({report['device']}), forward only, weights over the link"]
    lines += [f"  {name:<24} {text}" for name, text in rows]
    lines += [
        f"weighed {report['designs_weighed']}; the best (us a sample):",
        "   array batch block RAMs  array   link    all",
    ]
    for point in report["weighed"]:
        times = (point["compute_sample_seconds"], point["link_sample_seconds"], point["sample_seconds"])
        lines.append(
            f"  {point['rows']:>3}x{point['columns']:<2} {point['batch']:>5} {point['block_rams']:>10}"
            + "".join(f" {1e6 * seconds:>6.0f}" for seconds in times)
        )
    written = "" if report["engine_file"] else f" (after -o {DEFAULT_ENGINE_FILE} beside what you typed)"
    return "\n".join([*lines, f"commands{written}:", *(f"  {build}" for build in report["commands"]["build"])])


def _link(link: Report) -> str:
    alone, all_together = 1e6 * link["link_sample_seconds"], 1e6 * link["sample_seconds"]
    return f"{alone:.0f} us a sample; {all_together:.0f} us in all, limited by the {link['limit']} (modelled)"
