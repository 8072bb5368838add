"""Where data sets come from: the one inside scikit-learn, published archives, and users' own files."""

import os
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from .archives import isolet_from_archive, mnist_from_archive
from .dataset import DataError, Dataset

__all__ = ["FOLDER_VARIABLE", "NAMES", "load", "load_npz", "read_npz"]

FOLDER_VARIABLE = "DEEP3_DATA"
"""Environment variable: a folder of ``NAME.npz`` files that is looked into before anything is downloaded."""

ARCHIVES = {"isolet": isolet_from_archive, "mnist": mnist_from_archive}
NAMES = ("digits", *ARCHIVES)
TEST_SHARE = 0.2


def load(source: str, seed: int = 0) -> Dataset:
    """A data set by name, or from a path that ends in ``.npz``.

    ``seed`` draws the split (80 % training) of data that have no official one.

    Raises
    ------
    DataError
        For an unknown name, a file that cannot be used, a failed download.
    """
    if source.endswith(".npz"):
        return load_npz(Path(source), seed)
    if source == "digits":
        return _digits(seed)
    folder = os.environ.get(FOLDER_VARIABLE)
    if folder and (path := Path(folder) / f"{source}.npz").is_file():
        return load_npz(path, seed)
    if source not in ARCHIVES:
        raise DataError(
            f"data set must be one of {', '.join(NAMES)}, a path that ends in .npz, "
            f"or the name of a file in ${FOLDER_VARIABLE}, not {source!r}"
        )
    try:
        return ARCHIVES[source]()
    except DataError as error:
        raise DataError(f"{error}; or put {source}.npz into a folder named by ${FOLDER_VARIABLE}") from None


def read_npz(path: Path) -> dict[str, NDArray[np.generic]]:
    """The arrays of an ``.npz`` file; nothing in it is executed.

    Raises
    ------
    DataError
        For a file that is missing, damaged, or holds Python objects.
    """
    try:
        with np.load(path, allow_pickle=False) as archive:
            return {key: archive[key] for key in archive.files}
    except OSError as error:
        raise DataError(f"{path}: cannot read the file: {error.strerror or 'not an .npz file'}") from None
    except Exception as error:
        # A damaged file makes zipfile, zlib and numpy raise a dozen kinds of errors, some of them with several lines.
        reason = " ".join(str(error).split()) or type(error).__name__
        raise DataError(f"{path}: not an .npz file of plain arrays: {reason}") from None


def load_npz(path: Path, seed: int = 0) -> Dataset:
    """A data set from keys ``X`` (samples x features), ``y`` (class indices), and optionally ``train_idx``,
    ``test_idx`` (rows) and ``scale`` (a factor for ``X``).

    Raises
    ------
    DataError
        For missing keys and everything that `Dataset` refuses.
    """
    arrays = read_npz(path)
    for key in ("X", "y"):
        if key not in arrays:
            raise DataError(f"{path}: key {key!r} is missing; found: {', '.join(arrays) or 'nothing'}")
    x, y = numbers(path, "X", arrays["X"]), arrays["y"]
    if not np.issubdtype(y.dtype, np.integer) or y.ndim != 1 or y.size == 0:
        raise DataError(f"{path}: y must be a vector of integers, not {y.dtype} of the shape {y.shape}")
    if x.ndim != 2 or len(x) != len(y):
        raise DataError(f"{path}: X must have the shape {len(y)} x features, not {x.shape}")
    if "scale" in arrays:
        scale = numbers(path, "scale", arrays["scale"])
        if scale.size != 1:
            raise DataError(f"{path}: scale must be one number, not {scale.size} of them")
        x = x * scale.reshape(())
    train, test = _split(path, arrays, len(y), seed)
    labels = y.astype(np.int64)
    classes = int(labels.max()) + 1
    return Dataset(path.stem, x[train], labels[train], x[test], labels[test], classes)


def numbers(path: Path, key: str, array: NDArray[np.generic]) -> NDArray[np.float32]:
    """``array`` as float32.

    Raises
    ------
    DataError
        When it does not hold numbers.
    """
    if not (np.issubdtype(array.dtype, np.number) or array.dtype == np.bool_) or np.iscomplexobj(array):
        raise DataError(f"{path}: {key} must hold real numbers, not {array.dtype}")
    return array.astype(np.float32)


def _split(
    path: Path, arrays: dict[str, NDArray[np.generic]], samples: int, seed: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    given = [key for key in ("train_idx", "test_idx") if key in arrays]
    if len(given) == 1:
        raise DataError(f"{path}: train_idx and test_idx must come together, not {given[0]} alone")
    if not given:
        return _drawn_split(samples, seed)
    parts = []
    for key in given:
        rows = arrays[key]
        if not np.issubdtype(rows.dtype, np.integer) or rows.ndim != 1:
            raise DataError(f"{path}: {key} must be a vector of integers, not {rows.dtype} {rows.shape}")
        index = rows.astype(np.int64)
        if index.size and not 0 <= index.min() <= index.max() < samples:
            wrong = index.min() if index.min() < 0 else index.max()
            raise DataError(f"{path}: {key} must be between 0 and {samples - 1}, not {wrong}")
        parts.append(index)
    train, test = parts
    common = np.intersect1d(train, test)
    if common.size:
        raise DataError(f"{path}: train_idx and test_idx must not share rows, but share {common.size}")
    return train, test


def _drawn_split(samples: int, seed: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    order = np.random.default_rng(seed).permutation(samples)
    test_samples = round(TEST_SHARE * samples)
    return order[test_samples:], order[:test_samples]


def _digits(seed: int) -> Dataset:
    from sklearn.datasets import load_digits  # type: ignore[import-untyped]

    bunch = load_digits()
    train, test = _drawn_split(len(bunch.target), seed)
    x, y = bunch.data.astype(np.float32), bunch.target.astype(np.int64)
    return Dataset("digits", x[train], y[train], x[test], y[test], classes=10)
