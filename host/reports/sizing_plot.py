"""Picture of a sizing: Pareto front, block RAM floor plan, roofline."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.patches import Rectangle
from matplotlib.ticker import LogLocator, NullLocator
from matplotlib.transforms import Bbox

from deep3.cost_model.design import Design, link_kind, pareto_front
from deep3.cost_model.resources import memories, memory_uses

__all__ = ["plot_sizing"]

BLOCKS_A_ROW = 16
NAME_PLACES = (
    ((4, 3), "left", "bottom"), ((4, -3), "left", "top"), ((-4, 3), "right", "bottom"), ((-4, -3), "right", "top"),
)  # fmt: skip
"""Of a name beside a dot: points from its centre, and which corner of the name lies there."""


def plot_sizing(designs: Sequence[Design], path: Path) -> None:
    """Draw the designs weighed, the best first, into a PNG, PDF or SVG file.

    Raises
    ------
    OSError
        When the file cannot be written; with its path.
    """
    best = designs[0]
    figure, (front, plan, roofline) = plt.subplots(1, 3, figsize=(15, 5), layout="constrained", dpi=130)
    shape = f"{best.config.rows}x{best.config.columns}"
    figure.suptitle(f"{best.board.name}: {best.name} on a {shape} engine (times and energies are predictions)")
    _front(front, designs)
    _floor_plan(plan, best)
    _roofline(roofline, best)
    # Only now it is known how much room there is.
    figure.draw_without_rendering()
    figure.set_layout_engine("none")
    _name_apart(front, [best, *(design for design in pareto_front(designs) if design is not best)], designs)
    figure.savefig(path)
    plt.close(figure)


def _front(axes: Axes, designs: Sequence[Design]) -> None:
    # The best is on the front wherever time or energy is the objective, and then drawn once.
    front = [design for design in pareto_front(designs) if design is not designs[0]]
    rest = [design for design in designs[1:] if design not in front]
    groups = ((rest, "0.75", "weighed"), (front, "C0", "Pareto front"), (designs[:1], "C3", "best"))
    for chosen, colour, label in groups:
        if chosen:
            axes.scatter(
                [design.epoch_seconds for design in chosen], [design.epoch_joules for design in chosen],
                s=[_area(design) for design in chosen], color=colour, label=label,
            )  # fmt: skip
    for axis, scale in ((axes.xaxis, axes.set_xscale), (axes.yaxis, axes.set_yscale)):
        scale("log")
        axis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axis.set_major_formatter("{x:g}")
        axis.set_minor_locator(NullLocator())
    axes.margins(0.12)
    axes.set_xlabel("seconds for the work of an epoch")
    axes.set_ylabel("joules (modelled)")
    axes.set_title("designs; area: block RAM")
    axes.legend(fontsize=8)


def _area(design: Design) -> float:
    """Of its dot, in square points."""
    return 4 + design.blocks / 5


def _name_apart(axes: Axes, named: list[Design], designs: Sequence[Design]) -> None:
    """Write the array's size beside designs, each where it covers no dot, no name before it and not the legend, or
    not at all."""
    pixels_a_point = axes.figure.dpi / 72
    taken = [legend.get_window_extent()] if (legend := axes.get_legend()) else []
    for design in designs:
        centre = axes.transData.transform((design.epoch_seconds, design.epoch_joules))
        radius = np.sqrt(_area(design)) / 2 * pixels_a_point
        taken.append(Bbox([centre - radius, centre + radius]))
    frame = axes.get_window_extent()
    for design in named:
        text = f"{design.config.rows}x{design.config.columns}"
        place = (design.epoch_seconds, design.epoch_joules)
        for offset, sideways, upright in NAME_PLACES:
            name = axes.annotate(
                text, place, offset, textcoords="offset points", fontsize=7, ha=sideways, va=upright
            )  # fmt: skip
            extent = name.get_window_extent()
            inside = frame.x0 <= extent.x0 and extent.x1 <= frame.x1 and frame.y0 <= extent.y0 and extent.y1 <= frame.y1
            if inside and not extent.count_overlaps(taken):
                taken.append(extent)
                break
            name.remove()


def _floor_plan(axes: Axes, design: Design) -> None:
    halves_there = 2 * design.device.block_ram.count
    rows = -(-halves_there // (2 * BLOCKS_A_ROW))
    position = 0
    colours = plt.colormaps["tab20"]
    halves: Counter[str] = Counter()
    for use in memory_uses(memories(design.config, link_kind(design.board)), design.device.family):
        if use.block:
            halves[use.shape.name] += use.halves
    for index, (name, count) in enumerate(halves.items()):
        for half in range(position, position + count):
            row, column = divmod(half, 2 * BLOCKS_A_ROW)
            axes.add_patch(Rectangle((column / 2, row), 0.5, 0.9, color=colours(index % 20), lw=0))
        axes.plot([], [], "s", color=colours(index % 20), label=f"{name} ({count / 2:g})")
        position += count
    # What is there and free, so that an empty place is not taken for the end of the device.
    for half in range(position, halves_there):
        row, column = divmod(half, 2 * BLOCKS_A_ROW)
        axes.add_patch(Rectangle((column / 2, row), 0.5, 0.9, color="0.93", lw=0))
    axes.plot([], [], "s", color="0.93", label=f"free ({(halves_there - position) / 2:g})")
    axes.set_xlim(0, BLOCKS_A_ROW)
    axes.set_ylim(rows, 0)
    axes.set_axis_off()
    axes.set_title(f"{design.device.block_ram.kind}: {design.blocks} of {design.device.block_ram.count}")
    axes.legend(fontsize=6, loc="upper center", bbox_to_anchor=(0.5, 0), ncols=2, frameon=False)


def _roofline(axes: Axes, design: Design) -> None:
    step = design.step
    knee = step.peak_macs_per_second / step.link.words_per_second
    low, high = sorted((knee, step.intensity))
    intensity = np.geomspace(low / 5, high * 5, 200)
    feed = intensity * step.link.words_per_second
    axes.loglog(intensity, np.minimum(feed, step.peak_macs_per_second) / 1e9, color="C0", label="array, link")
    fed = step.macs / max(step.batch_seconds, step.stream_seconds)
    achieved = step.macs * design.n_push / design.push.seconds
    axes.plot([step.intensity], [fed / 1e9], "^", color="C2", label="batch after batch")
    axes.plot([step.intensity], [achieved / 1e9], "o", color="C3", label="weights' way included")
    axes.set_xlim(intensity[0], intensity[-1])
    axes.set_ylim(top=2 * step.peak_macs_per_second / 1e9)
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axis.set_major_formatter("{x:g}")
        axis.set_minor_locator(NullLocator())
    axes.set_xlabel("multiply-adds a word on the link")
    axes.set_ylabel("10^9 multiply-adds a second")
    axes.set_title(f"roofline; bottleneck: {design.push.bottleneck}")
    axes.legend(fontsize=8, loc="lower right")
