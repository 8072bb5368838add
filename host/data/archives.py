"""Readers of the two published formats: MNIST's idx files and the UCI archive's ISOLET tables."""

import gzip
import io
import zipfile
import zlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from deep3.cache import cache_folder

from .dataset import DataError
from .download import fetch
from .labels import Labels
from .lzw import decompress
from .table import Table

__all__ = ["isolet_from_archive", "mnist_from_archive", "parse_idx", "parse_isolet_table"]

MNIST_URL = "https://ossci-datasets.s3.amazonaws.com/mnist/"
MNIST_MD5 = {
    "train-images-idx3-ubyte.gz": "f68b3c2dcbeaaa9fbdd348bbdeb94873",
    "train-labels-idx1-ubyte.gz": "d53e105ee54ea40749a09fcbcd1e9432",
    "t10k-images-idx3-ubyte.gz": "9fb629c4189551a2d022fa330f9573f3",
    "t10k-labels-idx1-ubyte.gz": "ec29112dd5afa0611ce80d1b7f02629c",
}
ISOLET_URL = "https://archive.ics.uci.edu/static/public/54/isolet.zip"
ISOLET_FEATURES = 617
ISOLET_CLASSES = 26
ISOLET_PARTS = {"isolet1+2+3+4.data.Z": 6238, "isolet5.data.Z": 1559}


def parse_idx(packed: bytes, source: str) -> NDArray[np.uint8]:
    """The array in a gzipped idx file of unsigned bytes.

    Raises
    ------
    DataError
        For a file that is damaged or of another kind.
    """
    try:
        raw = gzip.decompress(packed)
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(f"{source}: damaged gzip file: {error}") from None
    if len(raw) < 4 or raw[:3] != b"\0\0\x08":
        raise DataError(f"{source}: not an idx file of unsigned bytes")
    dimensions = raw[3]
    start = 4 + 4 * dimensions
    shape = tuple(int(size) for size in np.frombuffer(raw[4:start], dtype=">u4"))
    if len(shape) != dimensions or len(raw) - start != int(np.prod(shape)):
        raise DataError(f"{source}: damaged idx file: {len(raw) - start} bytes do not fill the shape {shape}")
    return np.frombuffer(raw, dtype=np.uint8, offset=start).reshape(shape)


def mnist_from_archive() -> Table:
    """MNIST from its published files, downloaded once and checked against their published MD5 sums."""
    folder = cache_folder() / "mnist"
    arrays = []
    for file, md5 in MNIST_MD5.items():
        path = fetch(MNIST_URL + file, folder / file, md5)
        arrays.append(parse_idx(path.read_bytes(), str(path)))
    x_train, y_train, x_test, y_test = arrays
    x = [part.reshape(len(part), -1).astype(np.float32) for part in (x_train, x_test)]
    return _with_split("mnist", x, [y_train, y_test], tuple("0123456789"))


def parse_isolet_table(text: str, source: str, samples: int) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Features and 0-based labels of one part: 617 values and a class 1..26 a line, separated by commas.

    Raises
    ------
    DataError
        When the number of samples or of columns is not the published one.
    """
    try:
        table = np.loadtxt(io.StringIO(text), delimiter=",", ndmin=2)
    except ValueError as error:
        raise DataError(f"{source}: not a table of numbers: {error}") from None
    if table.shape != (samples, ISOLET_FEATURES + 1):
        raise DataError(f"{source}: the table must be {samples} x {ISOLET_FEATURES + 1}, not {table.shape}")
    return table[:, :-1].astype(np.float32), table[:, -1].astype(np.int64) - 1


def isolet_from_archive() -> Table:
    """ISOLET from the UCI archive, downloaded once; sizes and labels are checked (no sum is published)."""
    path = fetch(ISOLET_URL, cache_folder() / "isolet" / "isolet.zip")
    try:
        return _read_isolet(path)
    except DataError:
        path.unlink(missing_ok=True)
        raise


def _read_isolet(path: Path) -> Table:
    parts = []
    for member, samples in ISOLET_PARTS.items():
        try:
            with zipfile.ZipFile(path) as archive:
                packed = archive.read(member)
        except (zipfile.BadZipFile, zlib.error, KeyError) as error:
            raise DataError(f"{ISOLET_URL}: cannot read {member}: {error}") from None
        text = decompress(packed).decode("ascii", errors="replace")
        parts.append(parse_isolet_table(text, f"{ISOLET_URL}: {member}", samples))
    names = tuple(str(index) for index in range(ISOLET_CLASSES))
    return _with_split("isolet", [x for x, _ in parts], [y for _, y in parts], names)


def _with_split(
    name: str, x: list[NDArray[np.float32]], y: Sequence[NDArray[np.integer]], names: tuple[str, ...]
) -> Table:
    """A table of the training samples, and the test samples behind them."""
    rows = np.arange(sum(map(len, x)))
    labels = Labels(names, np.concatenate(y).astype(np.int64))
    return Table(name, np.concatenate(x), labels, (rows[: len(x[0])], rows[len(x[0]) :]))
