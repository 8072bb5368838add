"""Users' own arrays: ``.npz`` files, ``.npy`` files, and arrays and frames in memory."""

import hashlib
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .dataset import DataError
from .labels import read_labels
from .table import Table, numbers

__all__ = ["file_digest", "read_memory", "read_npy", "read_npz", "read_npz_table"]

Arrays = dict[str, NDArray[np.generic]]

CHUNK_BYTES = 1 << 20
PAIRS = (("X", "y"), ("x", "y"), ("data", "target"))
"""Names of samples and labels."""
SPLIT_NAMES = (("X_train", "y_train", "X_test", "y_test"), ("x_train", "y_train", "x_test", "y_test"))
LABELS_BESIDE = {**dict(PAIRS), "X_test": "y_test", "x_test": "y_test"}
"""Files of samples, and of their labels."""
ROWS = ("train_idx", "test_idx")
KNOWN = {*sum(PAIRS + SPLIT_NAMES, ()), *ROWS, "scale"}


def read_npz(path: Path, wanted: Callable[[str], bool] = lambda key: True) -> Arrays:
    """The wanted arrays of an ``.npz`` file; nothing in it is executed.

    Raises
    ------
    DataError
        For a file that is missing or damaged, or an array that holds Python objects.
    """
    try:
        archive = np.load(path, allow_pickle=False)
    except OSError as error:
        raise DataError(f"{path}: cannot read the file: {error.strerror or 'not an .npz file'}") from None
    except Exception:
        # A damaged file makes zipfile, zlib and numpy raise a dozen kinds of errors that speak of their insides.
        raise DataError(f"{path}: not an .npz file of plain arrays") from None
    if not isinstance(archive, np.lib.npyio.NpzFile):
        raise DataError(f"{path}: not an .npz file but a single array, which a name in .npy would say")
    arrays = {}
    with archive:
        for key in filter(wanted, archive.files):
            try:
                arrays[key] = archive[key]
            except Exception:  # As above.
                raise DataError(
                    f"{path}: {key} is damaged, or holds Python objects, which are not read; "
                    "save text as np.array(texts, dtype=str)"
                ) from None
    for key, array in arrays.items():
        if not isinstance(array, np.ndarray):
            raise DataError(f"{path}: {key} is not an array")
    return arrays


def read_npz_table(path: Path, labels: str | None = None) -> Table:
    """A table from ``X`` and ``y`` or another of `PAIRS`, with ``train_idx`` and ``test_idx`` where they are there, or
    from ``X_train``, ``y_train``, ``X_test``, ``y_test``. Samples are multiplied by ``scale`` where it is there.
    ``labels`` is another name than ``y``.

    Raises
    ------
    DataError
        For missing keys and what `Table` refuses.
    """
    arrays = read_npz(path, lambda key: key in KNOWN or key == labels)
    for names in SPLIT_NAMES:
        if names[0] in arrays:
            return _four(path, arrays, names, path)
    for x_name, y_name in PAIRS:
        if x_name not in arrays:
            continue
        found = labels or y_name
        if labels is not None and found not in arrays:
            raise DataError(f"{path}: key {found!r} of the labels is missing; found: {_found(path)}")
        x = _scaled(str(path), numbers(f"{path}: {x_name}", arrays[x_name]), arrays)
        y = read_labels(f"{path}: {found}", arrays[found]) if found in arrays else None
        return Table(str(path), x, y, _given_rows(path, arrays, x.shape[0] if x.ndim else 0), file_digest(path))
    raise DataError(f"{path}: key 'X' (or 'data', or 'X_train') is missing; found: {_found(path)}")


def read_npy(path: Path, labels: str | None = None) -> Table:
    """A table from a ``.npy`` file of samples; the labels lie in the file ``labels``, or beside it under the name that
    `LABELS_BESIDE` gives: ``y.npy`` beside ``X.npy``. ``X_train.npy`` needs the other three of `SPLIT_NAMES`.

    Raises
    ------
    DataError
        For missing files and what `Table` refuses.
    """
    if labels is None and (names := next((names for names in SPLIT_NAMES if names[0] == path.stem), None)):
        files = [path.with_name(f"{name}.npy") for name in names]
        return _four(path, dict(zip(names, map(_load_npy, files), strict=True)), names, *files)
    x = numbers(str(path), _load_npy(path))
    beside = LABELS_BESIDE.get(path.stem)
    y_path = Path(labels) if labels else path.with_name(f"{beside}.npy")
    if labels is None and not (beside and y_path.exists()):
        return Table(str(path), x, None, None, file_digest(path))
    y = read_labels(str(y_path), _load_npy(y_path))
    return Table(str(path), x, y, None, file_digest(path, y_path))


def read_memory(name: str, x: ArrayLike, y: ArrayLike | None) -> Table:
    """A table from arrays, lists or frames: ``samples x features`` numbers, and labels as `read_labels` takes them.

    Raises
    ------
    DataError
        For what `read_labels` and `Table` refuse.
    """
    values, labels = np.asarray(x), None
    if values.dtype.kind == "O":
        # Frames of columns of several types arrive as Python objects.
        try:
            values = values.astype(np.float64)
        except (TypeError, ValueError):
            raise DataError(f"{name}: X must hold real numbers; encode text, fill in what is missing") from None
    if y is not None:
        labels = read_labels(f"{name}: y", np.asarray(y))
    return Table(name, numbers(f"{name}: X", values), labels)


def file_digest(*paths: Path) -> str:
    """SHA-256 of files one after the other, hexadecimal."""
    digest = hashlib.sha256()
    for path in paths:
        with path.open("rb") as file:
            while chunk := file.read(CHUNK_BYTES):
                digest.update(chunk)
    return digest.hexdigest()


def _load_npy(path: Path) -> NDArray[np.generic]:
    try:
        array = np.load(path, allow_pickle=False)
    except OSError as error:
        raise DataError(f"{path}: cannot read the file: {error.strerror or 'not an .npy file'}") from None
    except Exception:  # As in `read_npz`.
        raise DataError(
            f"{path}: damaged, or holds Python objects, which are not read; save text as np.array(texts, dtype=str)"
        ) from None
    if not isinstance(array, np.ndarray):
        raise DataError(f"{path}: not an .npy file but an archive, which a name in .npz would say")
    return array


def _four(path: Path, arrays: Mapping[str, NDArray[np.generic]], names: tuple[str, ...], *files: Path) -> Table:
    """Two parts with labels of their own."""
    for name in names:
        if name not in arrays:
            raise DataError(f"{path}: {name} is missing beside {names[0]}")
    train, test = (numbers(f"{path}: {name}", arrays[name]) for name in names[::2])
    if not 2 <= train.ndim <= 4 or train.shape[1:] != test.shape[1:]:
        raise DataError(
            f"{path}: {names[0]} and {names[2]} must be samples x features, not {train.shape} and {test.shape}"
        )
    for name, x in zip(names[1::2], (train, test), strict=True):
        if arrays[name].shape[:1] != x.shape[:1]:
            raise DataError(f"{path}: {name} must be {len(x)} like the samples, not of shape {arrays[name].shape}")
    columns = [arrays[name].reshape(len(x), -1) for name, x in zip(names[1::2], (train, test), strict=True)]
    if columns[0].shape[1] != columns[1].shape[1]:
        raise DataError(f"{path}: {names[1]} and {names[3]} must be of the same kind, one label a sample or one-hot")
    both = read_labels(f"{path}: {names[1]} and {names[3]}", np.concatenate(columns))
    rows = np.arange(len(train) + len(test))
    x = _scaled(str(path), np.concatenate([train, test]), arrays)
    return Table(str(path), x, both, (rows[: len(train)], rows[len(train) :]), file_digest(*files))


def _scaled(what: str, x: NDArray[np.float32], arrays: Mapping[str, NDArray[np.generic]]) -> NDArray[np.float32]:
    if "scale" not in arrays:
        return x
    scale = numbers(f"{what}: scale", arrays["scale"])
    if scale.size != 1 or not np.isfinite(scale).all() or not scale.all():
        raise DataError(f"{what}: scale must be one number other than 0, not {scale.reshape(-1)[:3].tolist()}")
    with np.errstate(over="ignore"):
        return x * scale.reshape(())


def _given_rows(
    path: Path, arrays: Mapping[str, NDArray[np.generic]], samples: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]] | None:
    given = [key for key in ROWS if key in arrays]
    if len(given) == 1:
        raise DataError(f"{path}: train_idx and test_idx must come together, not {given[0]} alone")
    if not given:
        return None
    parts = []
    for key in given:
        rows = arrays[key]
        if rows.dtype.kind not in "iu" or rows.ndim != 1:
            raise DataError(f"{path}: {key} must be a vector of integers, not {rows.dtype} {rows.shape}")
        if rows.size and not 0 <= int(rows.min()) <= int(rows.max()) < samples:
            wrong = rows.min() if int(rows.min()) < 0 else rows.max()
            raise DataError(f"{path}: {key} must be between 0 and {samples - 1}, not {wrong}")
        parts.append(rows.astype(np.int64))
    train, test = parts
    common = np.intersect1d(train, test)
    if common.size:
        raise DataError(f"{path}: train_idx and test_idx must not share rows, but share {common.size}")
    return train, test


def _found(path: Path) -> str:
    with np.load(path, allow_pickle=False) as archive:
        return ", ".join(archive.files) or "nothing"
