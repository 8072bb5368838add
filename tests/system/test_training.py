"""Whole training runs: joint accuracy beside float32, boards over the link, losses and interruptions."""

import json
import os
import signal
import subprocess
import sys
import time
from contextlib import ExitStack
from pathlib import Path

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
from deep3.host.records.recorder import Recorder
from deep3.host.training.checkpoint import Checkpoint
from deep3.host.training.coordinator import Coordinator, Schedule
from deep3.host.training.run import prepare
from deep3.host.training.settings import TrainSettings
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
    schedule = Schedule(32, 5, 40, 0.1, 0.0, 10, seed=1, deterministic=True)
    with ExitStack() as stack:
        device = stack.enter_context(ExitStack())
        _, port = device.enter_context(golden_board(CONFIG))
        session = Session(UdpTransport("127.0.0.1", port), CONFIG.digest, patience_s=0.5)
        board = FpgaBackend(Board(session, CONFIG), network.topology, schedule.batch)
        stack.callback(board.close)

        class Switch(Recorder):
            """Switches the board off after ten updates."""

            def updated(self, iteration: int, *arguments: object) -> None:
                super().updated(iteration, *arguments)  # type: ignore[arg-type]
                if iteration == 10:
                    device.close()

        inputs, labels = prepared.test_inputs, prepared.test_labels
        names = ["cpu-1", "board"]
        switch = Switch(tmp_path, "joint", names, 40, inputs, labels, lambda *_: None, push_samples=160)
        with switch as recorder:
            backends = [PytorchBackend(network.topology), board]
            assert Coordinator(network, prepared.training, backends, schedule, recorder).run() == 40
    assert 4 <= recorder.contributions[1].updates <= 6
    assert recorder.contributions[1].lost is not None
    assert capsys.readouterr().err.count("deep3: worker board is lost: ") == 1
    assert recorder.curve.test_accuracy[-1] > 0.7


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
    assert last.endswith("the last said: the cable was pulled")
    assert main(["predict", str(next(tmp_path.iterdir()))]) == 0


def _failing_after(writes: int) -> object:
    original, count = Session.write, 0

    def write(self: Session, *arguments: object) -> None:
        nonlocal count
        count += 1
        if count > writes:
            raise OSError("the cable was pulled")
        original(self, *arguments)  # type: ignore[arg-type]

    return write


def test_an_interrupt_keeps_the_checkpoint(tmp_path: Path) -> None:
    command = [sys.executable, "-c", "import sys; from deep3.host.cli import main; sys.exit(main())"]
    arguments = ["train", "digits", "--epochs", "100000", "--runs", str(tmp_path)]
    # A shell starts background jobs with SIGINT ignored, and children inherit that: here the signal is the point.
    running = subprocess.Popen(
        [*command, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )  # fmt: skip
    deadline_s = time.monotonic() + 60
    while not list(tmp_path.glob("*/checkpoint.npz")):
        assert running.poll() is None
        assert time.monotonic() < deadline_s
        time.sleep(0.1)
    os.kill(running.pid, signal.SIGINT)
    out, err = running.communicate(timeout=60)
    assert running.returncode == 130
    assert out == ""
    assert "Traceback" not in err
    checkpoint = next(tmp_path.iterdir()) / "checkpoint.npz"
    assert err.endswith(f"deep3: interrupted; the best network so far is in {checkpoint}\n")
    assert main(["predict", str(checkpoint)]) == 0
