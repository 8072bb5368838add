"""What sizing tells its user to do: commands that parse, agree with its answer and train; warnings that hold."""

import json
from pathlib import Path

import matplotlib
import pytest
from matplotlib.figure import Figure

from deep3.cost_model.boards import load_board
from deep3.cost_model.design import Task
from deep3.cost_model.local_network import GlobalNetwork, LocalNetwork, chain, losses_of_accuracy
from deep3.cost_model.sizing import size
from deep3.host.cli import main
from deep3.host.reports.sizing import board_report
from deep3.host.reports.sizing_plot import plot_sizing

MNIST = GlobalNetwork(784, (500, 200), 10)


def report_of(network: GlobalNetwork, board: str, **task: object) -> dict[str, object]:
    designs = size(Task(network, **task), load_board(board))  # type: ignore[arg-type]
    return board_report(designs, None, False)


def test_a_network_too_small_to_learn_is_said_so_with_what_helps(capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["size", "--board", "colorlight-5a-75b", "--features", "784", "--hidden", "500,200", "--classes", "10"]
    assert main([*arguments, "--batch", "100"]) == 0
    out = capsys.readouterr().out
    assert "warning: this local network is likely too small to learn: 12 of 784 inputs, fewer than 64; 16% of" in out
    assert "what helps: --batch 25 or --board arty-a7-100 or " in out
    assert main([*arguments, "--batch", "25", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["too_small"] == []


@pytest.mark.parametrize(
    ("sizes", "ratio", "found"),
    [
        ((784, 500, 200, 10), 1.0, []),
        ((64, 125, 50, 10), 0.25, []),
        ((63, 125, 50, 10), 0.25, ["63 of 784 inputs, fewer than 64"]),
        ((64, 78, 31, 10), 0.15625, ["16% of the hidden neurons, less than 25%"]),
        ((64, 125, 4, 10), 0.25, ["a layer of 4 neurons for 10 classes, fewer than 5"]),
    ],
)
def test_the_rule(sizes: tuple[int, ...], ratio: float, found: list[str]) -> None:
    assert losses_of_accuracy(LocalNetwork(sizes, ratio), MNIST) == found


def test_a_whole_network_is_never_too_small() -> None:
    for network in (GlobalNetwork(4, (1,), 10), GlobalNetwork(1, (), 2), MNIST):
        assert losses_of_accuracy(chain(network)[0], network) == []


@pytest.mark.parametrize("board", ["colorlight-5a-75b", "ecpix5-85f", "arty-a7-100"])
def test_the_picture(board: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    drawn: list[Figure] = []
    monkeypatch.setattr("matplotlib.pyplot.close", drawn.append)
    plot_sizing(size(Task(GlobalNetwork(617, (200,), 26)), load_board(board)), tmp_path / "sizing.png")
    (figure,) = drawn
    front, plan, roofline = figure.axes
    for axes in figure.axes:
        labels = [text.get_text() for text in axes.get_legend().get_texts()]
        assert len(set(labels)) == len(labels)
    roof, *points = roofline.get_lines()
    for point in points:
        (x,), (y,) = point.get_data()
        assert y <= 1.001 * min(x * roof.get_ydata()[0] / roof.get_xdata()[0], max(roof.get_ydata()))
    names = [text.get_window_extent() for text in front.texts]
    assert names
    assert not any(name.count_overlaps(names) > 1 for name in names)
    assert len({text.xy for text in front.texts}) == len(front.texts)
    assert plan.get_title().startswith(("DP16KD", "RAMB36E1"))
    matplotlib.pyplot.close("all")
    assert (tmp_path / "sizing.png").stat().st_size > 10_000


def test_a_picture_of_an_unknown_kind_is_refused_before_anything(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    engine = tmp_path / "engine.toml"
    arguments = ["--features", "64", "--hidden", "8", "--classes", "10", "-o", str(engine)]
    assert main(["size", "--board", "ecpix5-85f", *arguments, "--picture", "x.xyz"]) == 2
    assert "--picture: must end in .png, .pdf, .svg, not 'x.xyz'" in capsys.readouterr().err
    assert not engine.exists()


def test_a_limit_beyond_reach_names_the_documented_default(capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["size", "--board", "ecpix5-85f", "--features", "617", "--hidden", "200", "--classes", "26"]
    assert main([*arguments, "--max-seconds", "1e-9"]) == 1
    assert " with 1 worker and " in capsys.readouterr().err
    assert main([*arguments, "--max-seconds", "1e-3", "--workers", "2"]) == 1
    assert capsys.readouterr().err.endswith(" s with 2 workers; the limit is 0.001 s\n")
