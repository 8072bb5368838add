"""Text tables: which line has names, which column labels, and what is refused in which words."""

from pathlib import Path

import numpy as np
import pytest

from deep3.host.data import DataError
from deep3.host.data.csv_file import read_csv


def write(folder: Path, text: str | bytes) -> Path:
    path = folder / "own.csv"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


@pytest.mark.parametrize(
    ("text", "labels"),
    [
        ("width,kind,height\n1,cat,2\n3,dog,4\n", "kind"),
        ("width,kind,height\n1,cat,2\n3,dog,4\n", "1"),
        ("width,height,kind\n1,2,cat\n3,4,dog\n", None),
        ("1,2,cat\n3,4,dog\n", None),
        ("cat,1,2\ndog,3,4\n", "0"),
        ("1,cat,2\n3,dog,4\n", "-2"),
        ("1;2;cat\r\n3;4;dog\r\n\r\n", None),
        ("1\t2\tcat\n3\t4\tdog\n", None),
        ('\ufeff"1","2","cat"\n 3 , 4 , dog \n', None),
        ("0,1,kind\n1,2,cat\n3,4,dog\n", None),
        ("0,1,kind\n1,2,cat\n3,4,dog\n", "kind"),
    ],
)
def test_samples_and_labels(tmp_path: Path, text: str, labels: str | None) -> None:
    table = read_csv(write(tmp_path, text), labels)
    assert table.x.tolist() == [[1, 2], [3, 4]]
    assert table.labels is not None
    assert (table.labels.names, table.labels.indices.tolist()) == (("cat", "dog"), [0, 1])


def test_names_above_numbers(tmp_path: Path) -> None:
    table = read_csv(write(tmp_path, "0,1,class\n5,6,1\n7,8,0\n"))
    assert table.x.tolist() == [[5, 6], [7, 8]]


def test_a_first_line_of_numbers_is_a_sample(tmp_path: Path) -> None:
    table = read_csv(write(tmp_path, "0,1,1\n0,0,0\n1,1,0\n1,0,1\n"))
    assert len(table.x) == 4


@pytest.mark.parametrize("text", ["a,b\n1,2\n3,4\n", "1,2\n3,4\n"])
def test_as_many_columns_as_features_are_no_labels(tmp_path: Path, text: str) -> None:
    table = read_csv(write(tmp_path, text), features=2)
    assert table.labels is None
    assert np.array_equal(table.x, [[1, 2], [3, 4]])


@pytest.mark.parametrize(
    ("text", "labels", "message"),
    [
        ("", None, "the file is empty"),
        ("\n\n", None, "the file is empty"),
        ("a,b,c\n", None, "line 1, column 0 must be a number, not 'a'"),
        ("1\n2\n", None, "there must be a column of samples beside that of the labels, but there is only one"),
        ("1,2,3\n4,5\n", None, "line 2 must have 3 columns like the first, not 2"),
        ("a,b,c\n4,,6\n", None, "line 2, column 1 (b) must be a number, not ''"),
        ("1,2,x\n4,red,y\n", None, "line 2, column 1 must be a number, not 'red'"),
        ("a,b\n1,2\n", "c", "there is no column 'c' for the labels among the 2: a, b"),
        ("1,2\n3,4\n", "7", "there is no column '7' for the labels among the 2: 1, 2"),
        ("a,a\n1,2\n", "a", "column 'a' of the labels must be one, not 2"),
        (",a,kind\n0,5,x\n1,6,y\n", None,
         "column 0 has no name in the first line; is it an index? (pandas: to_csv(index=False))"),
        ("a,kind\nnan,x\n1,y\n", None,
         "X must be finite, but 1 values are not; the first is nan in sample 0, feature 0; "
         "fill in or drop what is missing"),
        ("a,kind\n1e300,x\n1,y\n", None, "X must be within +-3.4e38 (float32), not 1e+300"),
        ("a,kind\n1,\n1,y\n", None, "labels must hold whole numbers or printable text, not '' (sample 0)"),
        ("a,kind\n1,.5\n1,2\n", None, "labels must hold whole numbers or text, not 0.5 (sample 0)"),
        (b"a,kind\n1,\xff\n", None, "must be text in UTF-8, but byte 9 is not"),
        ('a,kind\n1,"x\n', None, "line 2 is no row of a table: a quotation mark is not closed, text follows one, "
         "or a cell has more than 131072 characters"),
        ("1,5;2,5;a\n2,5;3,5;b\n", None, "line 2, column 0 (1,5) must be a number, not '2,5'"),
    ],
)  # fmt: skip
def test_tables_that_are_refused(tmp_path: Path, text: str | bytes, labels: str | None, message: str) -> None:
    path = write(tmp_path, text)
    with pytest.raises(DataError) as caught:
        read_csv(path, labels)
    assert str(caught.value) == f"{path}: {message}"


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"no\.csv: cannot read the file: No such file or directory$"):
        read_csv(tmp_path / "no.csv")
