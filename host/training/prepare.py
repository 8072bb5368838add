"""From a data set to what workers and coordinator see: split, projection, Q3.12."""

import zlib
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from deep3.hdl.contract.fixed_point import round_q3_12, to_q3_12
from deep3.host.data import Dataset
from deep3.host.projection.projection import Projection, fit_projection
from deep3.host.projection.scaling import fit_scaling

from .settings import SettingsError, TrainSettings
from .training_set import TrainingSet

__all__ = ["Prepared", "prepare"]


@dataclass(frozen=True)
class Prepared:
    """A data set after split, projection and quantisation.

    Attributes
    ----------
    training
        What workers and coordinator see, and the test samples for the records.
    projection
        What was fitted, or given.
    rows
        Numbers of the training samples in the training part of the data set.
    clipped
        Validation and test values that left Q3.12 and were saturated; training values that do are refused.
    """

    training: TrainingSet
    projection: Projection
    rows: NDArray[np.int64]
    clipped: int

    @property
    def digest(self) -> str:
        """Of the training samples and their order."""
        return f"{zlib.crc32(self.training.labels.tobytes(), zlib.crc32(self.training.inputs.tobytes())):08x}"


def prepare(
    dataset: Dataset, settings: TrainSettings, projection: Projection | None = None, channels: int = 0
) -> Prepared:
    """Split off the validation samples, fit a projection to the rest or take the given one, quantise to Q3.12.

    For a model of the user's own, whose samples have so many ``channels``, it is that of `fit_scaling`.

    Raises
    ------
    SettingsError, ProjectionError, RangeError
        For data that cannot be trained on this way.
    """
    samples = len(dataset.x_train)
    validation_samples = round(settings.validation_share * samples)
    if not 0 < validation_samples < samples:
        raise SettingsError(
            f"validation-share must leave samples on both sides, not {settings.validation_share!r} of {samples}"
        )
    order = np.random.default_rng([settings.seed, 1]).permutation(samples)
    validation, training = order[:validation_samples], order[validation_samples:]
    x, what = dataset.x_train[training], f"{dataset.name}: training inputs"
    if projection is None and not channels:
        projection, embedding = fit_projection(x, settings.projection, settings.embedding)
        inputs = to_q3_12(embedding, what)
    else:
        projection = projection or fit_scaling(x, channels)
        inputs = projection.quantise(x, what)
    validation_inputs, clipped_validation = _unseen(projection, dataset.x_train[validation])
    test_inputs, clipped_test = _unseen(projection, dataset.x_test)
    labels = dataset.y_train[training], dataset.y_train[validation]
    test = (test_inputs, dataset.y_test) if len(test_inputs) else (None, None)
    training_set = TrainingSet(inputs, labels[0], validation_inputs, labels[1], *test)
    return Prepared(training_set, projection, training, clipped_validation + clipped_test)


def _unseen(projection: Projection, x: NDArray[np.float32]) -> tuple[NDArray[np.float32], int]:
    return round_q3_12(projection.transform(x))
