"""A model of the user's own in the engine's formats, with samples of the user's data."""

from pathlib import Path

import numpy as np

from deep3.host.data import load_table
from deep3.host.data.dataset import DataError
from deep3.host.measure.quantisation import Quantised, quantised_tensors
from deep3.host.projection.scaling import fit_scaling, is_plain

from .import_model import check_classes, import_for
from .settings import LOSSES

__all__ = ["quantise_model"]


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
    projection = fit_scaling(table.x, imported.network.channels)
    x = projection.transform(table.x[rows]).astype(np.float64)
    tensors = quantised_tensors(imported.network, imported.weights, x, found)
    return Quantised(model, Path(data).name, not is_plain(projection), tensors)
