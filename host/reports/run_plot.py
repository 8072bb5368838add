"""The picture of a run, from what lies in its folder: accuracy against work and time, and how each worker worked."""

from pathlib import Path
from statistics import median, quantiles

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import EngFormatter, FuncFormatter, LogLocator, NullFormatter

from deep3.host.records.events import Evaluated
from deep3.host.records.history import Contribution, History, read_histories
from deep3.host.records.run_folder import PLOT_FILE, RunDescription

from .style import JOINT_COLOUR, REFERENCE_COLOUR, drawable, house_style

__all__ = ["plot_run"]

SHOWN_POINTS = 15.0
"""The accuracy axis begins at least this many points below the best."""
LOG_RATIO = 4.0
"""Runs whose times differ by more than this share a logarithmic axis."""
MOST_LABELLED = 100.0
"""On logarithmic axes that are wider only powers of ten are labelled."""
MOST_NAMES = 16
"""More workers than this are not named one by one."""


def plot_run(folder: Path) -> Path:
    """Write ``plot.png`` (1650 x 630 pixels) of a run folder and return its path.

    Left and middle: accuracy of the joint run, and of the float32 reference if there is one, against multiply-adds and
    against wall time, in validation; the title has that of the best network on the test samples. Right: the time that
    each worker took for a push, median and the range that holds 80 % of them.

    Raises
    ------
    RecordError
        When the folder is none of a run.
    """
    description, histories = RunDescription.load(folder), read_histories(folder)
    joint, reference = histories.get("joint", History()), histories.get("reference")
    with house_style():
        figure = Figure(figsize=(11, 4.2), dpi=150)
        work, clock, workers = figure.subplots(1, 3, gridspec_kw={"width_ratios": [5, 5, 3.4]})
        names = description.workers
        label = ", ".join(names) if len(names) <= 4 else f"{len(names)} workers"
        curves = [(f"joint run: {label}", joint, JOINT_COLOUR, "-")]
        if reference is not None:
            curves.append(("float32 PyTorch, same network", reference, REFERENCE_COLOUR, "--"))
        for label, history, colour, line in curves:
            _curve(work, history, [event.multiply_adds for event in history.evaluations], colour, line, label)
            _curve(clock, history, [event.seconds for event in history.evaluations], colour, line, None)
        shown = [history for _, history, _, _ in curves if history.evaluations]
        for axes, quantity in ((work, "multiply-adds"), (clock, "wall time (s)")):
            _accuracy_axes(axes, quantity, shown)
        work.set_xlim(left=0)
        work.xaxis.set_major_formatter(EngFormatter(sep=""))
        _time_axis(clock, shown)
        _workers(workers, joint)
        title = drawable(_title(description, joint, reference))
        figure.suptitle(title, x=0.02, y=0.98, ha="left", fontsize=12, fontweight="bold")
        figure.legend(loc="upper left", bbox_to_anchor=(0.012, 0.925), ncols=2, frameon=False)
        figure.tight_layout(rect=(0, 0, 1, 0.9), w_pad=2)
        figure.savefig(folder / PLOT_FILE)
    return folder / PLOT_FILE


def _title(description: RunDescription, joint: History, reference: History | None) -> str:
    network = "-".join(map(str, description.sizes))
    kind = "validation" if joint.scored is None else "test"
    title = f"{description.data}, {network}: {_best_percent(joint):.2f} % {kind} accuracy in the joint run"
    return title if reference is None else f"{title}, {_best_percent(reference):.2f} % in float32"


def _percent(event: Evaluated) -> float:
    return 100 * event.validation_accuracy


def _best_percent(history: History) -> float:
    if history.scored is not None:
        return 100 * history.scored.accuracy
    return 0.0 if history.best is None else _percent(history.best)


def _curve(
    axes: Axes, history: History, positions: list[int] | list[float], colour: str, line: str, label: str | None
) -> None:
    """The curve, and a dot where validation chose the network."""
    percent = [_percent(event) for event in history.evaluations]
    axes.plot(positions, percent, line, color=colour, label=label, lw=1.8)
    if history.best is not None:
        best = history.evaluations.index(history.best)
        axes.plot(positions[best], percent[best], "o", color=colour, markersize=6, zorder=3)


def _accuracy_axes(axes: Axes, quantity: str, histories: list[History]) -> None:
    axes.set_xlabel(quantity)
    axes.set_ylabel("validation accuracy (%)")
    if histories:
        highest = max(_percent(event) for history in histories for event in history.evaluations)
        last = min(_percent(history.evaluations[-1]) for history in histories)
        axes.set_ylim(max(0.0, min(last - 2, highest - SHOWN_POINTS)), min(100.5, highest + 1.5))


def _time_axis(axes: Axes, histories: list[History]) -> None:
    """From 0 on; logarithmic where otherwise one curve would be a sliver."""
    ends = [history.evaluations[-1].seconds for history in histories]
    if len(ends) < 2 or min(ends) <= 0 or max(ends) < LOG_RATIO * min(ends):
        axes.set_xlim(left=0)
        return
    trained = [event.seconds for history in histories for event in history.evaluations if event.iteration]
    _log_axis(axes, min(trained), 1.15 * max(ends))


def _log_axis(axes: Axes, low: float, high: float) -> None:
    """Plain numbers, no more of them than there is room for."""
    axes.set_xscale("log")
    axes.set_xlim(low, high)
    axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5) if high < MOST_LABELLED * low else (1,)))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.xaxis.set_minor_formatter(NullFormatter())


def _workers(axes: Axes, joint: History) -> None:
    """Time of a push by worker."""
    axes.set_xlabel("time of a push (ms)")
    axes.grid(axis="y", visible=False)
    axes.set_yticks(range(len(joint.contributions)), list(joint.contributions))
    axes.set_ylim(len(joint.contributions) - 0.25, -0.75)
    if len(joint.contributions) > MOST_NAMES:
        axes.set_yticks([])
    low, high = [], []
    for row, part in enumerate(joint.contributions.values()):
        if part.pushes:
            times = [1000 * seconds for seconds in part.pushes]
            tenths = quantiles(times, n=10, method="inclusive") if len(times) > 1 else [times[0]]
            axes.plot([tenths[0], tenths[-1]], [row, row], color=JOINT_COLOUR, lw=4, alpha=0.35, solid_capstyle="round")
            axes.plot(median(times), row, "o", color=JOINT_COLOUR, markersize=7)
            low.append(tenths[0])
            high.append(tenths[-1])
        if len(joint.contributions) <= MOST_NAMES:
            axes.annotate(
                _words(part, joint), (0.02, row), xycoords=axes.get_yaxis_transform(), xytext=(0, 9),
                textcoords="offset points", fontsize=9,
            )  # fmt: skip
    if low:
        _log_axis(axes, 0.6 * min(low), 1.7 * max(high))


def _words(part: Contribution, joint: History) -> str:
    busy = f", busy {100 * part.seconds / joint.seconds:.0f} %" if joint.seconds and part.pushes else ""
    return f"{part.updates} pushes{busy}" + (", lost" if part.lost else "")
