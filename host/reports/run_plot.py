"""The picture of a run: accuracy against work and time, and what each worker contributed."""

from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import EngFormatter

from deep3.host.records.recorder import Curve, Recorder

__all__ = ["plot_run"]

JOINT_COLOUR = "#0b6e99"
REFERENCE_COLOUR = "#d1813b"
TEXT_COLOUR = "#333333"
SHOWN_POINTS = 15.0
"""The accuracy axis begins at least this many points below the best."""
STYLE: dict[Any, Any] = {
    "font.family": "sans-serif",
    "font.size": 10,
    "axes.edgecolor": "#999999",
    "axes.labelcolor": TEXT_COLOUR,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": "#e6e6e6",
    "grid.linewidth": 0.8,
    "text.color": TEXT_COLOUR,
    "xtick.color": TEXT_COLOUR,
    "ytick.color": TEXT_COLOUR,
}


def plot_run(path: Path, data: str, joint: Recorder, reference: Recorder | None, workers: list[str]) -> Path:
    """Write the picture of a run to ``path`` (PNG, 1650 x 630 pixels) and return ``path``.

    Left and middle: test accuracy of the joint run, and of the float32 reference if there is one, against
    multiply-adds and against wall time. Right: updates of each worker.
    """
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(11, 4.2), dpi=150)
        work, clock, share = figure.subplots(1, 3, gridspec_kw={"width_ratios": [5, 5, 3.4]})
        curves = [(f"joint run: {', '.join(workers)}", joint, JOINT_COLOUR, "-")]
        if reference is not None:
            curves.append(("float32 PyTorch, same network", reference, REFERENCE_COLOUR, "--"))
        for label, recorder, colour, line in curves:
            work.plot(recorder.curve.multiply_adds, _percent(recorder.curve), line, color=colour, label=label, lw=1.8)
            clock.plot(recorder.curve.seconds, _percent(recorder.curve), line, color=colour, lw=1.8)
            _mark_best(work, recorder, recorder.curve.multiply_adds, colour)
            _mark_best(clock, recorder, recorder.curve.seconds, colour)
        work.xaxis.set_major_formatter(EngFormatter(sep=""))
        _accuracy_axes(work, "multiply-adds", [recorder for _, recorder, _, _ in curves])
        _accuracy_axes(clock, "wall time (s)", [recorder for _, recorder, _, _ in curves])
        _contributions(share, joint, workers)
        figure.suptitle(_title(data, joint, reference), x=0.02, y=0.98, ha="left", fontsize=12, fontweight="bold")
        figure.legend(loc="upper left", bbox_to_anchor=(0.012, 0.925), ncols=2, frameon=False)
        figure.tight_layout(rect=(0, 0, 1, 0.9), w_pad=2)
        figure.savefig(path)
    return path


def _title(data: str, joint: Recorder, reference: Recorder | None) -> str:
    title = f"{data}: {_best_percent(joint):.2f} % test accuracy in the joint run"
    return title if reference is None else f"{title}, {_best_percent(reference):.2f} % in float32"


def _best_percent(recorder: Recorder) -> float:
    best = recorder.best_test
    return 0.0 if best is None else 100 * best.accuracy


def _percent(curve: Curve) -> list[float]:
    return [100 * accuracy for accuracy in curve.test_accuracy]


def _mark_best(axes: Axes, recorder: Recorder, positions: list[int] | list[float], colour: str) -> None:
    """A dot where validation chose the network."""
    index = recorder.curve.iterations.index(recorder.best_iteration)
    axes.plot(positions[index], _percent(recorder.curve)[index], "o", color=colour, markersize=6, zorder=3)


def _accuracy_axes(axes: Axes, quantity: str, recorders: list[Recorder]) -> None:
    highest = max(max(_percent(recorder.curve)) for recorder in recorders)
    last = min(_percent(recorder.curve)[-1] for recorder in recorders)
    axes.set_ylim(max(0.0, min(last - 2, highest - SHOWN_POINTS)), min(100.5, highest + 1.5))
    axes.set_xlim(left=0)
    axes.set_xlabel(quantity)
    axes.set_ylabel("test accuracy (%)")


def _contributions(axes: Axes, joint: Recorder, workers: list[str]) -> None:
    updates = [part.updates for part in joint.contributions]
    bars = axes.barh(workers, updates, color=JOINT_COLOUR, height=0.55)
    labels = [
        f"{part.updates}" + (", lost" if part.lost else f"  ({1000 * part.seconds / max(1, part.updates):.0f} ms each)")
        for part in joint.contributions
    ]
    axes.bar_label(bars, labels, padding=4, fontsize=9)
    axes.invert_yaxis()
    axes.grid(axis="y", visible=False)
    axes.set_xlim(0, 1.8 * max([1, *updates]))
    axes.set_ylim(len(workers) - 0.25, -0.75)
    axes.set_xlabel("updates pushed")
