"""The compiled RTL behind a socket, used through the driver as a board would be, against the golden engine."""

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from small_network import BATCH, CONFIG, LOWERED, NETWORK, labels, samples, weights

from deep3.cache import cache_folder
from deep3.hdl.contract.program import Counter, Space
from deep3.hdl.contract.protocol import Packet, Type, pack_address, parse_packet
from deep3.host.board.board import Board
from deep3.host.board.virtual import VirtualBoard, VirtualBoardError
from deep3.host.link.errors import BoardDoesNotAnswer
from deep3.sim.board.build import BoardBuildError, board_library
from deep3.sim.board.harness import Harness
from deep3.sim.golden.engine.engine import Engine
from deep3.sim.golden.port import GoldenPort

BATCHES = 10
IMPAIRED = ("--loss", "0.05", "--duplication", "0.05", "--reordering", "0.05", "--corruption", "0.05", "--seed", "3")


def train(board: Board, epochs: int = 3) -> list[np.ndarray]:
    board.load(LOWERED)
    board.write_weights(weights(1))
    rows = samples(BATCHES * BATCH, 1).reshape(BATCHES, BATCH, NETWORK.inputs)
    board.train(rows, labels(BATCHES * BATCH, 1).reshape(BATCHES, BATCH), 0.3, seed=5, epochs=epochs)
    return board.read_weights()


@pytest.mark.parametrize("options", [(), IMPAIRED], ids=["clean", "impaired"])
def test_a_virtual_board_is_the_golden_engine_bit_for_bit(options: tuple[str, ...]) -> None:
    golden = Board(GoldenPort(Engine(CONFIG)), CONFIG)
    expected = train(golden)
    counters = golden.counters()
    inputs = samples(50, 2)
    with VirtualBoard(CONFIG, options) as virtual, virtual.connect() as board:
        found = train(board)
        assert all((a == b).all() for a, b in zip(found, expected, strict=True))
        measured = board.counters()
        assert measured.instructions == counters.instructions
        for counter in (Counter.BATCHES, Counter.CORRECT, Counter.LOSS_WAIT):
            assert measured.totals[counter] == counters.totals[counter]
        assert (board.logits(inputs) == golden.logits(inputs)).all()
        assert (board.predict(inputs) == golden.predict(inputs)).all()


def test_malformed_packets_are_counted_and_do_no_harm() -> None:
    choice = np.random.default_rng(1)
    good = Packet(Type.STATUS, 9, 9, 9).pack()
    written = samples(200, 4).reshape(-1)
    with VirtualBoard(CONFIG) as virtual, virtual.connect() as board:
        before = board.port.status()
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
            stranger.connect(virtual.address)
            for packet in (good[:-1], good[:7], good + b"\0\0", choice.bytes(1472), choice.bytes(2048), b"x", b""):
                stranger.send(packet)
            for space in (Space.WEIGHT, Space.LABEL, Space.PROGRAM):
                past_end = pack_address(space, CONFIG.space_words(space) - 1)
                stranger.send(Packet(Type.WRITE, board.port._channel.session, 0, past_end, b"abcd").pack())
            stranger.send(good[:-1] + bytes([good[-1] ^ 0x80]))
            stranger.send(good)
        board.port.write(Space.ACTIVATION, 7, written)
        assert (board.port.read(Space.ACTIVATION, 7, len(written)).view(np.int16) == written).all()
        after = board.port.status()
    assert after.dropped_malformed - before.dropped_malformed == 10
    assert after.dropped_crc - before.dropped_crc == 1
    assert after.dropped_session - before.dropped_session == 1


def test_a_board_that_dies_in_mid_run_gives_one_clear_error() -> None:
    with VirtualBoard(CONFIG, patience_s=1.0) as virtual, virtual.connect() as board:
        board.load(LOWERED)
        board.write_weights(weights(1))
        run = LOWERED.training.start(LOWERED.layout, 2, (100, 1), resident=False)
        board.port.start(run)
        assert board.port.running()
        os.kill(virtual.process_id, signal.SIGKILL)
        host, port = virtual.address
        with pytest.raises(BoardDoesNotAnswer, match=rf"^board at {host}:{port} does not answer: waited 1 s for "):
            board.wait_idle()


def test_the_process_answers_signals_and_prints_statistics(tmp_path: Path) -> None:
    (tmp_path / "engine.toml").write_text(CONFIG.to_toml())
    engine, trace = str(tmp_path / "engine.toml"), str(tmp_path / "board.vcd")
    command = [sys.executable, "-m", "deep3", "board", engine, "--trace", trace]
    board_library(CONFIG, trace=True)
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        words = process.stderr.readline().split()
        assert words[:3] + words[4:6] == ["deep3:", "listening", "on", "engine", f"{CONFIG.digest};"]
        host, _, port = words[3].rstrip(",").rpartition(":")
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
            asking.settimeout(10)
            asking.sendto(Packet(Type.HELLO, 0, 77).pack(), (host, int(port)))
            assert parse_packet(asking.recv(2048)).sequence == 77
        process.send_signal(signal.SIGTERM)
        output, _ = process.communicate(timeout=20)
    assert process.returncode == 0
    assert output.startswith(f"{host}:{port}: 1 packets in, 1 out, ")
    assert (tmp_path / "board.vcd").read_text().startswith("$version")


def test_the_process_ends_when_its_parent_does() -> None:
    with VirtualBoard(CONFIG) as virtual:
        assert virtual._process.stdin is not None
        virtual._process.stdin.close()
        assert virtual._process.wait(10) == 0


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--loss", "1.5"), "loss must be between 0 and 1, not 1.5"),
        (("--listen", "nowhere"), "address must be HOST:PORT with a port between 0 and 65535, not 'nowhere'"),
        (("--trace", "/nonexistent/a.vcd"), "/nonexistent/a.vcd: cannot be written: there is no folder /nonexistent"),
        (("--listen", "192.0.2.1:5"), "cannot listen on 192.0.2.1:5: Cannot assign requested address"),
    ],
)
def test_what_cannot_be_is_refused_in_one_line(options: tuple[str, ...], message: str) -> None:
    with pytest.raises(VirtualBoardError) as caught:
        VirtualBoard(CONFIG, options)
    assert str(caught.value) == f"the virtual board did not start: {message}"


def test_a_build_without_a_compiler_says_so(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setenv("YOSYS", "no-such-yosys")
    message = r"^cannot build the virtual board: no-such-yosys is not installed: pip install deep3\[sim\]; "
    with pytest.raises(BoardBuildError, match=message):
        board_library(CONFIG)
    assert [path.suffix for path in cache_folder().iterdir()] == [".lock"]


def test_a_library_is_built_once_and_a_board_without_work_is_idle(capsys: pytest.CaptureFixture[str]) -> None:
    library = board_library(CONFIG)
    capsys.readouterr()
    started_s = time.monotonic()
    assert board_library(CONFIG) == library
    assert capsys.readouterr().err == ""
    assert time.monotonic() > started_s
    with Harness(library) as harness:
        while not harness.idle:
            assert harness.run(1000) <= 1000
        before = harness.cycles
        assert harness.run(1000) == 0
        assert (harness.cycles, harness.queued, harness.busy_cycles) == (before, 0, 0)
