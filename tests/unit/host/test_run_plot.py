"""The picture of a run: drawn from any folder, whole, cut short or of many workers, without a warning."""

import warnings
from pathlib import Path

import pytest
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.image import imread
from run_folders import describe, made_up_run, write_events

from deep3.host.cli import main
from deep3.host.records.events import Event, Started, Stopped, WorkerLost
from deep3.host.reports.run_plot import plot_run


def draw(folder: Path, joint: list[Event], reference: list[Event] = []) -> Figure:  # noqa: B006
    for label, events in (("joint", joint), ("reference", reference)):
        write_events(folder, events, label)
    figures: list[Figure] = []
    original = Figure.savefig

    def keep(figure: Figure, *arguments: object) -> None:
        figures.append(figure)
        original(figure, *arguments)  # type: ignore[arg-type]

    with pytest.MonkeyPatch.context() as patch, warnings.catch_warnings():
        warnings.simplefilter("error")
        patch.setattr(Figure, "savefig", keep)
        assert plot_run(folder) == folder / "plot.png"
    assert imread(folder / "plot.png").shape[:2] == (630, 1650)
    return figures[0]


def texts(axes: Axes) -> list[str]:
    return [text.get_text() for text in axes.texts]


def test_the_title_names_data_network_and_both_accuracies(tmp_path: Path) -> None:
    describe(tmp_path, ("cpu-1",))
    figure = draw(tmp_path, made_up_run(("cpu-1",), 8, 0.1), made_up_run(("float32",), 3, 0.1))
    assert figure.get_suptitle() == (
        "digits, 64-8-10: 90.00 % test accuracy in the joint run, 80.00 % in float32"
    )


@pytest.mark.parametrize(("pace_s", "scale"), [(0.1, "linear"), (0.01, "log")])
def test_a_much_faster_run_is_no_sliver(tmp_path: Path, pace_s: float, scale: str) -> None:
    describe(tmp_path, ("cpu-1",))
    figure = draw(tmp_path, made_up_run(("cpu-1",), 8, 0.1), made_up_run(("float32",), 8, pace_s))
    clock = figure.axes[1]
    assert clock.get_xscale() == scale
    left, right = clock.get_xlim()
    ends = [clock.transData.transform((line.get_xdata()[-1], 0))[0] for line in clock.lines]  # type: ignore[index]
    width = clock.transData.transform((right, 0))[0] - clock.transData.transform((left, 0))[0]
    start = clock.transData.transform((left, 0))[0]
    assert all(end - start > 0.2 * width for end in ends)


def test_workers_show_their_time_of_a_push_and_who_was_lost(tmp_path: Path) -> None:
    names = ("cpu-1", "board:10.0.0.7", "golden-1")
    describe(tmp_path, names)
    events = [*made_up_run(names[:2], 6, 0.1), WorkerLost(6, "board:10.0.0.7", "gone")]
    events[0] = Started(0, 6, names)
    figure = draw(tmp_path, events)
    assert texts(figure.axes[2]) == ["3 pushes, busy 100 %", "3 pushes, busy 100 %, lost", "0 pushes"]


def test_a_run_that_ended_at_once_has_a_plot(tmp_path: Path) -> None:
    describe(tmp_path, ("cpu-1",))
    draw(tmp_path, [Started(0, 8, ("cpu-1",)), Stopped(0, "interrupted", 0.0)])


def test_many_workers_and_no_test_samples(tmp_path: Path) -> None:
    names = tuple(f"cpu-{n + 1}" for n in range(64))
    describe(tmp_path, names)
    figure = draw(tmp_path, made_up_run(names, 128, 0.1, tested=False))
    assert "validation accuracy" in figure.get_suptitle()
    assert texts(figure.axes[2]) == []


def test_names_in_any_script_draw_without_a_warning(tmp_path: Path) -> None:
    describe(tmp_path, ("cpu-1",), "数字 𓀀 ☃")
    draw(tmp_path, made_up_run(("cpu-1",), 4, 0.1))


def test_the_command_draws_again_and_refuses_what_is_no_run(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    describe(tmp_path, ("cpu-1",))
    draw(tmp_path, made_up_run(("cpu-1",), 4, 0.1))
    (tmp_path / "plot.png").unlink()
    assert main(["plot", str(tmp_path)]) == 0
    assert capsys.readouterr().out == f"{tmp_path}/plot.png\n"
    assert (tmp_path / "plot.png").exists()
    assert main(["plot", str(tmp_path / "none")]) == 1
    assert capsys.readouterr().err == (
        f"deep3: {tmp_path}/none: not the folder of a run: settings.json: No such file or directory\n"
    )
