"""Samples and labels as a file holds them, and which of them are for training and which for the test."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from .dataset import DataError, Dataset, Origin, check_features
from .labels import Labels

__all__ = ["PARTS", "Part", "Table", "numbers", "stratified"]

TEST_SHARE = 0.2

Rows = NDArray[np.int64]
Part = Literal["all", "train", "test"]
PARTS: tuple[Part, ...] = ("all", "train", "test")


@dataclass(frozen=True)
class Table:
    """Every sample of a file.

    Parameters
    ----------
    name
        What messages call it: a path, or a name.
    x
        ``samples x features``, float32, finite; maps, ``samples x channels x height x width`` or without the channels,
        are flattened.
    labels
        One a sample; None where there are none.
    split
        Rows for training and rows for the test, where the file says them.
    digest
        SHA-256 of the file, hexadecimal; empty where there is none.
    sample_shape
        ``channels x height x width`` of samples that are maps; () of vectors. Told by maps in ``x``.

    Raises
    ------
    DataError
        For shapes that do not agree and values that are not finite.
    """

    name: str
    x: NDArray[np.float32]
    labels: Labels | None
    split: tuple[Rows, Rows] | None = None
    digest: str = ""
    sample_shape: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        if self.x.ndim in (3, 4) and self.x.size:
            shape = self.x.shape[1:]
            object.__setattr__(self, "sample_shape", shape if len(shape) == 3 else (1, *shape))
            object.__setattr__(self, "x", self.x.reshape(len(self.x), -1))
        check_features(f"{self.name}: X", self.x)
        if self.labels is not None and len(self.labels.indices) != len(self.x):
            count = len(self.labels.indices)
            raise DataError(f"{self.name}: labels must be {len(self.x)} like the samples, not {count}")

    @property
    def features(self) -> int:
        """Values of one sample."""
        return int(self.x.shape[1])

    def rows(self, part: Part, seed: int = 0) -> Rows:
        """Row numbers of a part: as the file says, else drawn by `stratified` with ``seed``.

        Raises
        ------
        DataError
            For a training or test part of data that have neither a split nor labels.
        """
        if part == "all":
            return np.arange(len(self.x))
        if self.split is None and self.labels is None:
            raise DataError(f"{self.name}: without labels there are no {part} rows; all of them can be taken")
        split = self.split or stratified(self.name, self._labels().indices, seed)
        return split[0] if part == "train" else split[1]

    def dataset(self, origin: Origin, seed: int = 0) -> Dataset:
        """Training and test part.

        Raises
        ------
        DataError
            Without labels, and for everything that `Dataset` refuses.
        """
        labels = self._labels()
        train, test = self.rows("train", seed), self.rows("test", seed)
        if not len(test):
            raise DataError(f"{self.name}: there must be rows for the test, but test_idx is empty")
        return Dataset(
            Path(self.name).stem,
            self.x[train],
            labels.indices[train],
            self.x[test],
            labels.indices[test],
            labels.names,
            origin,
            self.sample_shape,
        )

    def _labels(self) -> Labels:
        if self.labels is None:
            raise DataError(f"{self.name}: there are no labels to train with; --labels says where they are")
        return self.labels


def stratified(what: str, indices: NDArray[np.int64], seed: int) -> tuple[Rows, Rows]:
    """Rows for training and test: of every class a fifth for the test, drawn with ``seed``.

    A fifth is rounded to the nearest; a class of two samples or more has one of them at least in each part, a class of
    one is for training.

    Raises
    ------
    DataError
        When no class has two samples.
    """
    order = np.random.default_rng(seed).permutation(len(indices))
    drawn = indices[order]
    is_test = np.zeros(len(order), np.bool_)
    for index in np.unique(drawn):
        places = np.flatnonzero(drawn == index)
        if len(places) > 1:
            is_test[places[: max(1, round(TEST_SHARE * len(places)))]] = True
    if not is_test.any():
        raise DataError(f"{what}: no class has two samples, so that none is left for the test")
    return order[~is_test], order[is_test]


def numbers(what: str, array: NDArray[np.generic]) -> NDArray[np.float32]:
    """``array`` as float32.

    Raises
    ------
    DataError
        When it does not hold numbers, or holds finite ones that float32 cannot.
    """
    if array.dtype.kind not in "biuf":
        raise DataError(f"{what} must hold real numbers, not {array.dtype}")
    with np.errstate(over="ignore"):
        values = array.astype(np.float32)
    if values.dtype != array.dtype:
        too_large = np.isinf(values) & np.isfinite(array)
        if too_large.any():
            raise DataError(f"{what} must be within +-3.4e38 (float32), not {array[too_large].flat[0]!s}")
    return values
