"""Picture of a sizing: Pareto front, block RAM floor plan, roofline."""

from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.patches import Rectangle
from matplotlib.ticker import LogLocator, NullLocator
from matplotlib.transforms import Bbox

from deep3.cost_model.resources import memories, memory_uses
from deep3.cost_model.sizing import Design, link_kind, pareto_front

__all__ = ["plot_sizing"]

BLOCKS_A_ROW = 16


def plot_sizing(designs: list[Design], path: Path) -> None:
    """Draw the designs weighed, the best first, into a PNG, PDF or SVG file."""
    best = designs[0]
    figure, (front, plan, roofline) = plt.subplots(1, 3, figsize=(15, 4.6), layout="constrained")
    sizes = "-".join(map(str, best.local.sizes))
    shape = f"{best.config.rows}x{best.config.columns}"
    figure.suptitle(f"{best.board.name}: {sizes} on a {shape} engine (times and energies are predictions)")
    _front(front, designs)
    _floor_plan(plan, best)
    _roofline(roofline, best)
    # Only now it is known how much room there is.
    figure.draw_without_rendering()
    _name_apart(front, [best, *pareto_front(designs)])
    figure.savefig(path, dpi=130)
    plt.close(figure)


def _front(axes: Axes, designs: list[Design]) -> None:
    front = pareto_front(designs)
    groups = ((designs, "0.75", "weighed"), (front, "C0", "Pareto front"), (designs[:1], "C3", "best"))
    for chosen, colour, label in groups:
        axes.scatter(
            [design.epoch_seconds for design in chosen], [design.epoch_joules for design in chosen],
            s=[4 + design.blocks / 5 for design in chosen], color=colour, label=label,
        )  # fmt: skip
    for axis, scale in ((axes.xaxis, axes.set_xscale), (axes.yaxis, axes.set_yscale)):
        scale("log")
        axis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axis.set_major_formatter("{x:g}")
        axis.set_minor_locator(NullLocator())
    axes.set_xlabel("seconds for the work of an epoch")
    axes.set_ylabel("joules (modelled)")
    axes.set_title("designs; area: block RAM")
    axes.legend(fontsize=8)


def _name_apart(axes: Axes, designs: list[Design]) -> None:
    """Write the array's size beside each design, unless that would cover the name of one before it."""
    named: list[Bbox] = []
    for design in designs:
        place = (design.epoch_seconds, design.epoch_joules)
        name = axes.annotate(
            f"{design.config.rows}x{design.config.columns}", place, (3, 3), textcoords="offset points", fontsize=7
        )
        extent = name.get_window_extent()
        if extent.count_overlaps(named):
            name.remove()
        else:
            named.append(extent)


def _floor_plan(axes: Axes, design: Design) -> None:
    halves_there = 2 * design.device.block_ram.count
    rows = -(-halves_there // (2 * BLOCKS_A_ROW))
    position = 0
    colours = plt.colormaps["tab20"]
    shapes = memories(design.config, link_kind(design.board))
    for index, use in enumerate(use for use in memory_uses(shapes, design.device.family) if use.block):
        halves = use.halves
        for half in range(position, position + halves):
            row, column = divmod(half, 2 * BLOCKS_A_ROW)
            axes.add_patch(Rectangle((column / 2, row), 0.5, 0.9, color=colours(index % 20), lw=0))
        axes.plot([], [], "s", color=colours(index % 20), label=f"{use.shape.name} ({halves / 2:g})")
        position += halves
    axes.add_patch(Rectangle((0, 0), BLOCKS_A_ROW, rows, fill=False, color="0.4"))
    axes.set_xlim(0, BLOCKS_A_ROW)
    axes.set_ylim(rows, 0)
    axes.set_xticks([])
    axes.set_yticks([])
    axes.set_title(f"{design.device.block_ram.kind}: {design.blocks} of {design.device.block_ram.count}")
    axes.legend(fontsize=6, loc="upper center", bbox_to_anchor=(0.5, 0), ncols=2, frameon=False)


def _roofline(axes: Axes, design: Design) -> None:
    step = design.step
    intensity = np.geomspace(step.intensity / 30, step.intensity * 30, 200)
    feed = intensity * step.link.words_per_second
    axes.loglog(intensity, np.minimum(feed, step.peak_macs_per_second) / 1e9, color="C0", label="array, link")
    achieved = step.macs * design.n_push / design.push.seconds
    axes.plot([step.intensity], [achieved / 1e9], "o", color="C3", label="this design, weights' way included")
    axes.plot([step.intensity], [step.macs / step.batch_seconds / 1e9], "^", color="C2", label="engine alone")
    axes.set_xlabel("multiply-adds a word on the link")
    axes.set_ylabel("10^9 multiply-adds a second")
    axes.set_title(f"roofline; bottleneck: {design.push.bottleneck}")
    axes.legend(fontsize=8)
