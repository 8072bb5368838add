"""The page of a run: of any folder, whole, interrupted or old; its numbers are those of the records; it needs nothing
from outside."""

import json
import re
import warnings
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from run_folders import describe, made_up_run, write_events

from deep3.host.cli import main
from deep3.host.records.events import EVENTS_FILE, Event, Finished, Started, Stopped, Updated, WorkerLost
from deep3.host.reports.run_figures import busy_shares
from deep3.host.reports.run_numbers import WorkerNumbers
from deep3.host.training.run import train
from deep3.host.training.settings import TrainSettings

VOID = {"meta", "img", "br"}


class Page(HTMLParser):
    """Refuses tags that are not closed, and gathers what a page refers to, its headings and its texts."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.references: list[str] = []
        self.pictures: list[str] = []
        self.texts: list[str] = []
        self.tags: set[str] = set()
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        if tag not in VOID:
            self.open.append(tag)
        for name, value in attributes:
            if name in ("src", "href", "srcset", "data", "action"):
                self.references.append(value or "")
            if name == "alt":
                self.pictures.append(value or "")

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.texts.append(data)


def report(capsys: pytest.CaptureFixture[str], folder: Path) -> tuple[dict[str, Any], Page]:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert main(["report", str(folder), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    text = (folder / "report.html").read_text("utf-8")
    page = Page(text)
    assert page.references
    assert all(reference.startswith("data:image/svg+xml;base64,") for reference in page.references)
    assert not page.tags & {"script", "link", "iframe", "object"}
    assert not re.search(r"url\(|@import|https?:", re.sub(r"base64,[\w+/=]*", "", text))
    return found, page


def lines(folder: Path, run: str, event: str) -> list[dict[str, Any]]:
    """The records, read without the code under test."""
    told = [json.loads(line) for line in (folder / EVENTS_FILE).read_text().split("\n")[:-1]]
    return [line for line in told if (line["run"], line["event"]) == (run, event)]


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a run of a CPU and an engine, with projection and reference."""
    runs = tmp_path_factory.mktemp("runs")
    settings = TrainSettings(
        "digits", hidden=(12,), workers=("cpu:1", "golden:1"), epochs=2, projection=0.5, reference=True,
        ratio=0.5, runs=str(runs),
    )  # fmt: skip
    return Path(str(train(settings)["run"]))


def test_every_number_of_a_finished_run_is_that_of_its_records(
    trained: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found, page = report(capsys, trained)
    for name in ("joint", "reference"):
        run, updates, validations = found[name], lines(trained, name, "updated"), lines(trained, name, "evaluated")
        assert (run["state"], run["ended"]) == ("finished", "epochs")
        assert (run["iterations"], run["multiply_adds"]) == (len(updates), updates[-1]["multiply_adds"])
        assert run["seconds"] == lines(trained, name, "finished")[-1]["seconds"]
        assert run["planned_iterations"] == lines(trained, name, "started")[0]["iterations"]
        for way in ("words_to_worker", "words_from_worker"):
            assert run[f"{way}s"] == sum(line[way] for line in updates) > 0
        for point, line in zip(run["points"], validations, strict=True):
            words = [
                update["words_to_worker"] + update["words_from_worker"]
                for update in updates
                if update["iteration"] <= line["iteration"]
            ]
            assert point.pop("words") == sum(words)
            assert point.items() <= line.items()
        best = max(range(len(validations)), key=lambda n: (
            validations[n]["validation_accuracy"], -validations[n]["validation_loss"], -n
        ))  # fmt: skip
        assert run["best"] == best
        samples = sum(line["samples"] for line in updates)
        for worker, numbers in run["workers"].items():
            own = [line for line in updates if line["worker"] == worker]
            for key in ("batches", "samples", "correct", "clipped", "engine_cycles"):
                assert numbers[key] == sum(line[key] for line in own)
            assert numbers["share"] == sum(line["samples"] for line in own) / samples
            assert numbers["busy"] == pytest.approx(sum(line["worker_seconds"] for line in own) / run["seconds"])
            assert numbers["push_seconds"] == [line["worker_seconds"] for line in own]
            assert numbers["push_began_seconds"] == [line["began_seconds"] for line in own]
            assert numbers["push_batches"] == [line["batches"] for line in own]
            assert numbers["push_staleness"] == [line["iteration"] - 1 - line["began_iteration"] for line in own]
            assert (numbers["lost"], numbers["lost_seconds"]) == (None, None)
    assert (found["notes"], found["cut_lines"]) == ([], 0)
    headings = {"Learning", "Workers", "Engines: predicted and measured", "Projection", "Confusion", "How it was made"}
    assert headings <= set(page.texts)
    assert len(page.pictures) == 4
    described = json.loads((trained / "settings.json").read_text())
    for key in ("settings", "versions", "sizes", "local_sizes", "clipped_inputs", "data"):
        assert found[key] == described[key]


def test_the_golden_engine_takes_the_cycles_that_are_predicted(
    trained: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    workers = report(capsys, trained)[0]["joint"]["workers"]
    assert workers["golden-1"]["predicted_cycles"] == workers["golden-1"]["engine_cycles"] > 0
    assert workers["cpu-1"]["predicted_cycles"] is None


def test_the_confusion_is_that_of_the_network_that_was_kept(trained: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = report(capsys, trained)[0]
    best = lines(trained, "joint", "evaluated")[found["joint"]["best"]]
    counts = np.array(found["confusion"]["counts"])
    assert (found["confusion"]["part"], found["confusion"]["iteration"]) == ("test", best["iteration"])
    (tested,) = lines(trained, "joint", "scored")
    assert counts.sum() == tested["samples"]
    assert counts.trace() / counts.sum() == tested["accuracy"] == found["joint"]["test_accuracy"]
    kept = trained / "confusion.json"
    text = kept.read_text()
    try:
        kept.unlink()
        assert report(capsys, trained)[0]["confusion"] == found["confusion"]
        kept.write_text("{}")
        damaged = report(capsys, trained)[0]
        assert (damaged["confusion"], damaged["notes"]) == (None, [f"no confusion matrix: {kept}: damaged"])
    finally:
        kept.write_text(text)


def test_the_spectrum_is_that_of_the_coefficients(trained: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from deep3.host.data import load
    from deep3.host.training.prepare import prepare

    found = report(capsys, trained)[0]["projection"]
    settings = TrainSettings("digits", hidden=(12,), projection=0.5)
    dataset = load("digits")
    prepared = prepare(dataset, settings)
    assert prepared.projection.basis is not None
    x = dataset.x_train[prepared.rows].astype(np.float64)
    exact = ((x - x.mean(axis=0)) @ prepared.projection.basis).var(axis=0)
    assert found["energies"] == pytest.approx(exact.tolist(), rel=1e-3)
    assert found["sample_energy"] == pytest.approx(x.var(axis=0).sum())
    # No sample is further from the dictionary than half its length.
    assert 1 - 0.5**2 <= found["captured"] == sum(found["energies"]) / found["sample_energy"] <= 1
    assert found["length"] == len(exact) < found["features"] == 64


def test_the_command_of_the_page_repeats_the_run(trained: Path, capsys: pytest.CaptureFixture[str]) -> None:
    command = report(capsys, trained)[0]["command"]
    assert command == (
        "deep3 train digits --hidden 12 --worker cpu:1 --worker golden:1 --ratio 0.5 --epochs 2 --projection 0.5 "
        "--reference"
    )


def test_the_page_of_the_same_folder_is_the_same(trained: Path, capsys: pytest.CaptureFixture[str]) -> None:
    page = trained / "report.html"
    report(capsys, trained)
    first = page.read_bytes()
    report(capsys, trained)
    assert page.read_bytes() == first


@given(
    st.lists(st.tuples(st.floats(0, 5), st.floats(0.001, 5)), min_size=1, max_size=30), st.integers(1, 200)
)
def test_the_timeline_holds_all_the_time_that_was_trained(pushes: list[tuple[float, float]], moments: int) -> None:
    worker, now_s = WorkerNumbers(), 0.0
    for waited_s, took_s in pushes:
        worker.push_began_seconds.append(now_s + waited_s)
        worker.push_seconds.append(took_s)
        now_s += waited_s + took_s
    shares = busy_shares(worker, now_s, moments)
    assert shares.min() >= 0
    assert shares.max() <= 1
    assert shares.sum() * now_s / moments == pytest.approx(sum(worker.push_seconds))
    before_s = worker.push_began_seconds[0]
    assert not shares[: int(moments * before_s / now_s * (1 - 1e-9))].any()


def test_a_run_that_was_interrupted_shows_who_was_lost_and_when(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    names = ("cpu-1", "board:<10.0.0.7>", "golden-1")
    describe(tmp_path, names)
    events: list[Event] = [*made_up_run(names[:2], 6, 0.1), WorkerLost(6, names[1], "gone & away", 0.7)]
    events[0] = Started(0, 9, names)
    write_events(tmp_path, [*events, Stopped(6, "interrupted", 0.8)])
    found, page = report(capsys, tmp_path)
    run = found["joint"]
    assert (run["state"], run["ended"]) == ("stopped", "interrupted")
    assert (run["iterations"], run["planned_iterations"]) == (6, 9)
    assert (run["workers"][names[1]]["lost"], run["workers"][names[1]]["lost_seconds"]) == ("gone & away", 0.7)
    assert run["workers"]["golden-1"]["push_seconds"] == []
    assert found["notes"] == ["no checkpoint.npz: neither spectrum, confusion nor predicted cycles"]
    assert "stopped (interrupted) after 6 of about 9 updates" in " ".join(page.texts)
    assert "lost: gone & away" in page.texts


def test_a_run_that_was_killed_has_a_cut_line_and_no_end(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    describe(tmp_path, ("cpu-1",))
    write_events(tmp_path, made_up_run(("cpu-1",), 4, 0.1, tested=False))
    whole = report(capsys, tmp_path)[0]
    path = tmp_path / EVENTS_FILE
    path.write_text(path.read_text()[:-20])
    found, page = report(capsys, tmp_path)
    assert (whole["cut_lines"], found["cut_lines"]) == (0, 1)
    assert "the last line of metrics.jsonl is cut, and was left out" in found["notes"]
    assert found["notes"][0] == "the run has not ended: it is under way, or was killed (deep3 train --resume goes on)"
    assert found["notes"][0] in page.texts
    assert found["joint"]["state"] == "unfinished"
    assert found["joint"]["points"] == whole["joint"]["points"][:-1]


def test_an_old_run_draws_what_it_has_and_says_what_it_lacks(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    describe(tmp_path, ("cpu-1", "cpu-2"))
    old = made_up_run(("cpu-1", "cpu-2"), 4, 0.1, is_old=True)
    write_events(tmp_path, [*old, WorkerLost(4, "cpu-2", "gone"), Finished(4, "epochs", 0.5)])
    path = tmp_path / EVENTS_FILE
    told = [json.loads(line) for line in path.read_text().splitlines()]
    names = ("began_iteration", "began_seconds", "words_to_worker", "words_from_worker")
    for line in told:
        for name in (*names, *(("seconds",) if line["event"] == "worker-lost" else ())):
            line.pop(name, None)
    path.write_text("".join(json.dumps(line) + "\n" for line in told))
    described = json.loads((tmp_path / "settings.json").read_text())
    del described["coefficient_energies"], described["sample_energy"]
    (tmp_path / "settings.json").write_text(json.dumps(described))
    found, page = report(capsys, tmp_path)
    run = found["joint"]
    assert found["notes"][:2] == [
        "records of an earlier version: when workers began is told from when their updates were added",
        "records of an earlier version: words and staleness are not known",
    ]
    assert (run["words_to_workers"], run["points"][-1]["words"], run["is_timed"]) == (None, None, False)
    assert run["workers"]["cpu-1"]["push_staleness"] == [None, None]
    # Updates 2 and 4 were added after 0.2 and 0.4 s, and had taken 0.3 and 0.2 s.
    assert run["workers"]["cpu-1"]["push_began_seconds"] == pytest.approx([0.0, 0.2])
    assert len(page.pictures) == 2


@pytest.mark.parametrize("pushes", [0, 1])
def test_a_run_that_hardly_began_has_a_page(tmp_path: Path, capsys: pytest.CaptureFixture[str], pushes: int) -> None:
    describe(tmp_path, ("cpu-1",))
    write_events(tmp_path, made_up_run(("cpu-1",), 4, 0.1)[: 1 + pushes])
    found, _ = report(capsys, tmp_path)
    assert len(found["joint"]["points"]) == pushes


def test_many_workers_and_names_in_any_script(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    names = tuple(f"cpu-{n + 1}" for n in range(64))
    describe(tmp_path, names, "数字 𓀀 <b>")
    write_events(tmp_path, made_up_run(names, 128, 0.1))
    _, page = report(capsys, tmp_path)
    assert any("数字 𓀀 <b>" in text for text in page.texts)


def refused(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert main(["report", *arguments]) == 1
    out, err = capsys.readouterr()
    assert (out, err.count("\n")) == ("", 1)
    return err.rstrip("\n")


def test_what_is_no_run_is_refused_in_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "none"
    assert refused(capsys, str(folder)) == (
        f"deep3: {folder}: not the folder of a run: settings.json: No such file or directory"
    )
    describe(folder, ("cpu-1",))
    assert "cannot read the records of the run: No such file" in refused(capsys, str(folder))
    write_events(folder, made_up_run(("cpu-1",), 4, 0.1))
    assert refused(capsys, str(folder), "-o", str(tmp_path / "no" / "page.html")) == (
        f"deep3: {tmp_path}/no/page.html: cannot be written: there is no folder {tmp_path}/no"
    )
    (folder / "settings.json").write_text("{}")
    assert "settings.json is damaged, or of another version" in refused(capsys, str(folder))
    describe(folder, ("cpu-1",))
    write_events(folder, [Updated(5, "gpu-9", 0.1, 2, 64, 60, 0, 0, 0.1, 10, 0.1)])
    assert refused(capsys, str(folder)) == (
        "deep3: the records name a worker that no run began with: 'gpu-9'"
    )
    (folder / EVENTS_FILE).write_text("{}\n")
    assert "line 1 is no event of schema 1: '{}'" in refused(capsys, str(folder))
    assert not (folder / "report.html").exists()


def test_a_damaged_checkpoint_is_said_on_the_page(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    describe(tmp_path, ("cpu-1",))
    write_events(tmp_path, made_up_run(("cpu-1",), 4, 0.1))
    np.savez(tmp_path / "checkpoint.npz", X=np.zeros(3))
    found, page = report(capsys, tmp_path)
    (note,) = [note for note in found["notes"] if str(tmp_path / "checkpoint.npz") in note]
    assert note.startswith("neither spectrum, confusion nor predicted cycles: ")
    assert note in page.texts


def test_the_page_on_standard_output(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    describe(tmp_path, ("cpu-1",))
    write_events(tmp_path, [*made_up_run(("cpu-1",), 4, 0.1), Finished(4, "epochs", 0.5)])
    assert main(["report", str(tmp_path), "-o", "-"]) == 0
    out, err = capsys.readouterr()
    assert Page(out).pictures
    assert err.startswith("note: no checkpoint.npz")
    assert not (tmp_path / "report.html").exists()
