"""The report of a run, from what lies in its folder."""

import dataclasses
from pathlib import Path

from deep3.host.records.events import RecordError
from deep3.host.records.history import History, read_histories
from deep3.host.records.run_folder import CHECKPOINTS, PLOT_FILE, RunDescription

__all__ = ["run_report"]


def run_report(folder: Path) -> dict[str, object]:
    """What ``deep3 train --json`` prints.

    Raises
    ------
    RecordError
        When the folder is none of a run, or the run was never validated.
    """
    description, histories = RunDescription.load(folder), read_histories(folder)
    joint, reference = histories.get("joint"), histories.get("reference")
    if joint is None:
        raise RecordError(f"{folder}: the records hold no joint run")
    workers = {}
    for name, part in joint.contributions.items():
        workers[name] = dataclasses.asdict(part)
        del workers[name]["pushes"]
    return {
        "run": str(folder),
        "data": description.data,
        "sizes": list(description.sizes),
        "local_sizes": list(description.local_sizes),
        "clipped_inputs": description.clipped_inputs,
        "joint": _summary(folder, joint),
        "reference": None if reference is None else _summary(folder, reference),
        "workers": workers,
        "checkpoint": str(folder / CHECKPOINTS["joint"]),
        "plot": str(folder / PLOT_FILE),
    }


def _summary(folder: Path, history: History) -> dict[str, object]:
    best = history.best
    if best is None:
        raise RecordError(f"{folder}: the run ended before its first validation")
    return {
        "test_accuracy": None if history.scored is None else history.scored.accuracy,
        "test_samples": None if history.scored is None else history.scored.samples,
        "validation_accuracy": best.validation_accuracy,
        "best_iteration": best.iteration,
        "iterations": history.iteration,
        "multiply_adds": history.evaluations[-1].multiply_adds,
        "seconds": history.seconds,
        "ended": history.ended,
    }
