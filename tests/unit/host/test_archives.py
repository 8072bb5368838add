"""The published formats of MNIST and ISOLET, on small files made here and put in the cache in place of a download."""

import gzip
import hashlib
import zipfile
from pathlib import Path

import numpy as np
import pytest
from lzw_compressor import compress

from deep3.host.data import DataError, archives, load


def idx(array: np.ndarray) -> bytes:
    header = bytes([0, 0, 8, array.ndim]) + np.array(array.shape, ">u4").tobytes()
    return gzip.compress(header + array.astype(np.uint8).tobytes(), mtime=0)


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.delenv("DEEP3_DATA", raising=False)
    return tmp_path / "deep3"


def test_mnist_from_its_four_files(cache: Path) -> None:
    rng = np.random.default_rng(1)
    images, labels = rng.integers(0, 256, (12, 28, 28)), np.arange(12) % 10
    (cache / "mnist").mkdir(parents=True)
    contents = {"train-images": images, "train-labels": labels, "t10k-images": images[:5], "t10k-labels": labels[:5]}
    for file in archives.MNIST_MD5:
        (cache / "mnist" / file).write_bytes(idx(contents[file.rsplit("-", 2)[0]]))
    mnist = load("mnist")
    assert np.array_equal(mnist.x_train, images.reshape(12, 784))
    assert np.array_equal(mnist.x_test, images[:5].reshape(5, 784))
    assert mnist.y_train.tolist() == labels.tolist()
    assert mnist.classes == 10


def test_mnist_has_four_files_with_published_sums() -> None:
    assert len(archives.MNIST_MD5) == 4
    assert all(len(bytes.fromhex(md5)) == hashlib.md5().digest_size for md5 in archives.MNIST_MD5.values())


@pytest.mark.parametrize(
    ("packed", "message"),
    [
        (b"no gzip", "f: damaged gzip file: Not a gzipped file (b'no')"),
        (gzip.compress(b"\0\0\x0d\x01", mtime=0), "f: not an idx file of unsigned bytes"),
        (
            gzip.compress(b"\0\0\x08\x01\0\0\0\x05abc", mtime=0),
            "f: damaged idx file: 3 bytes do not fill the shape (5,)",
        ),
    ],
)
def test_damaged_idx_files(packed: bytes, message: str) -> None:
    with pytest.raises(DataError) as caught:
        archives.parse_idx(packed, "f")
    assert str(caught.value) == message


def write_isolet(cache: Path, rows: int) -> np.ndarray:
    rng = np.random.default_rng(2)
    values = rng.integers(-10000, 10001, (rows, 617)) / 10000
    lines = (",".join(f"{v:.4f}" for v in row) + f",{1 + n % 26}.\n" for n, row in enumerate(values))
    packed = compress("".join(lines).encode())
    (cache / "isolet").mkdir(parents=True)
    with zipfile.ZipFile(cache / "isolet" / "isolet.zip", "w") as archive:
        for member in archives.ISOLET_PARTS:
            archive.writestr(member, packed)
    return values


def test_isolet_from_its_archive(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archives, "ISOLET_PARTS", dict.fromkeys(archives.ISOLET_PARTS, 30))
    values = write_isolet(cache, 30)
    isolet = load("isolet")
    assert np.array_equal(isolet.x_train, values.astype(np.float32))
    assert isolet.y_test.tolist() == [n % 26 for n in range(30)]
    assert isolet.classes == 26


def test_isolet_of_another_size_is_refused_and_not_kept(cache: Path) -> None:
    write_isolet(cache, 30)
    with pytest.raises(DataError) as caught:
        load("isolet")
    assert str(caught.value) == (
        f"{archives.ISOLET_URL}: isolet1+2+3+4.data.Z: the table must be 6238 x 618, not (30, 618); "
        "or put isolet.npz into a folder named by $DEEP3_DATA"
    )
    assert list((cache / "isolet").iterdir()) == []


def test_a_damaged_archive_is_refused_and_not_kept(cache: Path) -> None:
    (cache / "isolet").mkdir(parents=True)
    (cache / "isolet" / "isolet.zip").write_bytes(b"no archive")
    with pytest.raises(DataError) as caught:
        load("isolet")
    assert str(caught.value) == (
        f"{archives.ISOLET_URL}: cannot read isolet1+2+3+4.data.Z: File is not a zip file; "
        "or put isolet.npz into a folder named by $DEEP3_DATA"
    )
    assert list((cache / "isolet").iterdir()) == []
