"""Which rows are classified, by what names, and what is said of them."""

import json
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from deep3.compiler.network.network import Network
from deep3.host.cli import main
from deep3.host.data import DataError, load
from deep3.host.global_network.global_network import GlobalNetwork
from deep3.host.projection.errors import ProjectionError
from deep3.host.projection.projection import fit_projection
from deep3.host.training.checkpoint import Checkpoint, CheckpointError
from deep3.host.training.predict import predict

KINDS = np.array(["cat", "dog", "emu"])[np.arange(60) % 3]
X = np.random.default_rng(1).normal(size=(60, 4)).astype(np.float32)


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A network that was not trained, on own.npz."""
    monkeypatch.chdir(tmp_path)
    np.savez("own.npz", X=X, y=KINDS)
    own = load("own.npz")
    projection, _ = fit_projection(own.x_train, None)
    network = GlobalNetwork.initialise(Network.uniform((4, 5, 3)), 1.0, 1)
    (tmp_path / "run").mkdir()
    Checkpoint(network, projection, own.class_names, own.origin, 7).save(tmp_path / "run" / "checkpoint.npz")
    return "run"


def found(run: str, data: str | None = None, **options: object) -> tuple[str, int]:
    report = predict(run, data, None, **options)  # type: ignore[arg-type]
    return report["rows"], report["samples"]


def test_the_rows_that_were_not_trained_on_are_the_default(run: str, tmp_path: Path) -> None:
    assert found(run) == found(run, "own.npz") == found(run, str(tmp_path / "own.npz")) == ("test", 12)
    (tmp_path / "copy.npz").write_bytes((tmp_path / "own.npz").read_bytes())
    assert found(run, "copy.npz") == ("test", 12)
    np.savez("split.npz", X=X, y=KINDS, train_idx=np.arange(50), test_idx=np.arange(50, 57))
    assert found(run, "split.npz") == ("test", 7)
    np.savez("other.npz", X=X[:9], y=KINDS[:9])
    assert found(run, "other.npz") == ("all", 9)
    np.savez("bare.npz", X=X[:9])
    assert found(run, "bare.npz") == ("all", 9)


def test_the_rows_that_are_asked_for(run: str) -> None:
    assert [found(run, part=part) for part in ("all", "train", "test")] == [("all", 60), ("train", 48), ("test", 12)]
    np.savez("bare.npz", X=X)
    with pytest.raises(DataError) as caught:
        predict(run, "bare.npz", None, "test")
    assert str(caught.value) == "bare.npz: without labels there are no test rows; all of them can be taken"


def test_a_file_that_has_changed_is_told(run: str) -> None:
    assert predict(run, None, None)["note"] is None
    np.savez("own.npz", X=X[:30], y=KINDS[:30])
    note = predict(run, None, None)["note"]
    assert note == "the file has changed since the run, which may have trained on these rows"


def test_names_accuracy_and_confusion_agree(run: str, tmp_path: Path) -> None:
    report = predict(run, None, tmp_path / "classes", "all")
    names = np.array((tmp_path / "classes").read_text().split())
    assert report["accuracy"] == (names == KINDS).mean()
    assert report["classes"] == ["cat", "dog", "emu"]
    pairs = Counter(zip(KINDS, names, strict=True))
    assert report["confusion"] == [[pairs[true, taken] for taken in report["classes"]] for true in report["classes"]]


def test_labels_in_another_order_are_compared_by_name(run: str) -> None:
    part = KINDS != "cat"
    np.savez("own2.npz", X=X[part], y=KINDS[part])
    whole, some = predict(run, None, None, "all"), predict(run, "own2.npz", None)
    assert some["confusion"][0] == [0, 0, 0]
    assert some["confusion"][1:] == whole["confusion"][1:]
    np.savez("own3.npz", X=X, y=np.where(part, KINDS, "cow"))
    with pytest.raises(DataError) as caught:
        predict(run, "own3.npz", None)
    assert str(caught.value) == "own3.npz: labels must be one of the classes cat, dog, emu, not 'cow'"


def test_a_table_without_labels_has_as_many_columns_as_features(run: str) -> None:
    lines = [",".join(map(str, row)) for row in X]
    Path("bare.csv").write_text("\n".join(lines))
    Path("own.csv").write_text("\n".join(f"{line},{kind}" for line, kind in zip(lines, KINDS, strict=True)))
    assert predict(run, "bare.csv", None)["accuracy"] is None
    assert predict(run, "own.csv", None)["accuracy"] == predict(run, None, None, "all")["accuracy"]
    Path("wide.csv").write_text("\n".join(f"1,2,{line},cat" for line in lines))
    with pytest.raises(ProjectionError, match=r"^samples must have 4 features"):
        predict(run, "wide.csv", None)


def test_arrays_in_memory_are_gone(run: str, tmp_path: Path) -> None:
    own = Checkpoint.load(tmp_path / "run" / "checkpoint.npz")
    Checkpoint(own.network, own.projection, own.class_names, type(own.origin)(), 0).save(tmp_path / "c.npz")
    with pytest.raises(CheckpointError, match=r"^this network was trained on arrays in memory, which are gone;"):
        predict("c.npz", None, None)
    assert predict("c.npz", "own.npz", None)["rows"] == "all"


def test_the_command(run: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["predict", run, "--confusion"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("12 samples of own.npz (test rows of 60): accuracy ")
    assert [line.split()[0] for line in lines[1:]] == ["true", "cat", "dog", "emu"]
    assert sum(int(cell) for line in lines[2:] for cell in line.split()[1:]) == 12
    np.savez("bare.npz", X=X)
    assert main(["predict", run, "--data", "bare.npz", "--confusion"]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "60 samples of bare.npz (all rows)", "note: there is no confusion matrix, because the data have no labels"
    ]  # fmt: skip
    assert main(["predict", run, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["confusion"] is None


def test_classes_are_written_whole_or_not_at_all(
    run: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert main(["predict", run, "-o", "-"]) == 0
    said = capsys.readouterr()
    assert set(said.out.split()) <= {"cat", "dog", "emu"}
    assert len(said.out.splitlines()) == 12
    assert said.err.startswith("12 samples of own.npz (test rows of 60): accuracy ")
    assert main(["predict", run, "-o", "/dev/full"]) == 1
    assert capsys.readouterr().err == "deep3: /dev/full: cannot be written: No space left on device\n"
    assert main(["predict", run, "-o", "nosuch/classes"]) == 1
    assert capsys.readouterr().err == "deep3: nosuch/classes: cannot be written: there is no folder nosuch\n"
    (tmp_path / "classes").write_text("before")

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(Path, "write_bytes", full)
        assert main(["predict", run, "-o", "classes"]) == 1
    assert capsys.readouterr().err == "deep3: classes: cannot be written: No space left on device\n"
    assert (tmp_path / "classes").read_text() == "before"
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["classes", "own.npz", "run"]
