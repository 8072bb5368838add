"""What sizing tells its user to do: commands that parse, agree with its answer and train; warnings that hold."""

import json
import re
import shlex
from pathlib import Path

import matplotlib
import pytest
from matplotlib.figure import Figure

import deep3
from deep3.compiler.network.subsample import local_sizes
from deep3.compiler.optimisers.optimiser import OPTIMISERS
from deep3.cost_model.boards import board_names, load_board
from deep3.cost_model.design import SizingError, Task
from deep3.cost_model.local_network import GlobalNetwork, LocalNetwork, chain, losses_of_accuracy
from deep3.cost_model.sizing import size
from deep3.hdl.contract.config import EngineConfig
from deep3.host.cli import main, make_parser
from deep3.host.reports.sizing import board_report
from deep3.host.reports.sizing_plot import plot_sizing

MNIST = GlobalNetwork(784, (500, 200), 10)


def report_of(network: GlobalNetwork, board: str, **task: object) -> dict[str, object]:
    designs = size(Task(network, **task), load_board(board))  # type: ignore[arg-type]
    return board_report(designs, None, False)


@pytest.mark.parametrize("board", board_names())
@pytest.mark.parametrize("batch", [32, 100])
def test_the_train_command_asks_for_the_network_that_was_sized(board: str, batch: int) -> None:
    report = report_of(MNIST, board, batch=batch)
    train = make_parser().parse_args(shlex.split(report["commands"]["train"])[1:])  # type: ignore[index]
    embedding = train.embedding or MNIST.features
    assert local_sizes((embedding, *train.hidden, 10), train.ratio or 1.0) == tuple(report["local_network"])  # type: ignore[arg-type]
    assert (train.batch, train.n_push) == (batch, report["n_push"])
    assert train.workers == ["board:192.168.1.50"]
    (text,) = report["commands"]["build"]  # type: ignore[index]
    build = make_parser().parse_args(shlex.split(text)[1:])
    assert (build.board, build.ip, build.config) == (board, "192.168.1.50", train.config)


@pytest.mark.parametrize("optimiser", sorted(OPTIMISERS))
def test_the_train_command_asks_for_the_optimiser_that_was_sized(optimiser: str) -> None:
    report = deep3.size("ecpix5-85f", (617, 200, 26), optimiser=optimiser).report
    assert report["optimiser"] == optimiser
    train = make_parser().parse_args(shlex.split(report["commands"]["train"])[1:])
    assert train.optimiser == (None if optimiser == "sgd" else optimiser)
    with pytest.raises(SizingError, match=r"^optimiser must be one of sgd, momentum, adagrad, not 'adam'$"):
        deep3.size("ecpix5-85f", (617, 200, 26), optimiser="adam")


def test_every_worker_gets_a_board_an_address_and_a_folder() -> None:
    report = report_of(GlobalNetwork(617, (200,), 26), "ecpix5-85f", workers=3)
    builds = [make_parser().parse_args(shlex.split(text)[1:]) for text in report["commands"]["build"]]  # type: ignore[index]
    train = make_parser().parse_args(shlex.split(report["commands"]["train"])[1:])  # type: ignore[index]
    assert train.workers == [f"board:{build.ip}" for build in builds]
    assert len({build.folder for build in builds}) == 3


def test_size_leads_to_a_training_run(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    engine = tmp_path / "engine.toml"
    arguments = ["--features", "64", "--hidden", "64,32", "--classes", "10", "--batch", "64", "-o", str(engine)]
    assert main(["size", "--board", "colorlight-5a-75b", "--max-block-rams", "40", *arguments, "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert EngineConfig.load(engine).digest == report["digest"]
    words = shlex.split(report["commands"]["train"].replace("DATA", "digits").replace("board:192.168.1.50", "golden"))
    assert "--embedding" in words or "--ratio" in words
    assert main([*words[1:], "--epochs", "0.5", "--runs", str(tmp_path), "--json"]) == 0
    run = json.loads(capsys.readouterr().out)
    assert run["local_sizes"] == report["local_network"]


NETS = (
    "from torch import nn\n"
    "net = nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(36, 10))\n"
    "wide = nn.Sequential(nn.Conv2d(1, 32, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(),\n"
    "                     nn.Linear(288, 64), nn.ReLU(), nn.Linear(64, 10))\n"
)


def test_a_share_of_a_model_leads_to_a_training_run(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    (tmp_path / "nets.py").write_text(NETS)
    engine, model = tmp_path / "engine.toml", f"{tmp_path / 'nets.py'}:wide"
    size_it = ["size", "--board", "ecpix5-85f", "--model", model, "--input-shape", "1,8,8", "--max-block-rams", "45"]
    size_it += ["--batch", "16", "-o", str(engine)]
    assert main(size_it) == 0
    out = capsys.readouterr().out
    assert "of maps and hidden neurons, " in out
    assert "note: the model does not fit as a whole: each worker trains " in out
    assert main([*size_it, "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert f"--ratio {report['ratio']}" in report["commands"]["train"]
    words = shlex.split(report["commands"]["train"].replace("DATA", "digits").replace("board:192.168.1.50", "golden"))
    assert main([*words[1:], "--epochs", "0.5", "--runs", str(tmp_path), "--json"]) == 0
    run = json.loads(capsys.readouterr().out)
    assert (run["sizes"], run["local_sizes"]) == (report["global_network"], report["local_network"])


def test_the_link_of_a_model_that_is_only_computed_forward(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    (tmp_path / "nets.py").write_text(NETS)
    engine, model = tmp_path / "engine.toml", f"{tmp_path / 'nets.py'}:wide"
    size_it = ["size", "--board", "ecpix5-85f", "--model", model, "--input-shape", "1,8,8", "--forward"]
    assert main([*size_it, "--batch", "4", "-o", str(engine)]) == 0
    out = capsys.readouterr().out
    assert re.search(r"at 100 Mb/s +\d+ us a sample; \d+ us in all, limited by the link", out)
    assert main([*size_it, "--batch", "4", "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    config = EngineConfig.load(engine)
    assert (config.digest, config.loss_unit) == (report["digest"], False)
    assert report["weighed"][0]["sample_seconds"] == report["board_link"]["sample_seconds"]
    words = shlex.split(report["commands"]["build"][0])
    assert make_parser().parse_args(words[1:]).board == "ecpix5-85f"
    for options, message in (
        (["--workers", "2"], "--forward trains nothing and draws nothing; leave out --workers"),
        (["--objective", "edp", "--max-joules", "1"],
         "--forward trains nothing and draws nothing; leave out --objective, --max-joules"),
    ):  # fmt: skip
        assert main([*size_it, *options]) == 2
        assert capsys.readouterr().err == f"deep3: {message}\n"
    sizes = ["--features", "4", "--hidden", "3", "--classes", "2"]
    assert main(["size", "--board", "ecpix5-85f", *sizes, "--forward"]) == 2
    assert capsys.readouterr().err == "deep3: --forward is for --model\n"


def test_size_of_a_model_leads_to_a_training_run(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    (tmp_path / "nets.py").write_text(NETS)
    engine, model = tmp_path / "engine.toml", f"{tmp_path / 'nets.py'}:net"
    arguments = ["--board", "ecpix5-45f", "--model", model, "--input-shape", "1,8,8", "--max-block-rams", "60"]
    assert main(["size", *arguments, "-o", str(engine), "--picture", str(tmp_path / "x.png")]) == 0
    out = capsys.readouterr().out
    assert f"{model}, 410 weights and biases, samples of 1x8x8\n" in out
    assert "LUTs and flip-flops with convolution are an estimate" in out
    assert (tmp_path / "x.png").stat().st_size > 10_000
    assert main(["size", *arguments, "-o", str(engine), "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert EngineConfig.load(engine).digest == report["digest"]
    assert report["weighed"][0]["epoch_seconds"] == min(point["epoch_seconds"] for point in report["weighed"])
    assert sum(report["time"]["phase_cycles"].values()) == report["time"]["batch_cycles"]
    words = shlex.split(report["commands"]["train"].replace("DATA", "digits").replace("board:192.168.1.50", "golden"))
    assert main([*words[1:], "--epochs", "0.5", "--runs", str(tmp_path), "--json"]) == 0
    run = json.loads(capsys.readouterr().out)
    cycles = [worker["engine_cycles"] for worker in run["workers"].values()]
    assert cycles[0] > 0


def test_no_hidden_layer_is_said_as_train_takes_it() -> None:
    report = report_of(GlobalNetwork(64, (), 10), "ecpix5-85f")
    assert make_parser().parse_args(shlex.split(report["commands"]["train"])[1:]).hidden == ()  # type: ignore[index]
    wide = report_of(GlobalNetwork(64, (5000,), 10), "ecpix5-85f")
    assert wide["commands"]["train"] is None  # type: ignore[index]


def test_a_network_too_small_to_learn_is_said_so_with_what_helps(capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["size", "--board", "colorlight-5a-75b", "--features", "784", "--hidden", "500,200", "--classes", "10"]
    assert main([*arguments, "--batch", "100"]) == 0
    out = capsys.readouterr().out
    assert "warning: this local network is likely too small to learn: 12 of 784 inputs, fewer than 64; 14% of" in out
    assert "what helps: --batch 12 or --board arty-a7-100 or " in out
    assert main([*arguments, "--batch", "12", "--json"]) == 0
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
