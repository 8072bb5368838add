"""The page of a run: one HTML file with its pictures inside, which refers to nothing outside and runs no script."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from html import escape
from typing import Any

from matplotlib.figure import Figure

from .run_figures import confusion_figure, curves_figure, spectrum_figure, workers_figure
from .run_numbers import RunNumbers
from .style import data_uri, house_style

__all__ = ["run_page"]

WORD_BYTES = 2
STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; color: #222; background: #fff; margin: 2rem auto; max-width: 74rem;
  padding: 0 1rem; }
h1 { font-size: 1.5rem; margin-bottom: 0.2rem; } h2 { font-size: 1.15rem; margin: 2.2rem 0 0.6rem; }
img { max-width: 100%; height: auto; } p.state { color: #555; margin-top: 0; }
dl.figures { display: flex; flex-wrap: wrap; gap: 0.6rem 2.2rem; margin: 1.2rem 0; }
dl.figures div { min-width: 7rem; } dt { color: #666; font-size: 0.85rem; } dd { margin: 0; font-size: 1.25rem; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; } .wide { overflow-x: auto; }
th, td { padding: 0.25rem 0.9rem 0.25rem 0; text-align: right; border-bottom: 1px solid #e6e6e6; }
th { color: #666; font-weight: normal; font-size: 0.85rem; vertical-align: bottom; }
th:first-child, td:first-child, table.settings td { text-align: left; }
ul.notes { background: #fff6e0; padding: 0.7rem 0.7rem 0.7rem 2rem; } td.lost { color: #b3261e; text-align: left; }
pre { background: #f5f5f5; padding: 0.7rem; overflow-x: auto; } figcaption { color: #666; font-size: 0.9rem; }
figure { margin: 0; }
"""
UNKNOWN = "-"


def run_page(report: Mapping[str, Any], joint: RunNumbers, reference: RunNumbers | None) -> str:
    """The page.

    Parameters
    ----------
    report
        Of `host.training.report.report_run`: what is neither curve nor worker.
    joint, reference
        The runs of the folder.
    """
    network = "-".join(map(str, report["sizes"]))
    title = f"{report['data']}, {network}"
    with house_style():
        sections = "\n".join(_sections(report, joint, reference))
    return f"""<!DOCTYPE html>
<html lang="en">
<head><meta charset="utf-8"><title>{escape(title)} - deep3</title><style>{STYLE}</style></head>
<body>
<h1>{escape(title)}</h1>
<p class="state">{escape(_state(joint))}; run folder {escape(report["run"])}</p>
{sections}
</body>
</html>
"""


def _state(run: RunNumbers) -> str:
    share = f"{run.iterations} of about {run.planned_iterations} updates"
    if run.state == "finished":
        return f"finished ({run.ended}) after {run.iterations} updates"
    return f"stopped ({run.ended}) after {share}" if run.state == "stopped" else f"not ended: {share}"


def _sections(report: Mapping[str, Any], joint: RunNumbers, reference: RunNumbers | None) -> Iterator[str]:
    if report["notes"]:
        yield f'<ul class="notes">{"".join(f"<li>{escape(note)}</li>" for note in report["notes"])}</ul>'
    yield _key_figures(joint, reference)
    if joint.points:
        yield _section("Learning", _picture(
            lambda: curves_figure(joint, reference),
            "Accuracy and validation loss over time, multiply-adds and words; the dot is the network that was kept.",
        ))  # fmt: skip
    yield _section("Workers", _workers(joint))
    if any(worker.predicted_cycles for worker in joint.workers.values()):
        yield _section("Engines: predicted and measured", _engines(joint))
    if (projection := report["projection"]) is not None:
        yield _section("Projection", _projection(projection))
    if (confusion := report["confusion"]) is not None:
        yield _section("Confusion", _confusion(confusion))
    yield _section("How it was made", _origin(report))


def _section(title: str, content: str) -> str:
    return f"<h2>{escape(title)}</h2>\n{content}"


def _picture(draw: Callable[[], Figure], caption: str) -> str:
    text = escape(caption)
    return f'<figure><img alt="{text}" src="{data_uri(draw())}"><figcaption>{text}</figcaption></figure>'


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Cells are text."""
    lines = ["".join(f"<th>{escape(cell)}</th>" for cell in head)]
    lines += ["".join(f"<td>{escape(cell)}</td>" for cell in row) for row in rows]
    return f'<div class="wide"><table>{"".join(f"<tr>{line}</tr>" for line in lines)}</table></div>'


def _key_figures(joint: RunNumbers, reference: RunNumbers | None) -> str:
    best = joint.best_point
    figures = [] if best is None else [("validation accuracy", _percent(best.validation_accuracy))]
    if joint.test_accuracy is not None:
        figures.insert(0, ("test accuracy", _percent(joint.test_accuracy)))
    if reference is not None and reference.test_accuracy is not None:
        figures.append(("float32 reference", _percent(reference.test_accuracy)))
    figures += [
        ("training time", f"{joint.seconds:.1f} s"),
        ("updates", f"{joint.iterations:,}"),
        ("multiply-adds", f"{joint.multiply_adds:.3g}"),
        ("to the workers", _bytes(joint.words_to_workers)),
        ("from the workers", _bytes(joint.words_from_workers)),
    ]
    cells = "".join(f"<div><dt>{escape(name)}</dt><dd>{escape(value)}</dd></div>" for name, value in figures)
    return f'<dl class="figures">{cells}</dl>'


def _workers(run: RunNumbers) -> str:
    rows = []
    for name, worker in run.workers.items():
        stale = worker.staleness
        pushes = len(worker.push_seconds)
        rows.append([
            name,
            f"{pushes:,}",
            f"{worker.samples:,}",
            _percent(worker.share),
            _percent(worker.busy),
            f"{1000 * sum(worker.push_seconds) / pushes:,.1f}" if pushes else UNKNOWN,
            f"{sum(stale) / len(stale):.1f} / {max(stale)}" if stale else UNKNOWN,
            _percent(worker.correct / worker.samples) if worker.samples else UNKNOWN,
            f"{worker.clipped:,}",
            _bytes(worker.words_to_worker),
            _bytes(worker.words_from_worker),
            "" if worker.lost is None else f"lost: {worker.lost}",
        ])  # fmt: skip
    head = (
        "worker", "pushes", "samples", "share", "busy", "ms a push", "staleness, mean / most", "right in training",
        "saturated values", "to it", "from it", "",
    )  # fmt: skip
    caption = "What each worker did when; staleness counts the updates of others between a task and its update."
    return _picture(lambda: workers_figure(run), caption) + _table(head, rows)


def _engines(run: RunNumbers) -> str:
    rows = []
    for name, worker in run.workers.items():
        predicted, measured = worker.predicted_cycles, worker.engine_cycles
        if predicted:
            batches = max(1, worker.batches)
            rows.append([
                name, f"{batches:,}", f"{predicted / batches:,.1f}", f"{measured / batches:,.1f}",
                f"{100 * (measured / predicted - 1):+.2f} %",
            ])  # fmt: skip
    head = ("worker", "batches", "cycles a batch, predicted", "measured", "more than predicted")
    note = "Predicted are the cycles of a run that waits for nothing; what is more was waiting for batches of the host."
    return _table(head, rows) + f"<p>{note}</p>"


def _projection(projection: Mapping[str, Any]) -> str:
    text = f"{projection['length']} coefficients"
    if projection["features"] is not None:
        text += f" of {projection['features']} features"
    if projection["captured"] is not None:
        text += f" hold {100 * projection['captured']:.2f} % of the energy of the training samples"
    caption = f"{text}; energies from: {projection['origin']}."
    return _picture(lambda: spectrum_figure(projection["energies"], projection["sample_energy"]), caption)


def _confusion(confusion: Mapping[str, Any]) -> str:
    counts, classes = confusion["counts"], confusion["classes"]
    samples = sum(map(sum, counts))
    right = sum(row[number] for number, row in enumerate(counts))
    caption = (
        f"{samples:,} {confusion['part']} samples, {right:,} right ({_percent(right / samples)}), by the network after "
        f"{confusion['iteration']} updates."
    )
    return _picture(lambda: confusion_figure(classes, counts), caption)


def _origin(report: Mapping[str, Any]) -> str:
    settings = report["settings"]
    parts = []
    if report["command"] is not None:
        parts.append(f"<p>The command that repeats it:</p><pre>{escape(report['command'])}</pre>")
    values = {
        "data": report["data"],
        "global network": "-".join(map(str, report["sizes"])),
        "local network": "-".join(map(str, report["local_sizes"])),
        "values saturated on their way to Q3.12": str(report["clipped_inputs"]),
        **{f"version of {name}": version for name, version in report["versions"].items()},
        **{name.replace("_", "-"): _setting(value) for name, value in settings.items() if name != "data"},
    }
    table = _table(("", ""), list(values.items())).replace("<table>", '<table class="settings">')
    return "".join(parts) + table


def _setting(value: object) -> str:
    if value is None or isinstance(value, bool):
        return {None: "none", False: "no", True: "yes"}[value]
    return ", ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)


def _percent(share: float) -> str:
    return f"{100 * share:.2f} %"


def _bytes(words: int | None) -> str:
    if words is None:
        return UNKNOWN
    size = float(WORD_BYTES * words)
    for unit in ("B", "kB", "MB", "GB"):
        if size < 1000:
            return f"{size:.3g} {unit}"
        size /= 1000
    return f"{size:.3g} TB"
