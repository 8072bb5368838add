"""Labels in every form: what they become, and what is refused in which words."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from deep3.host.data import DataError
from deep3.host.data.labels import read_labels, text_labels


@pytest.mark.parametrize(
    ("values", "names", "indices"),
    [
        (np.array([5, 8, 5, 6]), ("5", "6", "8"), [0, 2, 0, 1]),
        (np.array([0, 10, 20, 30], np.uint8), ("0", "10", "20", "30"), [0, 1, 2, 3]),
        (np.array([-1, 1, -1]), ("-1", "1"), [0, 1, 0]),
        (np.array([1 << 62, 0]), ("0", str(1 << 62)), [1, 0]),
        (np.array([1.0, 0.0, 10.0, 2.0]), ("0", "1", "2", "10"), [1, 0, 3, 2]),
        (np.array([[2], [1]]), ("1", "2"), [1, 0]),
        (np.array([[0, 1, 0], [1, 0, 0]]), ("0", "1", "2"), [1, 0]),
        (np.array([[0.0, 1.0], [1.0, 0.0]]), ("0", "1"), [1, 0]),
        (np.array([True, False]), ("False", "True"), [1, 0]),
        (np.array(["dog", "cat", "dog"]), ("cat", "dog"), [1, 0, 1]),
        (np.array([b"dog", b"cat"]), ("cat", "dog"), [1, 0]),
        (np.array(["dog", "cat"], object), ("cat", "dog"), [1, 0]),
        (np.array([2, 1.0], object), ("1", "2"), [1, 0]),
    ],
)
def test_labels_of_every_form(values: np.ndarray, names: tuple[str, ...], indices: list[int]) -> None:
    labels = read_labels("y", values)
    assert (labels.names, labels.indices.tolist(), labels.indices.dtype) == (names, indices, np.int64)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (np.array([]), "y must not be empty, but has the shape (0,)"),
        (np.array(3), "y must be one label a sample, or one-hot samples x classes, not of shape ()"),
        (np.array([0, 0.5]), "y must hold whole numbers or text, not 0.5 (sample 1)"),
        (np.array([0, np.nan]), "y must hold whole numbers or text, not nan (sample 1)"),
        (np.array([np.inf]), "y must hold whole numbers or text, not inf (sample 0)"),
        (np.array([1e300]), "y must hold whole numbers or text, not 1e+300 (sample 0)"),
        (np.array([1j]), "y must hold whole numbers or text, not complex128"),
        (np.array(["a", ""]), "y must hold whole numbers or printable text, not '' (sample 1)"),
        (np.array(["a", "b\nc"]), "y must hold whole numbers or printable text, not 'b\\nc' (sample 1)"),
        (np.array(["a", None], object), "y must hold whole numbers or text, not None (sample 1)"),
        (np.array(["a", np.nan], object), "y must hold whole numbers or text, not nan (sample 1)"),
        (np.array(["a", 1], object), "y must hold whole numbers or text, but holds both"),
        (np.array([1 << 70, 1], object), "y must hold whole numbers of 64 bits or text, not larger numbers"),
        (np.arange(5000), "y must hold at most 4093 classes, not 5000 (is it a quantity, not a class?)"),
        (np.eye(3) * 2, "y of the shape (3, 3) must be one-hot, one 1 and else 0 in each row, not in row 0"),
        (1 - np.eye(3)[:2], "y of the shape (2, 3) must be one-hot, one 1 and else 0 in each row, not in row 0"),
        (np.array([["a", "b"]]), "y of the shape (1, 2) must be one-hot, 0 and 1, not <U1"),
    ],
)
def test_labels_that_are_refused(values: np.ndarray, message: str) -> None:
    with pytest.raises(DataError) as caught:
        read_labels("y", values)
    assert str(caught.value) == message


@given(st.lists(st.one_of(st.integers(-(2**63), 2**63 - 1)), min_size=1), st.booleans())
def test_names_give_the_labels_back(values: list[int], as_text: bool) -> None:
    given_labels = [f"n{value}" for value in values] if as_text else values
    labels = read_labels("y", np.array(given_labels))
    assert [labels.names[index] for index in labels.indices] == [str(value) for value in given_labels]
    assert set(labels.indices) == set(range(len(labels.names)))


def test_cells_are_numbers_where_all_are() -> None:
    assert text_labels("y", ["10", "9.0", "007"]).names == ("7", "9", "10")
    assert text_labels("y", ["10", "9", "x"]).names == ("10", "9", "x")


def test_labels_among_the_classes_of_a_network() -> None:
    labels = read_labels("y", np.array(["b", "c", "b"]))
    assert labels.among(("c", "a", "b"), "y").tolist() == [2, 0, 2]
    with pytest.raises(DataError) as caught:
        labels.among(("a", "b"), "y")
    assert str(caught.value) == "y must be one of the classes a, b, not 'c'"
