"""A labelled data set in memory, and what is refused before training starts."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from deep3.errors import Deep3Error, UsageError

__all__ = ["DataError", "Dataset", "Origin", "UnknownDataset", "check_features", "check_labels"]


class DataError(Deep3Error, ValueError):
    """A data set that is missing, damaged or unusable."""


class UnknownDataset(DataError, UsageError):
    """A name that no data set has."""


@dataclass(frozen=True)
class Origin:
    """Where a data set came from, so that it is found again.

    Attributes
    ----------
    source
        Name of a data set or absolute path of a file; empty for arrays in memory.
    labels
        Where in a file the labels are, see `host.data.load_table`; empty for the usual place.
    digest
        SHA-256 of the file, hexadecimal; empty where there is none.
    """

    source: str = ""
    labels: str = ""
    digest: str = ""


@dataclass(frozen=True)
class Dataset:
    """Samples and labels, split into training and test parts.

    Parameters
    ----------
    name
        What messages and run folders call it.
    x_train, x_test
        ``samples x features``, float32, finite; no test samples where none are wanted.
    y_train, y_test
        ``samples``, int64: positions in ``class_names``.
    class_names
        One for each neuron of the output layer.
    origin
        Where it came from.
    sample_shape
        ``channels x height x width`` of samples that are maps; () of vectors.

    Raises
    ------
    DataError
        For fewer than two classes, no training samples, shapes that do not agree, values that are not finite, labels
        out of range.
    """

    name: str
    x_train: NDArray[np.float32]
    y_train: NDArray[np.int64]
    x_test: NDArray[np.float32]
    y_test: NDArray[np.int64]
    class_names: tuple[str, ...]
    origin: Origin = Origin()
    sample_shape: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        if self.classes < 2:
            raise DataError(f"{self.name}: labels must be of 2 classes or more, but all are {self.class_names[0]!r}")
        for part, x, y in (("training", self.x_train, self.y_train), ("test", self.x_test, self.y_test)):
            if part == "training" or x.shape[:1] != (0,):
                check_features(f"{self.name}: {part} samples", x)
            check_labels(f"{self.name}: {part} labels", y, self.classes)
            if len(x) != len(y):
                raise DataError(f"{self.name}: {part} labels must be {len(x)} like the samples, not {len(y)}")
        if self.x_train.shape[1] != self.x_test.shape[1]:
            raise DataError(
                f"{self.name}: test samples must have {self.x_train.shape[1]} features like the training "
                f"samples, not {self.x_test.shape[1]}"
            )

    @property
    def features(self) -> int:
        """Values of one sample."""
        return int(self.x_train.shape[1])

    @property
    def classes(self) -> int:
        """Width of the output layer."""
        return len(self.class_names)


def check_features(what: str, x: NDArray[np.float32]) -> None:
    """Refuse anything but a non-empty, finite ``samples x features`` array.

    Raises
    ------
    DataError
        Naming ``what``, the value and its place.
    """
    if x.ndim != 2:
        maps = ", or samples x channels x height x width" if x.ndim > 2 else ""
        raise DataError(f"{what} must have the shape samples x features{maps}, not {x.shape}")
    if x.size == 0:
        raise DataError(f"{what} must not be empty, but have the shape {x.shape}")
    finite = np.isfinite(x)
    if not finite.all():
        row, column = np.argwhere(~finite)[0]
        raise DataError(
            f"{what} must be finite, but {x.size - int(finite.sum())} values are not; "
            f"the first is {x[row, column]} in sample {row}, feature {column}; fill in or drop what is missing"
        )


def check_labels(what: str, y: NDArray[np.int64], classes: int) -> None:
    """Refuse anything but a vector of class indices below ``classes``.

    Raises
    ------
    DataError
        Naming ``what``, the value and its place.
    """
    if y.ndim != 1:
        raise DataError(f"{what} must be a vector, not of the shape {y.shape}")
    wrong = np.flatnonzero((y < 0) | (y >= classes))
    if wrong.size:
        raise DataError(f"{what} must be between 0 and {classes - 1}, not {y[wrong[0]]} (sample {wrong[0]})")
