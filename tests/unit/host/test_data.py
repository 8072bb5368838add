"""Data sets: what is loaded, and what is refused in which words."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from deep3.host.data import DataError, Dataset, load, load_table, read_memory
from deep3.host.data.table import stratified


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


def test_a_fifth_of_every_class_is_for_the_test() -> None:
    digits = load("digits")
    whole = [178, 182, 177, 183, 181, 182, 181, 179, 174, 180]
    assert np.bincount(digits.y_test).tolist() == [round(count / 5) for count in whole]


@given(st.lists(st.integers(0, 5), min_size=2, max_size=60), st.integers(0, 100))
def test_a_drawn_split_is_whole_and_has_every_class_of_two_on_both_sides(classes: list[int], seed: int) -> None:
    indices = np.array(classes)
    counts = np.bincount(indices)
    if counts.max() < 2:
        with pytest.raises(DataError, match=r"^own: no class has two samples"):
            stratified("own", indices, seed)
        return
    train, test = stratified("own", indices, seed)
    assert sorted([*train, *test]) == list(range(len(indices)))
    for index, count in enumerate(counts):
        in_test = int((indices[test] == index).sum())
        assert in_test == (max(1, round(0.2 * count)) if count > 1 else 0)


def test_own_file_with_given_split_and_scale(tmp_path: Path) -> None:
    x = np.arange(12, dtype=np.int16).reshape(6, 2)
    path = write(tmp_path / "own.npz", X=x, y=[0, 1, 2, 0, 1, 2], train_idx=[5, 0, 1], test_idx=[2, 4], scale=0.5)
    own = load(str(path))
    assert own.name == "own"
    assert own.x_train.tolist() == [[5, 5.5], [0, 0.5], [1, 1.5]]
    assert own.y_test.tolist() == [2, 1]
    assert own.class_names == ("0", "1", "2")


@pytest.mark.parametrize("x", ["X", "x"])
def test_own_file_in_two_parts(tmp_path: Path, x: str) -> None:
    names = (f"{x}_train", "y_train", f"{x}_test", "y_test")
    parts = ([[1, 2], [3, 4], [5, 6]], ["b", "a", "b"], [[7, 8]], ["c"])
    path = write(tmp_path / "own.npz", **dict(zip(names, parts, strict=True)))
    own = load(str(path))
    assert own.x_train.tolist() == parts[0]
    assert own.x_test.tolist() == parts[2]
    assert own.class_names == ("a", "b", "c")
    assert (own.y_train.tolist(), own.y_test.tolist()) == ([1, 0, 1], [2])


def test_own_file_without_split(tmp_path: Path) -> None:
    x = np.arange(20, dtype=np.float64).reshape(10, 2)
    own = load(str(write(tmp_path / "own.npz", X=x, y=np.arange(10) % 2)))
    assert len(own.x_train) == 8
    assert sorted(own.x_train[:, 0].tolist() + own.x_test[:, 0].tolist()) == list(range(0, 20, 2))


def test_the_folder_in_the_environment_comes_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path / "isolet.npz", X=np.eye(10), y=np.arange(10) % 2)
    monkeypatch.setenv("DEEP3_DATA", str(tmp_path))
    assert load("isolet").classes == 2


@pytest.mark.parametrize("name", ["digits", "isolet", "irises"])
def test_the_folder_in_the_environment_must_exist(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DEEP3_DATA", "/nosuch")
    assert refusal(name) == "$DEEP3_DATA must be a folder that exists, not '/nosuch'"


def test_labels_are_named_for_files_only() -> None:
    with pytest.raises(DataError, match=r"^data set 'digits' has labels of its own; labels 'y' can be named for files"):
        load("digits", labels="y")


def test_an_unknown_name() -> None:
    assert refusal("irises") == (
        "data set must be one of digits, isolet, mnist, a path that ends in .npz, .npy, .csv, .tsv, "
        "or the name of a file in $DEEP3_DATA, not 'irises'"
    )


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"a": [1]}, ": key 'X' (or 'data', or 'X_train') is missing; found: a"),
        ({"X": [[1.0]]}, ": there are no labels to train with; --labels says where they are"),
        ({"X": [[1.0], [2.0]], "y": [3, 3]}, "own: labels must be of 2 classes or more, but all are '3'"),
        ({"X": [[1.0], [2.0]], "y": [3, 4]}, ": no class has two samples, so that none is left for the test"),
        ({"X": [1.0], "y": [3]}, ": X must have the shape samples x features, not (1,)"),
        (
            {"X": np.ones((2, 2, 2, 2, 2)), "y": [0, 1]},
            ": X must have the shape samples x features, or samples x channels x height x width, not (2, 2, 2, 2, 2)",
        ),
        ({"X": [[1e300, 1.0]], "y": [0]}, ": X must be within +-3.4e38 (float32), not 1e+300"),
        (
            {"X": [[1.0, 2.0], [3.0, np.nan]], "y": [0, 1]},
            ": X must be finite, but 1 values are not; the first is nan in sample 1, feature 1; "
            "fill in or drop what is missing",
        ),
        ({"X": np.eye(2), "y": [0, 1], "scale": [1.0, 2.0]}, ": scale must be one number other than 0, not [1.0, 2.0]"),
        ({"X": np.eye(2), "y": [0, 1], "scale": 0}, ": scale must be one number other than 0, not [0.0]"),
        ({"X_train": np.eye(2), "y_train": [0, 1], "X_test": np.eye(2)}, ": y_test is missing beside X_train"),
        (
            {"X_train": np.eye(2), "y_train": [0, 1], "X_test": np.eye(3), "y_test": [0, 1, 1]},
            ": X_train and X_test must be samples x features, not (2, 2) and (3, 3)",
        ),
        (
            {"X_train": np.eye(2), "y_train": [0, 1], "X_test": np.eye(2), "y_test": [0]},
            ": y_test must be 2 like the samples, not of shape (1,)",
        ),
        ({"X": [["a"]], "y": [0]}, ": X must hold real numbers, not <U1"),
        ({"X": [[1.0]], "y": [0.5]}, ": y must hold whole numbers or text, not 0.5 (sample 0)"),
        ({"X": [[1.0]], "y": [0, 1]}, ": labels must be 1 like the samples, not 2"),
        (
            {"X": np.eye(4), "y": [0, 1, 0, 1], "train_idx": [0, 1]},
            ": train_idx and test_idx must come together, not train_idx alone",
        ),
        (
            {"X": np.eye(4), "y": [0, 1, 0, 1], "train_idx": [0, 1], "test_idx": np.zeros(0, np.int64)},
            ": there must be rows for the test, but test_idx is empty",
        ),
        (
            {"X": np.eye(4), "y": [0, 1, 0, 1], "train_idx": [0, 4], "test_idx": [1]},
            ": train_idx must be between 0 and 3, not 4",
        ),
        (
            {"X": np.eye(4), "y": [0, 1, 0, 1], "train_idx": [0, 1], "test_idx": [1, 2]},
            ": train_idx and test_idx must not share rows, but share 1",
        ),
        (
            {"X": np.eye(4), "y": [0, 1, 0, 1], "train_idx": [0.0], "test_idx": [1]},
            ": train_idx must be a vector of integers, not float64 (1,)",
        ),
    ],
)
def test_unusable_files(tmp_path: Path, arrays: dict[str, object], message: str) -> None:
    path = write(tmp_path / "own.npz", **arrays)
    assert refusal(path) == (f"{path}{message}" if message.startswith(":") else message)


def test_labels_of_another_key(tmp_path: Path) -> None:
    path = write(tmp_path / "own.npz", X=np.eye(4), y=[0, 1, 0, 1], part=["b", "b", "a", "a"])
    assert load(str(path), labels="part").class_names == ("a", "b")
    with pytest.raises(DataError) as caught:
        load(str(path), labels="parts")
    assert str(caught.value) == f"{path}: key 'parts' of the labels is missing; found: X, y, part"


def test_data_and_target(tmp_path: Path) -> None:
    path = write(tmp_path / "own.npz", data=np.eye(4), target=[7, 5, 7, 5])
    assert load(str(path)).class_names == ("5", "7")


def test_pairs_of_npy_files(tmp_path: Path) -> None:
    x, y = np.arange(20).reshape(10, 2), np.array(["cat", "dog"] * 5)
    np.save(tmp_path / "X.npy", x)
    np.save(tmp_path / "kinds.npy", y[::-1])
    path = str(tmp_path / "X.npy")
    assert load_table(path).labels is None
    assert refusal(path) == f"{path}: there are no labels to train with; --labels says where they are"
    np.save(tmp_path / "y.npy", y)
    table, named = load_table(path), load_table(path, str(tmp_path / "kinds.npy"))
    assert (table.labels, named.labels) != (None, None)
    assert table.labels is not None
    assert table.labels.indices.tolist() == [0, 1] * 5
    assert named.labels is not None
    assert named.labels.indices.tolist() == [1, 0] * 5
    assert len({table.digest, named.digest}) == 2
    assert load(path).origin.source == path


def test_npy_files_in_two_parts(tmp_path: Path) -> None:
    parts = {"X_train": np.eye(3), "y_train": [0, 1, 1], "X_test": np.eye(3)[:1], "y_test": [1]}
    for name, part in parts.items():
        np.save(tmp_path / f"{name}.npy", part)
    own = load(str(tmp_path / "X_train.npy"))
    assert (len(own.x_train), own.y_test.tolist()) == (3, [1])
    (tmp_path / "y_test.npy").unlink()
    assert refusal(tmp_path / "X_train.npy") == (
        f"{tmp_path / 'y_test.npy'}: cannot read the file: No such file or directory"
    )


def test_files_under_the_wrong_name(tmp_path: Path) -> None:
    array, archive = tmp_path / "array.npz", tmp_path / "archive.npy"
    with array.open("wb") as file:
        np.save(file, np.eye(2))
    with archive.open("wb") as file:
        np.savez(file, X=np.eye(2))
    assert refusal(array) == f"{array}: not an .npz file but a single array, which a name in .npy would say"
    assert refusal(archive) == f"{archive}: not an .npy file but an archive, which a name in .npz would say"


def test_arrays_lists_and_frames_in_memory() -> None:
    table = read_memory("own", [[1, 2], [3, 4]], ["b", "a"])
    assert table.x.tolist() == [[1, 2], [3, 4]]
    assert table.labels is not None
    assert table.labels.names == ("a", "b")
    # What a frame of columns of several types becomes.
    assert read_memory("own", np.array([[1, 2.5], [True, "4"]], object), None).x.tolist() == [[1, 2.5], [1, 4]]
    with pytest.raises(DataError, match=r"^own: X must hold real numbers; encode text, fill in what is missing$"):
        read_memory("own", np.array([[1, "x"]], object), None)


def test_missing_and_damaged_files(tmp_path: Path) -> None:
    missing, damaged = tmp_path / "missing.npz", tmp_path / "damaged.npz"
    assert refusal(missing) == f"{missing}: cannot read the file: No such file or directory"
    damaged.write_bytes(b"PK\x03\x04 and then nothing of use")
    assert refusal(damaged) == f"{damaged}: not an .npz file of plain arrays"
    damaged.write_bytes(b"")
    assert refusal(damaged).startswith(f"{damaged}: ")


def test_files_with_python_objects_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "objects.npz"
    np.savez(path, X=np.array([{}], dtype=object), y=np.array([0]))
    assert refusal(path) == (
        f"{path}: X is damaged, or holds Python objects, which are not read; save text as np.array(texts, dtype=str)"
    )


GOOD = {
    "x_train": np.zeros((3, 2), np.float32),
    "y_train": np.array([0, 1, 1]),
    "x_test": np.zeros((2, 2), np.float32),
    "y_test": np.array([0, 1]),
    "class_names": ("a", "b"),
}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"class_names": ("a",)}, "toy: labels must be of 2 classes or more, but all are 'a'"),
        ({"x_train": np.zeros((0, 2))}, "toy: training samples must not be empty, but have the shape (0, 2)"),
        ({"x_test": np.zeros((0, 2), np.float32)}, "toy: test labels must be 0 like the samples, not 2"),
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
            "toy: test samples must be finite, but 2 values are not; the first is nan in sample 1, feature 0; "
            "fill in or drop what is missing",
        ),
    ],
)
def test_data_sets_that_cannot_be(change: dict[str, object], message: str) -> None:
    with pytest.raises(DataError) as caught:
        Dataset("toy", **{**GOOD, **change})  # type: ignore[arg-type]
    assert str(caught.value) == message
