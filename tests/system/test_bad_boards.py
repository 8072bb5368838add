"""Boards that are not there, not the ones, or not there any more: one line says what was tried."""

import functools
import socket
from pathlib import Path

import pytest
from golden_board import golden_board
from small_network import CONFIG

from deep3.hdl.contract.config import EngineConfig
from deep3.host.board import by_address
from deep3.host.cli import main

PATIENCE_S = 0.6


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    held = functools.partial(by_address.HeldSession, patience_s=PATIENCE_S)
    monkeypatch.setattr(by_address, "HeldSession", held)


def train(capsys: pytest.CaptureFixture[str], tmp_path: Path, *arguments: str) -> tuple[int, list[str]]:
    """Exit status and lines on stderr that are not progress, of a run that must fail."""
    status = main(["train", "digits", "--hidden", "8", "--runs", str(tmp_path), *arguments])
    out, err = capsys.readouterr()
    assert out == ""
    assert "Traceback" not in err
    return status, [line for line in err.replace("\r", "\n").splitlines() if line.startswith("deep3: ")]


def test_a_board_that_is_not_there(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as silent:
        silent.bind(("127.0.0.1", 0))
        port = silent.getsockname()[1]
        found = train(capsys, tmp_path, "--worker", f"board:127.0.0.1:{port}")
    assert found == (
        1,
        [
            f"deep3: board at 127.0.0.1:{port} does not answer: asked with HELLO for {PATIENCE_S:g} s; "
            "is it running, and is the address right?"
        ],
    )


def test_a_board_of_another_engine(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    with golden_board(CONFIG) as (_, port):
        found = train(capsys, tmp_path, "--worker", f"board:127.0.0.1:{port}")
    assert found == (
        1,
        [
            f"deep3: board at 127.0.0.1:{port} carries engine {CONFIG.digest}, not {EngineConfig().digest}: "
            "use the configuration the board was built from"
        ],
    )


def test_a_cable_that_is_pulled_in_mid_run(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    with golden_board(EngineConfig()) as (device, port):
        left = [150]
        plugged = device.push

        def push(packet: bytes) -> None:
            left[0] -= 1
            if left[0] > 0:
                plugged(packet)

        device.push = push  # type: ignore[method-assign]
        status, lines = train(capsys, tmp_path, "--worker", f"board:127.0.0.1:{port}")
    assert status == 1
    assert left[0] < 0, "the run ended before the cable was pulled"
    name = f"127.0.0.1:{port}"
    assert lines[0].startswith(f"deep3: worker board:{name} is lost: board at {name} does not answer: ")
    assert lines[-1].startswith("deep3: no worker is left after ")
    assert f"does not answer: waited {PATIENCE_S:g} s " in lines[-1]
