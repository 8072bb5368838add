"""Picture of data that change: accuracy before, and after, grown and begun anew."""

from collections.abc import Sequence
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt

from deep3.host.measure.evolving import Evolving

from .style import JOINT_COLOUR, REFERENCE_COLOUR, house_style

__all__ = ["plot_evolving"]


def plot_evolving(cases: Sequence[Evolving], path: Path) -> None:
    """Draw cases side by side into a PNG, PDF or SVG file.

    Raises
    ------
    OSError
        When the file cannot be written; with its path.
    """
    with house_style():
        figure, every = plt.subplots(1, len(cases), figsize=(5 * len(cases), 3.6), layout="constrained", sharey=True)
        for axes, case in zip(every, cases, strict=True):
            come = len(case.before)
            after = range(come + 1, come + 1 + len(case.grown))
            axes.plot(range(1, come + 1), [100 * value for value in case.before], color=JOINT_COLOUR, marker=".")
            axes.plot(after, [100 * value for value in case.grown], color=JOINT_COLOUR, marker=".", label="grown")
            axes.plot(
                after, [100 * value for value in case.again], color=REFERENCE_COLOUR, marker=".", label="begun anew"
            )
            axes.axvline(come + 0.5, color="0.6", linestyle=":")
            axes.set_title(f"new {case.what}: {case.atoms_before} atoms, then {case.atoms_grown}")
            axes.set_xlabel("epoch")
        every[0].set_ylabel("test accuracy (%)")
        every[-1].legend(loc="lower right")
        figure.savefig(path)
        plt.close(figure)
