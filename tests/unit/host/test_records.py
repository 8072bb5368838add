"""Records of a run: events written and read back, folded into curve and contributions, damaged ones named."""

import dataclasses
import json
import sys
from collections import defaultdict
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tensorboard.backend.event_processing.event_file_loader import EventFileLoader
from tensorboard.util import tensor_util

from deep3.host.records.events import (
    EVENTS_FILE,
    Evaluated,
    Event,
    EventWriter,
    Finished,
    RecordError,
    Scored,
    Started,
    Stopped,
    Updated,
    WorkerLost,
    forget_after,
    read_events,
    read_records,
)
from deep3.host.records.history import History, read_histories
from deep3.host.records.pace import Pace
from deep3.host.records.recorder import Recorder
from deep3.host.records.run_folder import RunDescription, new_run_folder


def updated(iteration: int, worker: str = "a", seconds: float = 1.0) -> Updated:
    return Updated(iteration, worker, 0.1, 2, 12, 6, 100, 1, 0.25, 1000 * iteration, seconds * iteration)


def evaluated(iteration: int, accuracy: float, loss: float = 1.0) -> Evaluated:
    return Evaluated(iteration, accuracy, loss, 30, 1000 * iteration, 1.0 * iteration)


RUN: list[Event] = [
    Started(0, 4, ("a", "b")),
    evaluated(0, 0.1),
    updated(1),
    updated(2, "b"),
    evaluated(2, 0.8, loss=0.5),
    WorkerLost(2, "b", "the cable was pulled"),
    updated(3),
    evaluated(3, 0.8, loss=0.4),
    updated(4),
    evaluated(4, 0.7),
    Finished(4, "epochs", 4.5),
]


def write(folder: Path, events: list[Event], run: str = "joint") -> None:
    with EventWriter(folder, run) as writer:
        for event in events:
            writer.write(event)


words = st.text(max_size=20)
numbers = st.integers(0, 2**60)
floats = st.floats(0, 1e9)
events = st.one_of(
    st.builds(Started, numbers, numbers, st.lists(words, max_size=3).map(tuple), floats),
    st.builds(
        Updated, numbers, words, floats, *[numbers] * 5, floats, numbers, floats,
        st.none() | numbers, st.none() | floats, *[st.none() | numbers] * 2,
    ),
    st.builds(
        Evaluated, numbers, floats, floats, numbers, numbers, floats, st.none() | floats, st.none() | numbers
    ),
    st.builds(Scored, numbers, floats, numbers, floats),
    st.builds(WorkerLost, numbers, words, words, st.none() | floats),
    st.builds(Finished, numbers, words, floats),
    st.builds(Stopped, numbers, words, floats),
)


@settings(max_examples=50)
@given(st.lists(st.tuples(st.sampled_from(["joint", "reference"]), events), max_size=8))
def test_events_are_read_as_they_were_written(
    tmp_path_factory: pytest.TempPathFactory, told: list[tuple[str, Event]]
) -> None:
    folder = tmp_path_factory.mktemp("run")
    write(folder, [])
    for run, event in told:
        write(folder, [event], run)
    assert read_events(folder) == told


def test_every_line_names_schema_run_and_event(tmp_path: Path) -> None:
    write(tmp_path, RUN)
    lines = [json.loads(line) for line in (tmp_path / EVENTS_FILE).read_text().splitlines()]
    assert {line["schema"] for line in lines} == {1}
    assert {line["run"] for line in lines} == {"joint"}
    assert [line["event"] for line in lines[:3]] == ["started", "evaluated", "updated"]


def test_a_history_adds_up_what_happened(tmp_path: Path) -> None:
    write(tmp_path, RUN)
    history = read_histories(tmp_path)["joint"]
    assert history.best == RUN[7]
    assert [event.iteration for event in history.evaluations] == [0, 2, 3, 4]
    one, other = history.contributions["a"], history.contributions["b"]
    assert (one.updates, one.batches, one.engine_cycles, one.clipped) == (3, 6, 300, 3)
    assert (one.seconds, one.lost) == (pytest.approx(0.75), None)
    assert (other.updates, other.lost) == (1, "the cable was pulled")
    assert (history.iteration, history.seconds, history.ended, history.finished) == (4, 4.5, "epochs", True)


def test_a_run_that_goes_on_forgets_what_happens_again(tmp_path: Path) -> None:
    write(tmp_path, RUN[:9])
    write(tmp_path, RUN, "reference")
    write(tmp_path, [Stopped(4, "interrupted", 4.0)])
    forget_after(tmp_path, "joint", 2)
    told = read_events(tmp_path)
    assert [event for run, event in told if run == "joint"] == RUN[:6]
    assert [event for run, event in told if run == "reference"] == RUN
    assert sorted(path.name for path in tmp_path.iterdir()) == [EVENTS_FILE]
    forget_after(tmp_path, "joint", -1)
    assert {run for run, _ in read_events(tmp_path)} == {"reference"}


def test_a_last_line_that_was_cut_is_left_out(tmp_path: Path) -> None:
    write(tmp_path, RUN)
    path = tmp_path / EVENTS_FILE
    assert read_records(tmp_path) == ([("joint", event) for event in RUN], 0)
    path.write_text(path.read_text()[:-20])
    assert [event for _, event in read_events(tmp_path)] == RUN[:-1]
    assert read_records(tmp_path) == ([("joint", event) for event in RUN[:-1]], 1)


def test_records_of_earlier_versions_lack_when_and_how_many_words(tmp_path: Path) -> None:
    write(tmp_path, [updated(3), WorkerLost(3, "a", "gone")])
    path = tmp_path / EVENTS_FILE
    told = [json.loads(line) for line in path.read_text().splitlines()]
    for name in ("began_iteration", "began_seconds", "words_to_worker", "words_from_worker"):
        assert told[0].pop(name) is None
    assert told[1].pop("seconds") is None
    path.write_text("".join(json.dumps(line) + "\n" for line in told))
    assert [event for _, event in read_events(tmp_path)] == [updated(3), WorkerLost(3, "a", "gone")]


def test_staleness_counts_the_updates_of_others() -> None:
    assert updated(3).staleness is None
    assert dataclasses.replace(updated(3), began_iteration=2).staleness == 0
    assert dataclasses.replace(updated(9), began_iteration=2).staleness == 6


@pytest.mark.parametrize("line", ["{}", "[]", "x", '{"schema": 9, "run": "joint", "event": "finished"}'])
def test_a_line_that_is_no_event_is_named(tmp_path: Path, line: str) -> None:
    write(tmp_path, RUN[:2])
    path = tmp_path / EVENTS_FILE
    path.write_text(path.read_text() + line + "\n")
    with pytest.raises(RecordError) as caught:
        read_events(tmp_path)
    assert str(caught.value) == f"{path}: line 3 is no event of schema 1: {line[:60]!r}"


def test_records_that_are_not_there(tmp_path: Path) -> None:
    with pytest.raises(RecordError, match="cannot read the records of the run: No such file"):
        read_events(tmp_path)
    with pytest.raises(RecordError, match=r"not the folder of a run: settings\.json: No such file"):
        RunDescription.load(tmp_path)
    (tmp_path / "settings.json").write_text("{}")
    with pytest.raises(RecordError, match=r"settings\.json is damaged, or of another version"):
        RunDescription.load(tmp_path)


def test_a_description_is_read_as_it_was_written(tmp_path: Path) -> None:
    description = RunDescription({"data": "数字"}, "数字", "01", (4, 3), (4, 3), ("a",), 2, {"deep3": "1"}, ("x", "y"))
    description.save(tmp_path)
    assert RunDescription.load(tmp_path) == description


def test_run_folders_of_one_second_differ(tmp_path: Path) -> None:
    assert len({new_run_folder(tmp_path, "digits") for _ in range(3)}) == 3


def test_the_best_network_is_kept_whenever_there_is_a_better_one(tmp_path: Path) -> None:
    saved: list[int] = []
    with Recorder(tmp_path, "joint", History(), saved.append, lambda: None) as recorder:
        for event in RUN:
            recorder(event)
    assert saved == [0, 2, 3]
    assert [event for _, event in read_events(tmp_path)] == RUN


@pytest.mark.parametrize("end", [Finished(4, "epochs", 4.5), Stopped(4, "interrupted", 4.5)])
def test_the_best_network_is_tested_once_before_the_run_ends(tmp_path: Path, end: Event) -> None:
    tested = Scored(4, 0.75, 40, 4.5)
    with Recorder(tmp_path, "joint", History(), lambda _: None, lambda: tested) as recorder:
        for event in [*RUN[:-1], end]:
            recorder(event)
        assert recorder.history.scored == tested
        recorder(evaluated(5, 0.9))
    assert recorder.history.scored is None, "a better network has not been tested"
    assert [event for _, event in read_events(tmp_path)] == [*RUN[:-1], tested, end, evaluated(5, 0.9)]


@pytest.mark.parametrize("is_slow", [False, True])
def test_tensorboard_has_what_the_records_have_between_two_validations(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, is_slow: bool
) -> None:
    """Whenever it is written: at its pace, or all of it at the end."""
    monkeypatch.setattr(Pace, "is_due", is_slow)
    with Recorder(tmp_path, "joint", History(), lambda _: None, lambda: Scored(4, 0.75, 40, 4.5)) as recorder:
        for event in RUN:
            recorder(event)
    (file,) = (tmp_path / "tensorboard" / "joint").iterdir()
    found = defaultdict(list)
    for record in EventFileLoader(str(file)).Load():
        for value in record.summary.value:
            found[value.tag].append((record.step, tensor_util.make_ndarray(value.tensor).item()))
    assert found == {
        "accuracy/validation": [(0, near(0.1)), (2, near(0.8)), (3, near(0.8)), (4, near(0.7))],
        "loss/validation": [(0, 1.0), (2, 0.5), (3, near(0.4)), (4, 1.0)],
        "rate": [(2, near(0.1)), (3, near(0.1)), (4, near(0.1))],
        "training accuracy/a": [(2, 0.5), (3, 0.5), (4, 0.5)],
        "training accuracy/b": [(2, 0.5)],
        "accuracy/test": [(4, 0.75)],
    }


def near(value: float) -> object:
    return pytest.approx(value, rel=1e-6)


def test_work_beside_training_takes_its_share_of_the_time(monkeypatch: pytest.MonkeyPatch) -> None:
    now_s = [100.0]
    monkeypatch.setattr("time.monotonic", lambda: now_s[0])
    pace = Pace()

    def becomes_due(after_s: float) -> bool:
        now_s[0] += after_s - 0.001
        early = pace.is_due
        now_s[0] += 0.002
        return not early and pace.is_due

    assert becomes_due(1.0)
    with pace.working():
        now_s[0] += 0.01
    assert becomes_due(1.0)
    with suppress(RecordError), pace.working():
        now_s[0] += 0.5
        raise RecordError
    assert becomes_due(10.0)


def test_without_tensorboard_one_line_says_so(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "tensorboard", None)
    with Recorder(tmp_path, "joint", History(), lambda _: None, lambda: None) as recorder:
        for event in RUN:
            recorder(event)
    assert capsys.readouterr().err.count("deep3: no TensorBoard events: pip install tensorboard brings them\n") == 1
    assert [path.name for path in tmp_path.iterdir()] == [EVENTS_FILE]
