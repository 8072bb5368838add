"""Tables as text: ``.csv`` and ``.tsv`` files, with a line of column names or without."""

import csv
from array import array
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from .arrays import file_digest
from .dataset import DataError
from .labels import text_labels
from .table import Table, numbers

__all__ = ["read_csv"]

DELIMITERS = ",;\t"


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
    lines = _lines(path)
    width = len(lines[0][1])
    label = None if labels is None and width == features else _column(path, lines[0][1], labels)
    wanted = [column for column in range(width) if column != label]
    if not wanted:
        raise DataError(f"{path}: there must be a column of samples beside that of the labels, but there is only one")
    header = lines[0][1] if _is_header(lines, wanted, label) else None
    if header is not None:
        _check_header(path, header)
        lines = lines[1:]
    elif label is not None and labels is not None and not _is_integer(labels):
        raise DataError(f"{path}: the first line has no names, so that there is no column {labels!r}")
    x = _numbers(path, lines, wanted, header)
    y = None if label is None else text_labels(f"{path}: labels", [cells[label].strip() for _, cells in lines])
    return Table(str(path), numbers(f"{path}: X", x), y, None, file_digest(path))


def _lines(path: Path) -> list[tuple[int, list[str]]]:
    """Number and cells of every line that is not empty."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            first = file.readline()
            delimiter = max(DELIMITERS, key=first.count)
            file.seek(0)
            reader = csv.reader(file, delimiter=delimiter, strict=True)
            lines = [(reader.line_num, cells) for cells in reader if any(cell.strip() for cell in cells)]
    except OSError as error:
        raise DataError(f"{path}: cannot read the file: {error.strerror}") from None
    except UnicodeDecodeError as error:
        raise DataError(f"{path}: must be text in UTF-8, but byte {error.start} is not") from None
    except csv.Error:
        raise DataError(
            f"{path}: line {reader.line_num} is no row of a table: a quotation mark is not closed, or text follows one"
        ) from None
    if not lines:
        raise DataError(f"{path}: the file is empty")
    width = len(lines[0][1])
    for number, cells in lines:
        if len(cells) != width:
            raise DataError(f"{path}: line {number} must have {width} columns like the first, not {len(cells)}")
    return lines


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


def _is_header(lines: list[tuple[int, list[str]]], wanted: list[int], label: int | None) -> bool:
    """Whether the first line holds names: text where all other lines have numbers, or counted columns."""
    first, others = lines[0][1], lines[1:]
    if not others:
        return False
    if any(first[column].strip() and not _is_number(first[column]) for column in wanted):
        return True
    if label is None:
        return False
    alone = all(cells[label] != first[label] for _, cells in others)
    counted = [first[column].strip() for column in wanted] == [str(number) for number in range(len(wanted))]
    text_above_numbers = not _is_number(first[label]) and all(_is_number(cells[label]) for _, cells in others)
    return text_above_numbers or (alone and counted)


def _check_header(path: Path, header: list[str]) -> None:
    for column, name in enumerate(header):
        if not name.strip():
            raise DataError(
                f"{path}: column {column} has no name in the first line; is it an index? (pandas: to_csv(index=False))"
            )


def _numbers(
    path: Path, lines: list[tuple[int, list[str]]], wanted: list[int], header: list[str] | None
) -> NDArray[np.float64]:
    values = array("d")
    for number, cells in lines:
        try:
            values.extend([float(cells[column]) for column in wanted])
        except ValueError:
            wrong = next(column for column in wanted if not _is_number(cells[column]))
            name = f" ({header[wrong].strip()})" if header else ""
            raise DataError(
                f"{path}: line {number}, column {wrong}{name} must be a number, not {cells[wrong]!r}"
            ) from None
    return np.frombuffer(values, np.float64).reshape(len(lines), len(wanted))


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _is_integer(text: str) -> bool:
    return text.removeprefix("-").isdecimal() and len(text) < 10
