"""Samples that come in blocks: from an array, mapped or not, a ``.npy`` file, a folder of them, or a generator."""

import os
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .errors import ProjectionError

__all__ = ["Samples", "blocks"]

BLOCK_BYTES = 1 << 23
"""Of samples in single precision that are held at a time."""

Samples = NDArray[np.generic] | str | Path | Iterable[ArrayLike]
"""``samples x features`` numbers as an array, the path of a ``.npy`` file or of a folder of such files, taken in the
order of their names, or parts one after the other."""


def blocks(samples: Samples) -> Iterator[NDArray[np.float32]]:
    """Blocks ``samples x features`` of at most `BLOCK_BYTES`, or one sample.

    Files are read, not mapped, so that what was read does not stay.

    Raises
    ------
    ProjectionError
        For files that are missing, damaged or of another kind, and for what is no ``samples x features`` numbers.
    """
    if isinstance(samples, np.ndarray):
        yield from _of_array("samples", samples)
    elif isinstance(samples, str | Path):
        for path in _files(Path(samples)):
            yield from _of_file(path)
    elif isinstance(samples, Iterable):
        for number, part in enumerate(samples):
            yield from _of_array(f"part {number} of the samples", np.asarray(part))
    else:
        raise ProjectionError(f"samples must be an array, a path or parts of samples, not {samples!r}")


def _of_array(what: str, x: NDArray[np.generic]) -> Iterator[NDArray[np.float32]]:
    _check(what, x.shape, x.dtype)
    rows = _block_rows(x.shape[1])
    for start in range(0, len(x), rows):
        yield np.asarray(x[start : start + rows], np.float32)


def _files(path: Path) -> list[Path]:
    if not path.is_dir():
        return [path]
    found = sorted(path.glob("*.npy"))
    if not found:
        raise ProjectionError(f"{path}: no .npy file in this folder")
    return found


def _of_file(path: Path) -> Iterator[NDArray[np.float32]]:
    try:
        file = path.open("rb")
    except OSError as error:
        raise ProjectionError(f"{path}: cannot read the file: {error.strerror}") from None
    with file:
        try:
            version = np.lib.format.read_magic(file)
            read = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}[version]
            shape, is_by_column, dtype = read(file)
        except Exception:
            # A damaged header makes numpy raise half a dozen kinds of errors that speak of its insides.
            raise ProjectionError(f"{path}: not a .npy file") from None
        _check(str(path), shape, dtype)
        if is_by_column and min(shape) > 1:
            raise ProjectionError(f"{path}: must be stored by rows; save np.ascontiguousarray(array)")
        values = shape[0] * shape[1]
        if os.fstat(file.fileno()).st_size < file.tell() + values * dtype.itemsize:
            raise ProjectionError(f"{path}: cut short; {shape[0]} samples of {shape[1]} features were to come")
        rows = _block_rows(shape[1])
        for start in range(0, shape[0], rows):
            count = min(rows, shape[0] - start)
            part = np.fromfile(file, dtype, count * shape[1])
            yield part.reshape(count, shape[1]).astype(np.float32, copy=False)


def _block_rows(features: int) -> int:
    return max(1, BLOCK_BYTES // (4 * features))


def _check(what: str, shape: tuple[int, ...], dtype: np.dtype[np.generic]) -> None:
    if len(shape) != 2 or shape[1] < 1 or dtype.kind not in "biuf":
        raise ProjectionError(f"{what} must be samples x features real numbers, not {dtype} of shape {shape}")
