"""Data sets: what is loaded, and what is refused in which words."""

from pathlib import Path

import numpy as np
import pytest

from deep3.host.data import DataError, Dataset, load


def write(path: Path, **arrays: object) -> Path:
    np.savez(path, **{key: np.asarray(value) for key, value in arrays.items()})
    return path


def refusal(source: str | Path) -> str:
    with pytest.raises(DataError) as caught:
        load(str(source))
    return str(caught.value)


def test_digits_are_complete_and_split_without_overlap() -> None:
    digits = load("digits")
    assert (digits.x_train.shape, digits.x_test.shape, digits.classes) == ((1438, 64), (359, 64), 10)
    assert digits.x_train.dtype == np.float32
    assert digits.y_train.dtype == np.int64
    counts = np.bincount(np.concatenate([digits.y_train, digits.y_test]))
    assert counts.tolist() == [178, 182, 177, 183, 181, 182, 181, 179, 174, 180]


def test_the_split_follows_the_seed() -> None:
    assert np.array_equal(load("digits", 3).y_test, load("digits", 3).y_test)
    assert not np.array_equal(load("digits", 3).x_test, load("digits", 4).x_test)


def test_own_file_with_given_split_and_scale(tmp_path: Path) -> None:
    x = np.arange(12, dtype=np.int16).reshape(6, 2)
    path = write(tmp_path / "own.npz", X=x, y=[0, 1, 2, 0, 1, 2], train_idx=[5, 0, 1], test_idx=[2, 4], scale=0.5)
    own = load(str(path))
    assert own.name == "own"
    assert own.x_train.tolist() == [[5, 5.5], [0, 0.5], [1, 1.5]]
    assert own.y_test.tolist() == [2, 1]
    assert own.classes == 3


def test_own_file_without_split(tmp_path: Path) -> None:
    x = np.arange(20, dtype=np.float64).reshape(10, 2)
    own = load(str(write(tmp_path / "own.npz", X=x, y=np.arange(10) % 2)))
    assert len(own.x_train) == 8
    assert sorted(own.x_train[:, 0].tolist() + own.x_test[:, 0].tolist()) == list(range(0, 20, 2))


def test_the_folder_in_the_environment_comes_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path / "isolet.npz", X=np.eye(10), y=np.arange(10) % 2)
    monkeypatch.setenv("DEEP3_DATA", str(tmp_path))
    assert load("isolet").classes == 2


def test_an_unknown_name() -> None:
    assert refusal("irises") == (
        "data set must be one of digits, isolet, mnist, a path that ends in .npz, "
        "or the name of a file in $DEEP3_DATA, not 'irises'"
    )


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"a": [1]}, "key 'X' is missing; found: a"),
        ({"X": [[1.0]]}, "key 'y' is missing; found: X"),
        ({"X": [["a"]], "y": [0]}, "X must hold real numbers, not <U1"),
        ({"X": [[1.0]], "y": [0.5]}, "y must be a vector of integers, not float64 of the shape (1,)"),
        ({"X": [[1.0]], "y": [0, 1]}, "X must have the shape 2 x features, not (1, 1)"),
        (
            {"X": np.eye(4), "y": [0, 1, 0, 1], "train_idx": [0, 1]},
            "train_idx and test_idx must come together, not train_idx alone",
        ),
        (
            {"X": np.eye(4), "y": [0, 1, 0, 1], "train_idx": [0, 4], "test_idx": [1]},
            "train_idx must be between 0 and 3, not 4",
        ),
        (
            {"X": np.eye(4), "y": [0, 1, 0, 1], "train_idx": [0, 1], "test_idx": [1, 2]},
            "train_idx and test_idx must not share rows, but share 1",
        ),
        (
            {"X": np.eye(4), "y": [0, 1, 0, 1], "train_idx": [0.0], "test_idx": [1]},
            "train_idx must be a vector of integers, not float64 (1,)",
        ),
    ],
)
def test_unusable_files(tmp_path: Path, arrays: dict[str, object], message: str) -> None:
    path = write(tmp_path / "own.npz", **arrays)
    assert refusal(path) == f"{path}: {message}"


def test_missing_and_damaged_files(tmp_path: Path) -> None:
    missing, damaged = tmp_path / "missing.npz", tmp_path / "damaged.npz"
    assert refusal(missing) == f"{missing}: cannot read the file: No such file or directory"
    damaged.write_bytes(b"PK\x03\x04 and then nothing of use")
    assert refusal(damaged).startswith(f"{damaged}: not an .npz file of plain arrays: ")
    damaged.write_bytes(b"")
    assert refusal(damaged).startswith(f"{damaged}: ")


def test_files_with_python_objects_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "objects.npz"
    np.savez(path, X=np.array([{}], dtype=object), y=np.array([0]))
    assert refusal(path).startswith(f"{path}: not an .npz file of plain arrays: Object arrays cannot be loaded")


GOOD = {
    "x_train": np.zeros((3, 2), np.float32),
    "y_train": np.array([0, 1, 1]),
    "x_test": np.zeros((2, 2), np.float32),
    "y_test": np.array([0, 1]),
    "classes": 2,
}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"classes": 1}, "toy: classes must be at least 2, not 1"),
        ({"x_test": np.zeros((0, 2), np.float32)}, "toy: test samples must not be empty, but have the shape (0, 2)"),
        ({"x_test": np.zeros(2, np.float32)}, "toy: test samples must have the shape samples x features, not (2,)"),
        ({"y_train": np.array([0, 1, 2])}, "toy: training labels must be between 0 and 1, not 2 (sample 2)"),
        ({"y_test": np.array([0, -1])}, "toy: test labels must be between 0 and 1, not -1 (sample 1)"),
        ({"y_test": np.array([0])}, "toy: test labels must be 2 like the samples, not 1"),
        ({"y_test": np.array([[0], [1]])}, "toy: test labels must be a vector, not of the shape (2, 1)"),
        (
            {"x_test": np.zeros((2, 3), np.float32)},
            "toy: test samples must have 2 features like the training samples, not 3",
        ),
        (
            {"x_test": np.array([[0, 1], [np.nan, np.inf]], np.float32)},
            "toy: test samples must be finite, but 2 values are not; the first is nan in sample 1, feature 0",
        ),
    ],
)
def test_data_sets_that_cannot_be(change: dict[str, object], message: str) -> None:
    with pytest.raises(DataError) as caught:
        Dataset("toy", **{**GOOD, **change})  # type: ignore[arg-type]
    assert str(caught.value) == message
