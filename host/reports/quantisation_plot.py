"""Picture of a quantisation: where the values of each tensor lie in its format, and how far the engine is off."""

from collections.abc import Sequence
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import LogLocator, NullLocator

from deep3.host.measure.quantisation import Tensor

__all__ = ["plot_quantisation"]

COLOURS = {"inputs": "C7", "weights": "C0", "activations": "C2", "logits": "C1", "errors": "C3"}
INCHES_A_TENSOR = 0.26


def plot_quantisation(title: str, tensors: Sequence[Tensor], path: Path) -> None:
    """Draw tensors, one a line from the top, into a PNG, PDF or SVG file.

    Raises
    ------
    OSError
        When the file cannot be written; with its path.
    """
    height = 1.6 + INCHES_A_TENSOR * len(tensors)
    figure, (ranges, shares, errors) = plt.subplots(
        1, 3, figsize=(14, height), layout="constrained", dpi=130, sharey=True, width_ratios=(3, 2, 2)
    )
    figure.suptitle(title)
    places = range(len(tensors))
    ranges.set_yticks(places, [f"{tensor.name}  ({tensor.format})" for tensor in tensors])
    ranges.set_ylim(len(tensors) - 0.4, -0.6)
    _ranges(ranges, tensors)
    _shares(shares, tensors)
    _errors(errors, tensors)
    for axes in (ranges, shares, errors):
        axes.grid(axis="x", color="0.9")
        axes.set_axisbelow(True)
        axes.tick_params(axis="y", length=0)
    figure.savefig(path)
    plt.close(figure)


def _ranges(axes: Axes, tensors: Sequence[Tensor]) -> None:
    for place, tensor in enumerate(tensors):
        axes.barh(place, tensor.limit - tensor.step, left=tensor.step, height=0.8, color="0.88")
        if tensor.magnitudes is not None:
            low, high, largest = tensor.magnitudes
            axes.barh(place, high - low, left=low, height=0.45, color=COLOURS[tensor.kind])
            axes.plot([largest], [place], "|", color=COLOURS[tensor.kind], markersize=9, markeredgewidth=1.5)
    axes.set_xscale("log", base=2)
    largest = max(max(tensor.limit, float(np.abs(tensor.exact).max())) for tensor in tensors)
    axes.set_xlim(min(tensor.step for tensor in tensors) / 8, 2 * largest)
    axes.xaxis.set_major_locator(LogLocator(base=2, numticks=12))
    axes.set_xlabel("magnitude: middle 98 %; tick: the largest; grey: the format")
    axes.set_title("range")


def _shares(axes: Axes, tensors: Sequence[Tensor]) -> None:
    parts = (
        ("0 on the engine", "0.6", [tensor.zeros for tensor in tensors]),
        ("below half a step", "C4", [tensor.lost for tensor in tensors]),
        ("clipped", "C3", [tensor.clipped / tensor.words.size for tensor in tensors]),
    )
    for number, (label, colour, values) in enumerate(parts):
        places = [place + 0.26 * (number - 1) for place in range(len(tensors))]
        axes.barh(places, [100 * value for value in values], height=0.26, color=colour, label=label)
    most = max(100 * value for _, _, values in parts for value in values)
    axes.set_xlim(0, min(100, max(1, 1.1 * most)))
    axes.set_xlabel("% of the values")
    axes.set_title("zeros and losses")
    axes.legend(fontsize=8)


def _errors(axes: Axes, tensors: Sequence[Tensor]) -> None:
    for place, tensor in enumerate(tensors):
        if tensor.relative_error:
            axes.plot([tensor.relative_error], [place], "o", color=COLOURS[tensor.kind])
    axes.set_xscale("log")
    axes.xaxis.set_minor_locator(NullLocator())
    axes.set_xlabel("root mean square, relative to the values")
    axes.set_title("engine against floating point")
