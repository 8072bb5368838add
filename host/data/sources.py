"""Where data sets come from: the one inside scikit-learn, published archives, and users' own files."""

import math
import os
from dataclasses import replace
from pathlib import Path

import numpy as np

from .archives import isolet_from_archive, mnist_from_archive
from .arrays import read_npy, read_npz_table
from .csv_file import read_csv
from .dataset import DataError, Dataset, Origin, UnknownDataset
from .labels import Labels
from .table import Table

__all__ = ["FOLDER_VARIABLE", "NAMES", "SUFFIXES", "is_path", "load", "load_table"]

FOLDER_VARIABLE = "DEEP3_DATA"
"""Environment variable: a folder of ``NAME.npz`` files that is looked into before anything is downloaded."""

ARCHIVES = {"isolet": isolet_from_archive, "mnist": mnist_from_archive}
NAMES = ("digits", *ARCHIVES)
MAPS = {"mnist": (1, 28, 28)}
"""Channels, height and width of samples."""
SUFFIXES = (".npz", ".npy", ".csv", ".tsv")


def load(source: str, seed: int = 0, labels: str | None = None) -> Dataset:
    """A data set by name or path, split into training and test part.

    Parameters
    ----------
    source, labels
        See `load_table`.
    seed
        Of the split of data that have none of their own (`host.data.table.stratified`).

    Raises
    ------
    DataError
        For an unknown name, a file that cannot be used, a failed download.
    """
    table = load_table(source, labels)
    if not is_path(source):
        return table.dataset(Origin(source, digest=table.digest), seed)
    if labels is not None and source.lower().endswith(".npy"):
        labels = str(Path(labels).resolve())
    return table.dataset(Origin(str(Path(source).resolve()), labels or "", table.digest), seed)


def load_table(source: str, labels: str | None = None, features: int | None = None) -> Table:
    """Every sample of a data set.

    Parameters
    ----------
    source
        A name, or a path that ends in one of `SUFFIXES`.
    labels
        Where the labels of a file are: key of an ``.npz``, path of an ``.npy``, column of a ``.csv``; None for the
        usual place.
    features
        Number of features that are wanted, which tells whether a ``.csv`` has labels; None when it must have.

    Raises
    ------
    DataError
        For an unknown name, a file that cannot be used, a failed download.
    """
    if is_path(source):
        return _read_file(Path(source), labels, features)
    if labels is not None:
        raise DataError(f"data set {source!r} has labels of its own; labels {labels!r} can be named for files only")
    folder = os.environ.get(FOLDER_VARIABLE)
    if folder and not Path(folder).is_dir():
        raise DataError(f"${FOLDER_VARIABLE} must be a folder that exists, not {folder!r}")
    if source == "digits":
        return _digits()
    if folder and (path := Path(folder) / f"{source}.npz").is_file():
        return _shaped(source, read_npz_table(path))
    if source not in ARCHIVES:
        raise UnknownDataset(
            f"data set must be one of {', '.join(NAMES)}, a path that ends in {', '.join(SUFFIXES)}, "
            f"or the name of a file in ${FOLDER_VARIABLE}, not {source!r}"
        )
    try:
        return _shaped(source, ARCHIVES[source]())
    except DataError as error:
        raise DataError(f"{error}; or put {source}.npz into a folder named by ${FOLDER_VARIABLE}") from None


def _shaped(source: str, table: Table) -> Table:
    """A published set is kept as rows; some are known to be maps."""
    shape = MAPS.get(source, ())
    return replace(table, sample_shape=shape) if math.prod(shape) == table.x.shape[1] else table


def is_path(source: str) -> bool:
    """Whether it names a file, not a data set."""
    return Path(source).suffix.lower() in SUFFIXES


def _read_file(path: Path, labels: str | None, features: int | None) -> Table:
    suffix = path.suffix.lower()
    if suffix == ".npz":
        return read_npz_table(path, labels)
    if suffix == ".npy":
        return read_npy(path, labels)
    return read_csv(path, labels, features)


def _digits() -> Table:
    from sklearn.datasets import load_digits  # type: ignore[import-untyped]

    bunch = load_digits()
    return Table("digits", bunch.images.astype(np.float32), Labels(tuple("0123456789"), bunch.target.astype(np.int64)))
