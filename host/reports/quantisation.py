"""What ``deep3 quantise`` reports: each tensor of one batch in the engine's formats, beside floating point."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from deep3.host.data import load_table
from deep3.host.data.dataset import DataError
from deep3.host.measure.quantisation import Tensor, quantised_tensors
from deep3.host.projection.scaling import fit_scaling, is_plain
from deep3.host.training.import_model import check_classes, import_for
from deep3.host.training.settings import LOSSES

__all__ = ["Quantised", "quantisation_report", "quantise_model"]


@dataclass(frozen=True)
class Quantised:
    """Tensors of a model with some of the data; ``scaled`` where samples beyond Q3.12 had to be."""

    model: str
    data: str
    scaled: bool
    tensors: list[Tensor]


def quantise_model(
    model: str, data: str, labels: str | None, input_shape: tuple[int, ...] | None, samples: int, loss: str
) -> Quantised:
    """The tensors of the first samples for the test, or of all where the data have no split and no labels.

    Parameters
    ----------
    model, input_shape
        See `host.training.settings.TrainSettings`.
    data, labels
        See `host.data.load_table`.
    samples
        Of the batch, at most.
    loss
        A key of `host.training.settings.LOSSES`.

    Raises
    ------
    DataError, ModelError, ModelFileError, SettingsError, QuantisationError
        For data or a model that are missing, do not fit each other, or fit no engine.
    """
    table = load_table(data, labels)
    imported = import_for(table, model, input_shape, LOSSES[loss], seed=1)
    rows = table.rows("test" if table.labels or table.split else "all")[:samples]
    if not len(rows):
        raise DataError(f"{table.name}: there must be a sample at least")
    found = None
    if table.labels is not None:
        check_classes(model, imported.network.classes, table.name, len(table.labels.names))
        found = table.labels.indices[rows]
    shape = imported.network.input_shape
    projection = fit_scaling(table.x, shape[0] if len(shape) > 1 else 1)
    x = projection.transform(table.x[rows]).astype(np.float64)
    tensors = quantised_tensors(imported.network, imported.weights, x, found)
    return Quantised(model, Path(data).name, not is_plain(projection), tensors)


def quantisation_report(quantised: Quantised) -> dict[str, Any]:
    """Numbers of each tensor, and whether both say the same classes."""
    tensors = quantised.tensors
    (logits,) = [tensor for tensor in tensors if tensor.kind == "logits"]
    same = logits.words.argmax(axis=1) == logits.exact.argmax(axis=1)
    return {
        "model": quantised.model,
        "data": quantised.data,
        "scaled": quantised.scaled,
        "samples": len(same),
        "same_class": float(same.mean()),
        "tensors": [_numbers(tensor) for tensor in tensors],
        "notes": _notes(quantised),
    }


def _numbers(tensor: Tensor) -> dict[str, Any]:
    return {
        "tensor": tensor.name,
        "kind": tensor.kind,
        "layer": tensor.layer,
        "format": tensor.format,
        "step": tensor.step,
        "values": tensor.words.size,
        "smallest": float(tensor.exact.min()),
        "largest": float(tensor.exact.max()),
        "clipped": tensor.clipped,
        "zeros": tensor.zeros,
        "below_half_a_step": tensor.lost,
        "relative_error": tensor.relative_error,
        "worst_error": tensor.worst_error,
    }


def _notes(quantised: Quantised) -> list[str]:
    tensors = quantised.tensors
    notes = []
    if quantised.scaled:
        notes.append("samples leave [-8, 8), and were centred and scaled as deep3 train does it, channel by channel")
    clipped = {tensor.kind: tensor for tensor in tensors if tensor.clipped}
    if "inputs" in clipped:
        notes.append("samples leave [-8, 8) even when they are scaled")
    if "weights" in clipped or "activations" in clipped:
        notes.append("weights or activations reach the ends of [-8, 8); smaller weights keep away from them")
    if not any(tensor.kind == "errors" for tensor in tensors):
        notes.append("there are no errors, because the data have no labels")
    return notes
