"""Everything that a run folder tells, as numbers and as a page; also of a run that is under way, or was killed."""

import dataclasses
from dataclasses import replace
from pathlib import Path
from typing import Any

from deep3.compiler.cycles import run_cycles
from deep3.compiler.lowering import lower_with_most_buffers
from deep3.errors import Deep3Error
from deep3.files import write_text
from deep3.hdl.contract.config import EngineConfig
from deep3.host.records.events import read_records
from deep3.host.records.run_folder import CHECKPOINTS, ENGINE_FILE, RunDescription
from deep3.host.reports.run_numbers import RunNumbers, run_numbers
from deep3.host.reports.run_page import run_page

from .checkpoint import Checkpoint
from .confusion import find_confusion
from .repeat import repeating_command
from .settings import SettingsError, TrainSettings

__all__ = ["report_run"]


def report_run(folder: Path, output: str) -> dict[str, Any]:
    """Write the page of a run, one HTML file that needs no other, and return its numbers.

    Parameters
    ----------
    folder
        The run folder; nothing in it is changed but the page, where that is to lie there.
    output
        File of the page; ``-`` for standard output.

    Raises
    ------
    RecordError
        When the folder is none of a run, or its records are damaged.
    OutputError
        When the page cannot be written.
    """
    description = RunDescription.load(folder)
    records, cut = read_records(folder)
    runs = {name: run_numbers(event for run, event in records if run == name) for name in ("joint", "reference")}
    joint = runs["joint"]
    notes = _notes(joint, cut)
    try:
        settings = TrainSettings.from_dict(description.settings)
    except SettingsError as error:
        notes.append(f"no command repeats it: {error}")
        settings = None
    checkpoint = _checkpoint(folder, notes)
    if checkpoint is not None and settings is not None:
        _predict_cycles(folder, joint, checkpoint, settings, notes)
    report: dict[str, Any] = {
        "run": str(folder),
        "page": output,
        "data": description.data,
        "sizes": list(description.sizes),
        "local_sizes": list(description.local_sizes),
        "clipped_inputs": description.clipped_inputs,
        "joint": dataclasses.asdict(joint),
        "reference": dataclasses.asdict(runs["reference"]) if runs["reference"].points else None,
        "projection": _projection(description, checkpoint),
        "confusion": None if checkpoint is None else _confusion(folder, checkpoint, notes),
        "versions": description.versions,
        "settings": description.settings,
        "command": None if settings is None else _command(folder, settings, notes),
        "cut_lines": cut,
        "notes": notes,
    }
    reference = runs["reference"] if runs["reference"].points else None
    write_text(output, run_page(report, joint, reference))
    return report


def _notes(joint: RunNumbers, cut: int) -> list[str]:
    notes = []
    if joint.state == "unfinished":
        notes.append("the run has not ended: it is under way, or was killed (deep3 train --resume goes on)")
    if cut:
        notes.append("the last line of metrics.jsonl is cut, and was left out")
    if not joint.is_timed:
        notes.append("records of an earlier version: when workers began is told from when their updates were added")
    if joint.words is None:
        notes.append("records of an earlier version: words and staleness are not known")
    return notes


def _checkpoint(folder: Path, notes: list[str]) -> Checkpoint | None:
    path = folder / CHECKPOINTS["joint"]
    if not path.exists():
        notes.append(f"no {path.name}: neither spectrum, confusion nor predicted cycles")
        return None
    try:
        return Checkpoint.load(path)
    except Deep3Error as error:
        notes.append(f"neither spectrum, confusion nor predicted cycles: {error}")
        return None


def _predict_cycles(
    folder: Path, run: RunNumbers, checkpoint: Checkpoint, settings: TrainSettings, notes: list[str]
) -> None:
    """What the cost model says that the engines among the workers take for the batches that they trained."""
    engines = [worker for worker in run.workers.values() if worker.engine_cycles]
    if not engines:
        return
    network = checkpoint.network.local_topology()
    try:
        config = EngineConfig.load(str(folder / ENGINE_FILE))
        lowered = lower_with_most_buffers(network, config, settings.batch, settings.update_rule)
    except (Deep3Error, ValueError, OSError) as error:
        notes.append(f"no predicted cycles: {error}")
        return
    program = lowered.training.instructions
    for worker in engines:
        worker.predicted_cycles = sum(run_cycles(program, config, batches) for batches in worker.push_batches)


def _projection(description: RunDescription, checkpoint: Checkpoint | None) -> dict[str, Any] | None:
    """Spectrum of the dictionary: as the run measured it when it began, else as the scales in the checkpoint tell."""
    energies, total = list(description.coefficient_energies), description.sample_energy
    origin = "training samples"
    if not energies:
        if checkpoint is None or checkpoint.projection.basis is None:
            return None
        energies = [4.0 ** int(exponent) for exponent in checkpoint.projection.exponents]
        origin, total = "scales of the checkpoint, powers of two", None
    return {
        "features": None if checkpoint is None else checkpoint.projection.features,
        "length": len(energies),
        "energies": energies,
        "sample_energy": total,
        "captured": sum(energies) / total if total else None,
        "origin": origin,
    }


def _confusion(folder: Path, checkpoint: Checkpoint, notes: list[str]) -> dict[str, Any] | None:
    try:
        return dataclasses.asdict(find_confusion(folder, checkpoint.iteration))
    except (Deep3Error, OSError) as error:
        notes.append(f"no confusion matrix: {error}")
        return None


def _command(folder: Path, settings: TrainSettings, notes: list[str]) -> str | None:
    if settings.config is not None and not Path(settings.config).exists():
        settings = replace(settings, config=str((folder / ENGINE_FILE).absolute()))
    command = repeating_command(settings)
    if command is None:
        notes.append("no command repeats it: data or model came from the memory of a Python program")
    return command
