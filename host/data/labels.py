"""Class labels in every form that users have them: numbers, text, truth values, one column, one-hot."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from deep3.compiler.network.layers import MAX_SIZE

from .dataset import DataError

__all__ = ["Labels", "read_labels", "text_labels"]

MAX_WHOLE = 1 << 53
"""Larger floating-point numbers are not told apart."""


@dataclass(frozen=True)
class Labels:
    """Classes of samples.

    Attributes
    ----------
    names
        Every class that occurs, in ascending order: of numbers by value, of text by its characters.
    indices
        ``samples``, int64: positions in ``names``.
    """

    names: tuple[str, ...]
    indices: NDArray[np.int64]

    def among(self, names: tuple[str, ...], what: str) -> NDArray[np.int64]:
        """The same labels as positions in other names.

        Raises
        ------
        DataError
            For a label that is not among them.
        """
        place = {name: index for index, name in enumerate(names)}
        for name in self.names:
            if name not in place:
                raise DataError(f"{what} must be one of the classes {', '.join(names[:10])}"
                                f"{', ...' if len(names) > 10 else ''}, not {name!r}")  # fmt: skip
        return np.array([place[name] for name in self.names], np.int64)[self.indices]


def read_labels(what: str, values: NDArray[np.generic]) -> Labels:
    """Labels from a vector (or a column) of whole numbers, text or truth values, or from ``samples x classes`` one-hot.

    Raises
    ------
    DataError
        For anything else; names ``what``, the value and its place.
    """
    if values.ndim == 2 and values.shape[1] == 1:
        values = values[:, 0]
    if values.size == 0:
        raise DataError(f"{what} must not be empty, but has the shape {values.shape}")
    if values.ndim == 2:
        return _from_one_hot(what, values)
    if values.ndim != 1:
        raise DataError(f"{what} must be one label a sample, or one-hot samples x classes, not of shape {values.shape}")
    kind = values.dtype.kind
    if kind == "O":
        return read_labels(what, _plain(what, values))
    if kind == "S":
        values = np.char.decode(values.astype(np.bytes_), "utf-8", "replace")
    elif kind == "f":
        values = _whole(what, values)
    elif kind not in "biuU":
        raise DataError(f"{what} must hold whole numbers or text, not {values.dtype}")
    unique, indices = np.unique(values, return_inverse=True)
    if len(unique) > MAX_SIZE:
        raise DataError(
            f"{what} must hold at most {MAX_SIZE} classes, not {len(unique)} (is it a quantity, not a class?)"
        )
    names = tuple(str(value) for value in unique.tolist())
    for name in names:
        if not name or not name.isprintable():
            sample = int(np.flatnonzero(indices == names.index(name))[0])
            raise DataError(f"{what} must hold whole numbers or printable text, not {name!r} (sample {sample})")
    return Labels(names, indices.astype(np.int64))


def text_labels(what: str, texts: list[str]) -> Labels:
    """Labels from the cells of a table: numbers where all of them are, else text."""
    try:
        numbers = np.array([float(text) for text in texts])
    except ValueError:
        return read_labels(what, np.array(texts))
    return read_labels(what, numbers)


def _whole(what: str, values: NDArray[np.generic]) -> NDArray[np.int64]:
    numbers = values.astype(np.float64)
    # NaN is not below anything, and infinity is not either.
    good = (np.abs(numbers) < MAX_WHOLE) & (np.rint(numbers) == numbers)
    if not good.all():
        sample = int(np.flatnonzero(~good)[0])
        raise DataError(f"{what} must hold whole numbers or text, not {float(numbers[sample])} (sample {sample})")
    return numbers.astype(np.int64)


def _plain(what: str, values: NDArray[np.generic]) -> NDArray[np.generic]:
    """Python objects, as pandas keeps text, as an array of one type."""
    listed = values.tolist()
    for sample, value in enumerate(listed):
        # None and NaN are how frames say that a value is missing.
        if not isinstance(value, str | int | float) or value != value:
            raise DataError(f"{what} must hold whole numbers or text, not {value!r} (sample {sample})")
    kinds = {str if isinstance(value, str) else float for value in listed}
    if len(kinds) > 1:
        raise DataError(f"{what} must hold whole numbers or text, but holds both")
    plain = np.array(listed)
    if plain.dtype.kind == "O":
        raise DataError(f"{what} must hold whole numbers of 64 bits or text, not larger numbers")
    return plain


def _from_one_hot(what: str, values: NDArray[np.generic]) -> Labels:
    if values.dtype.kind not in "biuf":
        raise DataError(f"{what} of the shape {values.shape} must be one-hot, 0 and 1, not {values.dtype}")
    ones = values == 1
    good = (ones.sum(axis=1) == 1) & ((values == 0) | ones).all(axis=1)
    if not good.all():
        sample = int(np.flatnonzero(~good)[0])
        raise DataError(
            f"{what} of the shape {values.shape} must be one-hot, one 1 and else 0 in each row, not in row {sample}"
        )
    return Labels(tuple(map(str, range(values.shape[1]))), ones.argmax(axis=1).astype(np.int64))
