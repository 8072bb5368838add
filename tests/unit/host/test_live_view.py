"""The live view: what it shows of a sequence of events, a terminal that is given back whole, training that never
waits for it; and the bar as before wherever nobody watches."""

import io
import re
import signal
import sys
import threading
from contextlib import suppress
from pathlib import Path

import pytest
from rich.console import Console
from run_folders import made_up_run
from terminal import run_on_terminal

from deep3.host.cli.train import _make_progress
from deep3.host.records.events import Event, Finished, Started, Stopped, Updated, WorkerLost
from deep3.host.records.history import History
from deep3.host.records.progress import ProgressBar
from deep3.host.records.recorder import Recorder
from deep3.host.reports.live_view import LiveView

HIDE, SHOW = "\x1b[?25l", "\x1b[?25h"
CODES = re.compile(r"\x1b\[[?\d;]*[a-zA-Z]|\r")
NAMES = ("cpu-1", "board:[::1]:4660")


def draw(events: list[Event], height: int = 40) -> str:
    """All that is written to a terminal."""
    file = io.StringIO()
    console = Console(file=file, force_terminal=True, width=100, height=height, color_system=None)
    with LiveView("joint", console) as view:
        for event in events:
            view(event)
    return file.getvalue()


def last_screen(written: str) -> list[str]:
    """Lines of the last picture."""
    text = CODES.sub("", written)
    return text[text.rindex("joint run") :].splitlines()


def test_it_shows_the_curve_the_speed_and_every_worker() -> None:
    lines = last_screen(draw([*made_up_run(NAMES, 8, 0.5), Finished(8, "epochs", 4.0)]))
    assert re.match(r"joint run +━+ +8 of 8 pushes, 4.0 s, epochs$", lines[0].rstrip())
    assert lines[1].rstrip() == "validation 90.00 % (best 90.00 %)  loss 0.1111  test of the best 90.00 %"
    # 8 pushes of 64 samples, 60 of them right, in 4 s.
    assert lines[2].rstrip() == "training 93.75 %  128 samples/s  rate 0.1"
    assert lines[3].split() == ["worker", "state", "pushes", "share", "busy", "ms", "a", "push", "staleness"]
    # Pushes 2, 4, 6, 8 took 1.5, 1, 0.5 and 1.5 s of 4, pushes 1, 3, 5, 7 took 1, 0.5, 1.5 and 1 s.
    assert lines[4].split() == ["cpu-1", "done", "4", "50", "%", "112", "%", "1,125", "1.0"]
    assert lines[5].split() == ["board:[::1]:4660", "done", "4", "50", "%", "100", "%", "1,000", "0.8"]


def test_a_lost_worker_is_said_in_a_line_above_and_marked() -> None:
    events = [*made_up_run(NAMES, 4, 0.5), WorkerLost(4, NAMES[1], "[b]does not answer[/b]", 2.1)]
    written = draw([*events, Stopped(4, "interrupted", 2.2)])
    text = CODES.sub("", written)
    assert text.splitlines()[0].rstrip() == f"deep3: worker {NAMES[1]} is lost: [b]does not answer[/b]"
    lines = last_screen(written)
    assert lines[0].rstrip().endswith("4 of 4 pushes, 2.2 s, interrupted")
    assert [line.split()[:2] for line in lines[4:6]] == [[NAMES[1], "lost"], ["cpu-1", "done"]]


def test_under_way_there_is_a_time_left_and_who_is_quiet() -> None:
    events: list[Event] = [Started(10, 40, NAMES, 100.0), Updated(11, "cpu-1", 0.1, 2, 64, 60, 0, 0, 3.0, 10, 104.0)]
    lines = last_screen(draw(events))
    # One push in 4 s, and 29 to come.
    minutes, seconds = map(int, re.findall(r"11 of 40 pushes, 1:4\d, (\d+):(\d\d) left", lines[0])[0])
    assert 116 <= 60 * minutes + seconds <= 145
    assert lines[4].startswith("cpu-1")
    assert "at work" in lines[4]
    assert re.search(r"at work for \d\.\d s", lines[5])


def test_there_are_no_more_lines_than_the_terminal_has() -> None:
    names = tuple(f"cpu-{n + 1}" for n in range(64))
    written = draw([*made_up_run(names, 70, 0.1), WorkerLost(70, "cpu-64", "gone", 7.0)], height=20)
    lines = [line.rstrip() for line in last_screen(written)]
    assert len(lines) < 20
    assert lines[4].split()[:2] == ["cpu-64", "lost"]
    assert lines[-1] == "and 53 more"


def test_a_run_without_events_and_an_error_leave_the_terminal_whole() -> None:
    assert draw([]).count(HIDE) == draw([]).count(SHOW) == 1
    file = io.StringIO()
    with suppress(KeyboardInterrupt), LiveView("joint", Console(file=file, force_terminal=True)) as view:
        view(Started(0, 4, NAMES))
        raise KeyboardInterrupt
    assert file.getvalue().rindex(SHOW) > file.getvalue().rindex(HIDE)
    assert sys.stderr.__class__.__module__ != "rich.file_proxy"


class Stuck(io.StringIO):
    """A terminal that takes nothing until it is let."""

    def __init__(self) -> None:
        super().__init__()
        self.is_asked, self.may_write = threading.Event(), threading.Event()

    def write(self, text: str) -> int:
        self.is_asked.set()
        assert self.may_write.wait(60)
        return super().write(text)


def test_training_does_not_wait_for_the_terminal() -> None:
    file = Stuck()
    with LiveView("joint", Console(file=file, force_terminal=True, width=100)) as view:
        assert file.is_asked.wait(60)
        for event in made_up_run(NAMES, 100, 0.1):
            view(event)
        assert file.getvalue() == ""
        file.may_write.set()
    assert "100 of 100 pushes" in file.getvalue()


class Gone(io.StringIO):
    """A terminal that was closed."""

    def write(self, text: str) -> int:
        raise OSError(5, "Input/output error")


def test_a_terminal_that_has_gone_away_ends_no_run() -> None:
    with LiveView("joint", Console(file=Gone(), force_terminal=True)) as view:
        for event in made_up_run(NAMES, 4, 0.1):
            view(event)
    assert not view._thread.is_alive()


def test_the_recorder_shows_what_it_records(tmp_path: Path) -> None:
    shown: list[Event] = []

    class Keeping(ProgressBar):
        def __call__(self, event: Event) -> None:
            shown.append(event)

    events = made_up_run(NAMES, 4, 0.1)
    with Recorder(tmp_path, "joint", History(), lambda _: None, lambda: None, Keeping) as recorder:
        for event in events:
            recorder(event)
    assert shown == events


@pytest.mark.parametrize(
    ("as_json", "output", "errors", "terminal", "expected"),
    [
        (False, True, True, "xterm", LiveView),
        (True, True, True, "xterm", ProgressBar),
        (False, False, True, "xterm", ProgressBar),
        (False, True, False, "xterm", ProgressBar),
        (False, True, True, "dumb", ProgressBar),
    ],
)
def test_the_view_is_for_those_who_watch(
    monkeypatch: pytest.MonkeyPatch, as_json: bool, output: bool, errors: bool, terminal: str, expected: type
) -> None:
    monkeypatch.setattr(sys.stdout, "isatty", lambda: output)
    monkeypatch.setattr(sys.stderr, "isatty", lambda: errors)
    monkeypatch.setenv("TERM", terminal)
    assert _make_progress(as_json) is expected


@pytest.mark.parametrize(
    ("number", "status", "word"), [(signal.SIGINT, 130, "interrupted"), (signal.SIGTERM, 143, "terminated")]
)
def test_a_signal_leaves_the_terminal_whole_and_one_line(
    tmp_path: Path, number: int, status: int, word: str
) -> None:
    arguments = ["train", "digits", "--hidden", "8", "--epochs", "100000", "--runs", str(tmp_path)]
    ended, written = run_on_terminal(arguments, tmp_path, " pushes, ", number)
    assert ended == status
    assert written.count(HIDE) == written.count(SHOW) == 1
    behind = CODES.sub("", written[written.rindex(SHOW) :]).replace("\n", "")
    (folder,) = tmp_path.iterdir()
    assert behind == (
        f"deep3: {word}; run folder: {folder} (plot.png, checkpoint.npz); deep3 train --resume {folder} goes on"
    )
    assert f", {word}" in last_screen(written)[0]
