"""Classes and accuracy from a checkpoint."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from deep3.files import check_output, write_text
from deep3.hdl.contract.program import Loss
from deep3.host.data import Origin, Table, load_table
from deep3.host.data.sources import is_path
from deep3.host.data.table import Part
from deep3.host.global_network.global_network import GlobalNetwork
from deep3.host.projection.projection import Projection

from .checkpoint import Checkpoint, CheckpointError
from .import_model import import_for
from .settings import SettingsError

__all__ = ["confusion_counts", "load_run", "predict"]


def load_run(run: str) -> Checkpoint:
    """The best network of a run folder, or that of a checkpoint.

    Raises
    ------
    CheckpointError, DataError
        For one that is missing, damaged or of another kind.
    """
    path = Path(run)
    if not path.exists():
        raise CheckpointError(f"{run}: no such run; name a run folder or a checkpoint.npz")
    return Checkpoint.load(path / "checkpoint.npz" if path.is_dir() else path)


def predict(
    run: str | None,
    data: str | None,
    output: Path | None,
    part: Part | None = None,
    labels: str | None = None,
    model: str | None = None,
    input_shape: tuple[int, ...] | None = None,
) -> dict[str, Any]:
    """Classify samples and, where they have labels, count how many were right.

    Parameters
    ----------
    run
        Run folder or checkpoint; None for a model.
    data
        Name or path of a data set, see `host.data.load_table`; None for the data of the run.
    output
        Gets the name of one class a line.
    part
        Which rows. None takes the test rows of the data of the run and of data that have a split of their own, and all
        rows of any other file.
    labels
        Where the labels of a file are; None for where the run had them.
    model, input_shape
        A model of the user's own in the place of a run, see `host.training.settings.TrainSettings`. It takes the
        samples as they are, and its classes are those of the labels, or numbers.

    Raises
    ------
    CheckpointError, DataError, ProjectionError, ModelError, SettingsError, OSError
        For a checkpoint, a model or data that are missing or do not fit each other.
    """
    if output is not None:
        check_output(str(output))
    if (run is None) == (model is None):
        raise SettingsError("name a run or a model, one of the two")
    if model is not None:
        if data is None:
            raise SettingsError("a model has no data of its own; name data to classify")
        table, is_trained_on = load_table(data, labels), False
        checkpoint = _of_model(model, input_shape, table)
    else:
        assert run is not None
        checkpoint = load_run(run)
        table, is_trained_on = _table(checkpoint, data, labels)
    if part is None:
        part = "test" if table.labels and (is_trained_on or table.split) else "all"
    rows = table.rows(part)
    outputs, clipped = checkpoint.outputs(table.x[rows])
    found = outputs.argmax(axis=1)
    names = checkpoint.class_names
    accuracy, confusion = None, None
    if table.labels is not None:
        true = table.labels.among(names, f"{table.name}: labels")[rows]
        accuracy, confusion = float((found == true).mean()), confusion_counts(true, found, len(names)).tolist()
    if output is not None:
        write_text(str(output), "".join(f"{names[index]}\n" for index in found))
    changed = is_trained_on and table.digest != checkpoint.origin.digest
    return {
        "data": Path(table.name).name,
        "rows": part,
        "samples": len(rows),
        "samples_there": len(table.x),
        "accuracy": accuracy,
        "classes": list(names),
        "confusion": confusion,
        "clipped_inputs": clipped,
        "iteration": checkpoint.iteration,
        "output": None if output is None else str(output),
        "note": "the file has changed since the run, which may have trained on these rows" if changed else None,
    }


def confusion_counts(true: NDArray[np.int64], found: NDArray[np.int64], classes: int) -> NDArray[np.int64]:
    """Samples of each true class (rows) that were taken for each class (columns)."""
    return np.bincount(true * classes + found, minlength=classes**2).reshape(classes, classes)


def _of_model(model: str, input_shape: tuple[int, ...] | None, table: Table) -> Checkpoint:
    imported = import_for(table, model, input_shape, Loss.SOFTMAX, seed=1)
    network, inputs = GlobalNetwork(imported.network, 1.0, imported.weights), imported.network.inputs
    nothing = np.zeros(inputs, np.float32)
    projection = Projection(nothing, None, nothing, np.zeros(inputs, np.int64))
    names = tuple(map(str, range(imported.network.classes)))
    if table.labels is not None and len(table.labels.names) == len(names):
        names = table.labels.names
    return Checkpoint(network, projection, names, Origin(), 0)


def _table(checkpoint: Checkpoint, data: str | None, labels: str | None) -> tuple[Table, bool]:
    """The data, and whether the run was trained on them."""
    origin = checkpoint.origin
    if data is None and not origin.source:
        raise CheckpointError("this network was trained on arrays in memory, which are gone; name data to classify")
    source = origin.source if data is None else data
    is_same = source == origin.source or (is_path(source) and str(Path(source).resolve()) == origin.source)
    if labels is None and origin.labels and (is_same or Path(source).suffix == Path(origin.source).suffix == ".csv"):
        labels = origin.labels
    table = load_table(source, labels, checkpoint.projection.features)
    return table, is_same or (table.digest != "" and table.digest == origin.digest)
