"""The pictures on the page of a run: learning curves, what every worker did when, the spectrum, the confusion."""

from collections.abc import Sequence
from statistics import fmean

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import EngFormatter, FuncFormatter, LogLocator, MaxNLocator, NullFormatter
from numpy.typing import NDArray

from .run_numbers import Point, RunNumbers, WorkerNumbers
from .style import JOINT_COLOUR, LOST_COLOUR, REFERENCE_COLOUR, drawable

__all__ = ["busy_shares", "confusion_figure", "curves_figure", "spectrum_figure", "workers_figure"]

SHOWN_POINTS = 25.0
"""The accuracy axis begins at least this many points below the best."""
WAITING_COLOUR = "#e3e3e3"
BUSY = LinearSegmentedColormap.from_list("busy", [WAITING_COLOUR, JOINT_COLOUR])
MOMENTS = 800
"""Parts of a timeline, about its pixels: what is shorter is drawn as the share of the time that it took."""
MOST_NAMES = 40
"""More workers than this are not named one by one."""
MOST_COUNTS = 30
"""Classes of which the counts are written into the fields of a confusion matrix."""
MOST_CLASS_NAMES = 60


def curves_figure(joint: RunNumbers, reference: RunNumbers | None) -> Figure:
    """Accuracy and validation loss over time, multiply-adds and words."""
    figure = Figure(figsize=(12, 5.6), layout="constrained")
    upper, lower = figure.subplots(2, 3, sharex="col", sharey="row")
    runs = [("joint run", joint, JOINT_COLOUR, "-")]
    if reference is not None:
        runs.append(("float32 PyTorch, same network", reference, REFERENCE_COLOUR, "--"))
    for label, run, colour, line in runs:
        for column, spent in _spent(run.points).items():
            percents = [100 * point.validation_accuracy for point in run.points]
            upper[column].plot(spent, percents, line, color=colour, lw=1.7, label=label)
            lower[column].plot(spent, [p.validation_loss for p in run.points], line, color=colour, lw=1.7)
            if run.best is not None:
                best = run.points[run.best]
                upper[column].plot(spent[run.best], 100 * best.validation_accuracy, "o", color=colour, markersize=5)
    upper[0].set_ylabel("validation accuracy (%)")
    lower[0].set_ylabel("validation loss")
    _accuracy_limits(upper[0], [run for _, run, _, _ in runs])
    losses = [point.validation_loss for _, run, _, _ in runs for point in run.points]
    if losses and min(losses) > 0:
        lower[0].set_yscale("log")
        lower[0].yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        lower[0].yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        lower[0].yaxis.set_minor_formatter(NullFormatter())
    for axes, quantity in zip(lower, ("training time (s)", "multiply-adds", "16-bit words, both ways"), strict=True):
        axes.set_xlabel(quantity)
        axes.set_xlim(left=0)
    for axes in lower[1:]:
        axes.xaxis.set_major_formatter(EngFormatter(sep=""))
    if joint.words is None:
        lower[2].annotate("not recorded by this version", (0.5, 0.5), xycoords="axes fraction", ha="center")
    upper[0].legend(loc="lower right", frameon=False)
    return figure


def _spent(points: Sequence[Point]) -> dict[int, list[float]]:
    """Time, multiply-adds and words by column; without the last where they are not known."""
    words = [point.words for point in points if point.words is not None]
    known: dict[int, list[float]] = {2: [*words]} if len(words) == len(points) else {}
    return {0: [point.seconds for point in points], 1: [float(point.multiply_adds) for point in points], **known}


def _accuracy_limits(axes: Axes, runs: Sequence[RunNumbers]) -> None:
    found = [[100 * point.validation_accuracy for point in run.points] for run in runs if run.points]
    if found:
        highest, last = max(map(max, found)), min(values[-1] for values in found)
        axes.set_ylim(max(0.0, min(last - 2, highest - SHOWN_POINTS)), min(100.5, highest + 1.5))


def workers_figure(run: RunNumbers) -> Figure:
    """A line for each worker: what it did when, its share of the samples, the staleness of its updates."""
    names = list(run.workers)
    figure = Figure(figsize=(12, 1.7 + min(0.34 * len(names), 14)), layout="constrained")
    times, shares, stale = figure.subplots(1, 3, sharey=True, width_ratios=(6, 2, 2.4))
    for row, worker in enumerate(run.workers.values()):
        _timeline(times, row, worker, run.seconds)
        shares.barh(row, 100 * worker.share, height=0.62, color=JOINT_COLOUR)
        if worker.staleness:
            low, high = min(worker.staleness), max(worker.staleness)
            stale.plot([low, high], [row, row], color=JOINT_COLOUR, lw=5, alpha=0.3, solid_capstyle="round")
            stale.plot(fmean(worker.staleness), row, "o", color=JOINT_COLOUR, markersize=6)
    shown = [drawable(name) for name in names] if len(names) <= MOST_NAMES else [""] * len(names)
    times.set_yticks(range(len(names)), shown)
    times.set_ylim(len(names) - 0.4, -0.6)
    times.set_xlim(0, run.seconds or 1)
    times.set_xlabel("training time (s)")
    shares.set_xlabel("share of the samples (%)")
    shares.set_xlim(left=0)
    stale.set_xlabel("staleness: range and mean (updates)")
    stale.margins(x=0.08)
    stale.xaxis.set_major_locator(MaxNLocator(integer=True))
    for axes in (times, shares, stale):
        axes.grid(axis="y", visible=False)
        axes.tick_params(axis="y", length=0)
    if not any(worker.staleness for worker in run.workers.values()):
        reason = "no update" if not run.iterations else "not recorded by this version"
        stale.annotate(reason, (0.5, 0.5), xycoords="axes fraction", ha="center", va="center")
    keys: list[Artist] = [Patch(color=JOINT_COLOUR, label="training"), Patch(color=WAITING_COLOUR, label="waiting")]
    if any(worker.lost for worker in run.workers.values()):
        keys.append(Line2D([], [], ls="", marker="X", color=LOST_COLOUR, markersize=8, label="lost"))
    figure.legend(handles=keys, loc="outside upper left", ncols=3, frameon=False)
    return figure


def _timeline(axes: Axes, row: int, worker: WorkerNumbers, end_s: float) -> None:
    """The share of its time in which a worker trained, from moment to moment, and that of its loss."""
    lost_s = worker.lost_seconds
    if worker.lost is not None and lost_s is None:
        began = zip(worker.push_began_seconds, worker.push_seconds, strict=True)
        lost_s = max(map(sum, began), default=0.0)
    shares = busy_shares(worker, end_s, MOMENTS)
    if lost_s is not None:
        shares[round(MOMENTS * lost_s / (end_s or 1)) :] = np.nan
        axes.plot(lost_s, row, "X", color=LOST_COLOUR, markersize=9, clip_on=False, zorder=3)
    extent = (0.0, end_s or 1.0, row + 0.31, row - 0.31)
    axes.imshow(shares[np.newaxis], cmap=BUSY, vmin=0, vmax=1, aspect="auto", extent=extent, interpolation="nearest")


def busy_shares(worker: WorkerNumbers, end_s: float, moments: int) -> NDArray[np.float64]:
    """Shares, 0 to 1, of so many equal parts of a run in which a worker trained."""
    if not worker.push_seconds or not end_s:
        return np.zeros(moments)
    order = np.argsort(worker.push_began_seconds)
    began, took = np.array(worker.push_began_seconds)[order], np.array(worker.push_seconds)[order]
    # What it had trained by the beginning and by the end of every push; between them that is a straight line.
    times = np.maximum.accumulate(np.column_stack((began, began + took)).reshape(-1))
    trained = np.column_stack((np.cumsum(took) - took, np.cumsum(took))).reshape(-1)
    shares: NDArray[np.float64] = np.diff(np.interp(np.linspace(0, end_s, moments + 1), times, trained))
    return np.clip(shares * moments / end_s, 0, 1)


def spectrum_figure(energies: Sequence[float], total: float | None) -> Figure:
    """Energy of the coefficients, the largest first, and the share of the samples' energy that the first so many hold;
    without the latter where the energy of the samples is not known."""
    ordered = np.sort(np.asarray(energies, np.float64))[::-1]
    count = np.arange(1, len(ordered) + 1)
    figure = Figure(figsize=(9, 3.2) if total else (5, 3.2), layout="constrained")
    spectrum, *held = figure.subplots(1, 2 if total else 1, squeeze=False)[0]
    spectrum.plot(count, ordered, color=JOINT_COLOUR, lw=1.7, marker="o" if len(ordered) < 30 else None, markersize=4)
    if ordered[-1] > 0:
        spectrum.set_yscale("log")
    spectrum.set_ylabel("variance of a coefficient")
    if total:
        held[0].plot(count, 100 * np.cumsum(ordered) / total, color=JOINT_COLOUR, lw=1.7)
        held[0].set_ylabel("energy captured (%)")
        held[0].set_ylim(0, 101)
    for axes in (spectrum, *held):
        axes.set_xlabel("coefficients, the largest first")
        axes.set_xlim(left=0)
    return figure


def confusion_figure(classes: Sequence[str], counts: Sequence[Sequence[int]]) -> Figure:
    """Share of each true class (row) that is taken for each class (column); the counts where there is room."""
    table = np.asarray(counts)
    shares = table / np.maximum(1, table.sum(axis=1, keepdims=True))
    side = min(9.0, 2.2 + 0.3 * len(classes))
    figure = Figure(figsize=(side + 1, side), layout="constrained")
    axes = figure.subplots()
    image = axes.imshow(100 * shares, cmap="Blues", vmin=0, vmax=100)
    figure.colorbar(image, ax=axes, shrink=0.7, label="% of the true class")
    axes.grid(visible=False)
    if len(classes) <= MOST_CLASS_NAMES:
        shown = [drawable(name if len(name) <= 14 else f"{name[:13]}…") for name in classes]
        axes.set_xticks(range(len(classes)), shown, rotation=90 if max(map(len, shown)) > 2 else 0)
        axes.set_yticks(range(len(classes)), shown)
    if len(classes) <= MOST_COUNTS:
        for row, column in np.argwhere(table):
            colour = "white" if shares[row, column] > 0.5 else "#333333"
            axes.text(column, row, str(table[row, column]), ha="center", va="center", fontsize=8, color=colour)
    axes.set_xlabel("found")
    axes.set_ylabel("true")
    return figure
