"""Tables as text: ``.csv`` and ``.tsv`` files, with a line of column names or without."""

import csv
from array import array
from collections.abc import Iterator
from itertools import chain
from pathlib import Path

import numpy as np

from .arrays import file_digest
from .dataset import DataError
from .labels import text_labels
from .table import Table, numbers

__all__ = ["read_csv"]

DELIMITERS = ";\t,"
"""Of equally many the first: beside semicolons, commas are decimal points."""


def read_csv(path: Path, labels: str | None = None, features: int | None = None) -> Table:
    """A table from a text file in UTF-8: one sample a line, numbers in every column but that of the labels.

    Parameters
    ----------
    path
        Its delimiter is a comma, a semicolon or a tab, whichever the first line has most of.
    labels
        Name or number (from 0, negative from the end) of the column of labels; None for the last.
    features
        Number of features that are wanted: a file with so many columns has no labels.

    Raises
    ------
    DataError
        For a file that cannot be read, lines of different lengths, and cells that are no numbers.
    """
    rows = _rows(path)
    _, first = next(rows)
    label = None if labels is None and len(first) == features else _column(path, first, labels)
    wanted = [column for column in range(len(first)) if column != label]
    if not wanted:
        raise DataError(f"{path}: there must be a column of samples beside that of the labels, but there is only one")
    # Text where numbers should be is a line of names, unless it is all there is.
    has_names = any(first[column].strip() and not _is_number(first[column]) for column in wanted)
    values, texts = array("d"), []
    for number, cells in chain([] if has_names else [(1, first)], rows):
        values.extend(_numbers(path, number, cells, wanted, first if has_names else None))
        texts.append("" if label is None else cells[label].strip())
    if not texts:
        _numbers(path, 1, first, wanted, None)
    skipped = 0 if has_names or label is None else _skipped(first, wanted, texts)
    if has_names or skipped:
        _check_names(path, first)
    elif labels is not None and not _is_integer(labels):
        raise DataError(f"{path}: the first line has no names, so that there is no column {labels!r}")
    x = np.frombuffer(values, np.float64).reshape(len(texts), len(wanted))[skipped:]
    y = None if label is None else text_labels(f"{path}: labels", texts[skipped:])
    return Table(str(path), numbers(f"{path}: X", x), y, None, file_digest(path))


def _rows(path: Path) -> Iterator[tuple[int, list[str]]]:
    """Number and cells of every line that is not empty; at least one."""
    width = 0
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            line = file.readline()
            delimiter = max(DELIMITERS, key=line.count)
            file.seek(0)
            reader = csv.reader(file, delimiter=delimiter, strict=True)
            for cells in reader:
                if not any(map(str.strip, cells)):
                    continue
                width = width or len(cells)
                if len(cells) != width:
                    raise DataError(
                        f"{path}: line {reader.line_num} must have {width} columns like the first, not {len(cells)}"
                    )
                yield reader.line_num, cells
    except OSError as error:
        raise DataError(f"{path}: cannot read the file: {error.strerror}") from None
    except UnicodeDecodeError as error:
        raise DataError(f"{path}: must be text in UTF-8, but byte {error.start} is not") from None
    except csv.Error:
        raise DataError(
            f"{path}: line {reader.line_num} is no row of a table: a quotation mark is not closed, text follows one, "
            f"or a cell has more than {csv.field_size_limit()} characters"
        ) from None
    if not width:
        raise DataError(f"{path}: the file is empty")


def _column(path: Path, first: list[str], labels: str | None) -> int:
    """Number of the column of labels."""
    if labels is None:
        return len(first) - 1
    names = [cell.strip() for cell in first]
    if names.count(labels) > 1:
        raise DataError(f"{path}: column {labels!r} of the labels must be one, not {names.count(labels)}")
    if labels in names and not (_is_integer(labels) and _is_number(first[int(labels) % len(first)])):
        return names.index(labels)
    if _is_integer(labels) and -len(first) <= int(labels) < len(first):
        return int(labels) % len(first)
    shown = ", ".join(names[:10]) + (", ..." if len(names) > 10 else "")
    raise DataError(f"{path}: there is no column {labels!r} for the labels among the {len(first)}: {shown}")


def _skipped(first: list[str], wanted: list[int], texts: list[str]) -> int:
    """1 where a first line of numbers holds names nevertheless: a word above labels that are numbers, or columns
    that are counted, as pandas does, above a label that is no other's; else 0."""
    above, *labels = texts
    if not labels:
        return 0
    counted = [first[column].strip() for column in wanted] == [str(number) for number in range(len(wanted))]
    is_word_above_numbers = not _is_number(above) and all(map(_is_number, labels))
    return int(is_word_above_numbers or (counted and above not in labels))


def _check_names(path: Path, names: list[str]) -> None:
    for column, name in enumerate(names):
        if not name.strip():
            raise DataError(
                f"{path}: column {column} has no name in the first line; is it an index? (pandas: to_csv(index=False))"
            )


def _numbers(path: Path, line: int, cells: list[str], wanted: list[int], names: list[str] | None) -> list[float]:
    try:
        return [float(cells[column]) for column in wanted]
    except ValueError:
        wrong = next(column for column in wanted if not _is_number(cells[column]))
        name = f" ({names[wrong].strip()})" if names else ""
        raise DataError(f"{path}: line {line}, column {wrong}{name} must be a number, not {cells[wrong]!r}") from None


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _is_integer(text: str) -> bool:
    return text.removeprefix("-").isdecimal() and len(text) < 10
