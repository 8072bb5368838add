"""Whole training runs: joint accuracy beside float32, boards over the link, losses and interruptions."""

import json
import os
import signal
import subprocess
import sys
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from golden_board import golden_board

from deep3.hdl.contract.config import EngineConfig
from deep3.host.board.board import Board
from deep3.host.cli import main
from deep3.host.data import load
from deep3.host.global_network.global_network import GlobalNetwork
from deep3.host.link.session import Session
from deep3.host.link.udp import UdpTransport
from deep3.host.records.events import Event, Updated
from deep3.host.records.history import History
from deep3.host.records.recorder import Recorder
from deep3.host.training.checkpoint import Checkpoint
from deep3.host.training.coordinator import Coordinator, Schedule
from deep3.host.training.prepare import prepare
from deep3.host.training.settings import TrainSettings
from deep3.host.training.state import RunState
from deep3.host.workers.assignment import Worker, equal_assignments
from deep3.host.workers.engine import FpgaBackend
from deep3.host.workers.pytorch import PytorchBackend
from deep3.sim.board.impairment import Impairment

CONFIG = EngineConfig()


def train(capsys: pytest.CaptureFixture[str], runs: Path, *arguments: str) -> dict[str, object]:
    assert main(["train", "digits", "--json", "--runs", str(runs), *arguments]) == 0
    report: dict[str, object] = json.loads(capsys.readouterr().out)
    return report


@pytest.mark.parametrize("options", [[], ["--ratio", "0.5", "--hidden", "96"], ["--projection", "0.3"]])
def test_a_joint_run_is_as_accurate_as_float32(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, options: list[str]
) -> None:
    workers = ["--worker", "cpu:1", "--worker", "golden:1"]
    report = train(capsys, tmp_path, *workers, "--deterministic", "--reference", "--epochs", "25", *options)
    joint, reference = report["joint"], report["reference"]
    assert reference["test_accuracy"] > 0.94  # type: ignore[index]
    assert joint["test_accuracy"] > reference["test_accuracy"] - 0.01  # type: ignore[index]
    assert joint["multiply_adds"] == pytest.approx(reference["multiply_adds"], rel=0.02)  # type: ignore[index]
    updates = [worker["updates"] for worker in report["workers"].values()]  # type: ignore[attr-defined]
    assert abs(updates[0] - updates[1]) <= 1


def test_a_board_behind_a_lossy_link_trains_the_same_bits(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    options = ["--epochs", "4", "--hidden", "24", "--activation", "relu"]
    with golden_board(CONFIG, Impairment(loss=0.02, reordering=0.05, corruption=0.01), seed=1) as (_, port):
        far = train(capsys, tmp_path, "--worker", f"board:127.0.0.1:{port}", *options)
    near = train(capsys, tmp_path, "--worker", "golden", *options)
    weights = [Checkpoint.load(Path(str(report["checkpoint"]))).network.weights for report in (far, near)]
    assert all(np.array_equal(a, b) for a, b in zip(*weights, strict=True))


def test_a_board_that_is_switched_off_is_dropped(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    settings = TrainSettings("digits", hidden=(16,))
    prepared = prepare(load("digits"), settings)
    network = GlobalNetwork.initialise(settings.topology(64, 10), 1.0, 1)
    schedule = Schedule(40 * 160, 40, 0.1, 0.0, evaluate_every=10, deterministic=True)
    with ExitStack() as stack:
        device = stack.enter_context(ExitStack())
        _, port = device.enter_context(golden_board(CONFIG))
        session = Session(UdpTransport("127.0.0.1", port), CONFIG.digest, patience_s=0.5)
        board = FpgaBackend(Board(session, CONFIG), network.topology, settings.batch)
        stack.callback(board.close)

        class Switch(Recorder):
            """Switches the board off after ten updates."""

            def __call__(self, event: Event) -> None:
                super().__call__(event)
                if isinstance(event, Updated) and event.iteration == 10:
                    device.close()

        shares = equal_assignments(network.topology, 1.0, len(prepared.training.labels), settings.batch, 5, 2)
        backends = [PytorchBackend(network.topology), board]
        workers = [Worker(name, *given) for name, *given in zip(("cpu-1", "board"), backends, shares, strict=True)]
        state = RunState.begin(network, shares, 1)
        with Switch(tmp_path, "joint", History(), lambda _: None, lambda: None) as recorder:
            Coordinator(state, prepared.training, workers, schedule, recorder).run()
    history = recorder.history
    assert history.iteration == 40
    assert 4 <= history.contributions["board"].updates <= 6
    assert history.contributions["board"].lost is not None
    assert capsys.readouterr().err.count("deep3: worker board is lost: ") == 1
    assert history.evaluations[-1].validation_accuracy > 0.7


def test_without_a_board_the_run_fails_in_one_line_and_keeps_its_checkpoint(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("deep3.host.link.session.Session.write", _failing_after(40))
    with golden_board(CONFIG) as (_, port):
        options = ["--worker", f"board:127.0.0.1:{port}", "--runs", str(tmp_path)]
        assert main(["train", "digits", *options]) == 1
    out, err = capsys.readouterr()
    assert out == ""
    last = err.rstrip("\n").splitlines()[-1]
    assert last.startswith("deep3: no worker is left after ")
    folder = next(tmp_path.iterdir())
    assert "the last said: the cable was pulled; run folder: " in last
    assert last.endswith(f"run folder: {folder} (plot.png, checkpoint.npz); deep3 train --resume {folder} goes on")
    assert (folder / "plot.png").exists()
    assert main(["predict", str(folder)]) == 0


def _failing_after(writes: int) -> object:
    original, count = Session.write, 0

    def write(self: Session, *arguments: object) -> None:
        nonlocal count
        count += 1
        if count > writes:
            raise OSError("the cable was pulled")
        original(self, *arguments)  # type: ignore[arg-type]

    return write


def start(*arguments: str, **options: Any) -> "subprocess.Popen[str]":
    """``deep3 train`` in a process of its own."""
    command = [sys.executable, "-c", "import sys; from deep3.host.cli import main; sys.exit(main())"]
    # A shell starts background jobs with SIGINT ignored, and children inherit that: here the signal is the point.
    return subprocess.Popen(
        [*command, "train", *arguments], stdout=subprocess.PIPE, text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL), **options,
    )  # fmt: skip


def wait_for(running: "subprocess.Popen[str]", runs: Path, lines: int) -> Path:
    """Until the run has recorded so much; its folder."""
    deadline_s = time.monotonic() + 120
    while sum(len(path.read_text().splitlines()) for path in runs.glob("*/metrics.jsonl")) < lines:
        assert running.poll() is None
        assert time.monotonic() < deadline_s
        time.sleep(0.05)
    return next(runs.iterdir())


@pytest.mark.parametrize(
    ("number", "status", "word"), [(signal.SIGINT, 130, "interrupted"), (signal.SIGTERM, 143, "terminated")]
)
def test_an_interrupted_run_leaves_checkpoint_plot_and_a_message(
    tmp_path: Path, number: int, status: int, word: str
) -> None:
    running = start("digits", "--epochs", "10000", "--runs", str(tmp_path), stderr=subprocess.PIPE)
    folder = wait_for(running, tmp_path, 20)
    os.kill(running.pid, number)
    out, err = running.communicate(timeout=60)
    assert running.returncode == status
    assert out == ""
    assert "Traceback" not in err
    assert err.endswith(
        f"deep3: {word}; run folder: {folder} (plot.png, checkpoint.npz); deep3 train --resume {folder} goes on\n"
    )
    assert (folder / "plot.png").exists()
    assert any((folder / "tensorboard" / "joint").iterdir())
    assert main(["predict", str(folder / "checkpoint.npz")]) == 0


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_a_run_resumed_ends_as_one_that_was_never_stopped(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, number: int
) -> None:
    options = ["--worker", "cpu:1", "--worker", "golden:1", "--deterministic", "--epochs", "12", "--reference"]
    options += ["--ratio", "0.5", "--hidden", "48", "--seed", "3"]
    whole = train(capsys, tmp_path / "whole", *options)
    running = start("digits", *options, "--runs", str(tmp_path / "cut"), stderr=subprocess.DEVNULL)
    folder = wait_for(running, tmp_path / "cut", 30)
    os.kill(running.pid, number)
    running.communicate(timeout=60)
    assert running.returncode == (130 if number == signal.SIGINT else -number)
    assert main(["train", "--resume", str(folder), "--json"]) == 0
    resumed = json.loads(capsys.readouterr().out)
    assert resumed["run"] == str(folder)
    for label in ("joint", "reference"):
        assert resumed[label] | {"seconds": 0} == whole[label] | {"seconds": 0}  # type: ignore[operator]
    for name in ("checkpoint.npz", "reference.npz"):
        pair = [Checkpoint.load(Path(str(report["run"])) / name) for report in (whole, resumed)]
        assert pair[0].iteration == pair[1].iteration
        for one, other in zip(pair[0].network.weights, pair[1].network.weights, strict=True):
            assert np.array_equal(one, other)
    assert main(["train", "--resume", str(folder)]) == 1
    assert "the run has ended and nothing is left to do; --from goes on" in capsys.readouterr().err


def test_a_run_begins_with_the_network_of_another(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    first = train(capsys, tmp_path, "--epochs", "10", "--hidden", "24", "--projection", "0.3")
    second = train(capsys, tmp_path, "--epochs", "0.5", "--from", str(first["checkpoint"]), "--rate", "0.01")
    assert second["sizes"] == first["sizes"]
    assert second["joint"]["validation_accuracy"] >= first["joint"]["validation_accuracy"]  # type: ignore[index]


def test_a_board_that_another_run_trains_is_left_alone(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    with golden_board(CONFIG) as (_, port):
        board = ["--worker", f"board:127.0.0.1:{port}", "--hidden", "16"]
        running = start(
            "digits", *board, "--epochs", "10000", "--runs", str(tmp_path / "first"), stderr=subprocess.PIPE
        )
        folder = wait_for(running, tmp_path / "first", 5)
        assert main(["train", "digits", *board, "--runs", str(tmp_path / "second")]) == 1
        assert f"board at 127.0.0.1:{port} is in use" in capsys.readouterr().err
        assert not (tmp_path / "second").exists()
        wait_for(running, tmp_path / "first", 5 + len((folder / "metrics.jsonl").read_text().splitlines()))
        os.kill(running.pid, signal.SIGINT)
        assert running.wait(60) == 130
        train(capsys, tmp_path / "second", *board, "--epochs", "1")


def test_closed_streams_do_not_disturb_a_run(tmp_path: Path) -> None:
    command = f"exec {sys.executable} -m deep3 train digits --epochs 1 --runs {tmp_path} 2>&- <&-"
    done = subprocess.run(["sh", "-c", command], stdout=subprocess.PIPE, text=True)
    assert done.returncode == 0
    folder = next(tmp_path.iterdir())
    assert f"run folder: {folder}" in done.stdout
    assert (folder / "checkpoint.npz").exists()
    assert (folder / "plot.png").exists()


def test_isolet_trains_with_defaults_on_the_twin(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    labels = np.arange(600) % 26
    np.savez(tmp_path / "wide.npz", X=rng.normal(size=(26, 617))[labels] + rng.normal(size=(600, 617)), y=labels)
    arguments = ["train", str(tmp_path / "wide.npz"), "--worker", "golden:1", "--epochs", "0.5", "--json"]
    assert main([*arguments, "--runs", str(tmp_path / "runs")]) == 0
    folder = Path(json.loads(capsys.readouterr().out)["run"])
    assert EngineConfig.load(folder / "engine.toml").weight_bank_words == 8192
