"""Which class the best network of a run takes for which: kept with the run, so that looking at it needs no data."""

import dataclasses
import json
from dataclasses import dataclass
from pathlib import Path

from deep3.files import write_text
from deep3.host.data.table import Part
from deep3.host.records.events import RecordError
from deep3.host.records.run_folder import CHECKPOINTS, CONFUSION_FILE

from .begin import Run
from .checkpoint import Checkpoint
from .predict import confusion_counts, predict

__all__ = ["Confusion", "find_confusion", "keep_confusion"]


@dataclass(frozen=True)
class Confusion:
    """Counts of samples.

    Attributes
    ----------
    iteration
        Updates that the network had seen.
    part
        "test", or "validation" where a run had no test samples.
    classes
        Their names.
    counts
        ``true class x class found``.
    """

    iteration: int
    part: str
    classes: tuple[str, ...]
    counts: tuple[tuple[int, ...], ...]


def keep_confusion(run: Run, folder: Path) -> None:
    """Write that of the checkpoint of the joint run, where there is one, as ``confusion.json``."""
    path = folder / CHECKPOINTS["joint"]
    if not path.exists():
        return
    best, data = Checkpoint.load(path), run.prepared.training
    if data.test_inputs is None or data.test_labels is None:
        part, inputs, labels = "validation", data.validation_inputs, data.validation_labels
    else:
        part, inputs, labels = "test", data.test_inputs, data.test_labels
    counts = confusion_counts(labels, best.network.outputs(inputs).argmax(axis=1), len(best.class_names))
    kept = Confusion(best.iteration, part, best.class_names, tuple(map(tuple, counts.tolist())))
    write_text(str(folder / CONFUSION_FILE), json.dumps(dataclasses.asdict(kept), ensure_ascii=False) + "\n")


def find_confusion(folder: Path, iteration: int) -> Confusion:
    """Of the network after so many updates: what the run kept; else, of a run that was killed or goes on, the
    checkpoint is asked again about the data.

    Raises
    ------
    Deep3Error, OSError
        When what was kept is damaged, and where the data are not found again.
    """
    path = folder / CONFUSION_FILE
    if path.exists():
        kept = _read(path)
        if kept.iteration == iteration:
            return kept
    part: Part = "test"
    found = predict(str(folder), None, None, part)
    if found["note"]:
        raise RecordError(found["note"])
    if found["confusion"] is None:
        raise RecordError(f"{found['data']}: there are no labels any more")
    counts = tuple(map(tuple, found["confusion"]))
    return Confusion(found["iteration"], part, tuple(found["classes"]), counts)


def _read(path: Path) -> Confusion:
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
        counts = tuple(tuple(int(count) for count in row) for row in values["counts"])
        kept = Confusion(int(values["iteration"]), str(values["part"]), tuple(map(str, values["classes"])), counts)
    except (OSError, ValueError, TypeError, KeyError):
        raise RecordError(f"{path}: damaged") from None
    if {len(kept.classes)} != {len(kept.counts), *map(len, kept.counts)}:
        raise RecordError(f"{path}: damaged")
    return kept

