"""The serial port: packets as COBS frames over a pseudo terminal, a line that errs, ports that are not there."""

import fcntl
import json
import os
import pty
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from serial_board import GoldenSerialDevice, SerialBoard, serial_board
from small_network import BATCH, CONFIG, LOWERED, NETWORK, labels, samples, weights

from deep3.hdl.contract.config import EngineConfig
from deep3.hdl.contract.program import Space
from deep3.hdl.contract.protocol import MAX_PACKET_BYTES, UART_BAUD
from deep3.host.board.board import Board
from deep3.host.cli import main
from deep3.host.link.errors import BoardDoesNotAnswer, LinkError
from deep3.host.link.serial import SerialTransport
from deep3.host.link.session import Session
from deep3.host.training.checkpoint import Checkpoint
from deep3.host.workers.base import BackendError
from deep3.host.workers.open import parse_workers
from deep3.sim.golden.engine.engine import Engine
from deep3.sim.golden.link.cobs import encode
from deep3.sim.golden.port import GoldenPort

LARGE = EngineConfig(rows=8, columns=8)


def words(count: int, seed: int) -> np.ndarray[tuple[int], np.dtype[np.int16]]:
    return np.random.default_rng(seed).integers(-(2**15), 2**15, count).astype(np.int16)


@pytest.fixture
def wires() -> Iterator[tuple[int, str]]:
    """The board's end of a pseudo terminal, and the port."""
    master, slave = pty.openpty()
    yield master, os.ttyname(slave)
    os.close(master)
    os.close(slave)


def test_packets_leave_as_frames_after_a_zero(wires: tuple[int, str]) -> None:
    master, port = wires
    with closing(SerialTransport(port)) as transport:
        assert transport.name == port
        transport.send([b"ab\0", b"", b"c"])
        transport.send_all([[b"d"], [b"\0"]])
        expected = b"\0" + encode(b"ab\0c") + encode(b"d") + encode(b"\0")
        got = b""
        while len(got) < len(expected):
            got += os.read(master, 100)
        assert got == expected


def test_frames_come_in_pieces_and_noise_is_left_out(wires: tuple[int, str]) -> None:
    master, port = wires
    longest = bytes(range(256)) * 5 + b"\1" * (MAX_PACKET_BYTES - 1280)
    too_long = encode(b"\1" * 5000)
    with closing(SerialTransport(port)) as transport:
        assert transport.receive(0.0) is None
        for piece in (b"\7\1", b"\0\0" + encode(b"one") + encode(b"two")[:2]):
            os.write(master, piece)
        assert bytes(transport.receive(1.0) or b"") == b"one"
        assert transport.receive(0.05) is None
        os.write(master, encode(b"two")[2:])
        assert bytes(transport.receive(1.0) or b"") == b"two"
        for start in range(0, len(too_long), 1000):
            os.write(master, too_long[start : start + 1000])
            assert transport.receive(0.02) is None
        os.write(master, encode(longest))
        assert bytes(transport.receive(1.0) or b"") == longest


def test_a_window_at_line_rate_is_sent_once() -> None:
    """Timeouts follow the line: 64 full packets take 0.94 s at 1 Mbaud, and are not taken to be lost."""
    image = words(64 * 726, 1)
    device = GoldenSerialDevice(LARGE)
    with serial_board(device, baud=UART_BAUD) as board, Session(SerialTransport(board.port), LARGE.digest) as session:
        session.write(Space.ACTIVATION, 0, image)
        session.flush()
        assert (session.read(Space.ACTIVATION, 0, len(image)).view(np.int16) == image).all()
    assert board.counts["in"] < 1.1 * image.nbytes
    assert device.endpoint.dropped_crc == device.endpoint.dropped_malformed == 0


def test_a_line_that_errs_trains_the_same_bits() -> None:
    rows = samples(4 * BATCH, 1).reshape(4, BATCH, NETWORK.inputs)
    classes = labels(4 * BATCH, 1).reshape(4, BATCH)
    found = []
    with serial_board(GoldenSerialDevice(CONFIG), loss=4e-4, corruption=4e-4, seed=1) as wired:
        session = Session(SerialTransport(wired.port, 4_000_000), CONFIG.digest)
        for board in (Board(GoldenPort(Engine(CONFIG)), CONFIG), Board(session, CONFIG)):
            board.load(LOWERED)
            board.write_weights(weights(1))
            board.train(rows, classes, 0.3, seed=5, epochs=8)
            found.append(board.read_weights())
        session.close()
    assert all((one == other).all() for one, other in zip(*found, strict=True))
    assert wired.counts["lost"] > 0
    assert wired.counts["spoilt"] > 0


def test_a_worker_on_a_serial_port_trains_the_bits_of_a_golden_worker(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    (tmp_path / "engine.toml").write_text(CONFIG.to_toml())
    options = ["--hidden", "12", "--epochs", "1", "--n-push", "4", "--batch", "16", "--json"]
    networks = []
    with serial_board(GoldenSerialDevice(CONFIG)) as wired:
        for worker in (f"serial:{wired.port}:4000000", "golden"):
            place = ["--config", str(tmp_path / "engine.toml"), "--runs", str(tmp_path / worker.partition(":")[0])]
            assert main(["train", "digits", "--worker", worker, *place, *options]) == 0
            report = json.loads(capsys.readouterr().out)
            networks.append(Checkpoint.load(Path(report["checkpoint"])).network.weights)
    assert list(report["workers"]) == ["golden-1"]
    assert all(np.array_equal(one, other) for one, other in zip(*networks, strict=True))


def test_an_unplugged_port_is_one_line_and_stays_one() -> None:
    board = SerialBoard(GoldenSerialDevice(CONFIG))
    session = Session(SerialTransport(board.port), CONFIG.digest)
    session.write(Space.WEIGHT, 0, words(3000, 2))
    board.unplug()
    message = rf"^serial port {board.port} is gone: was the board unplugged or switched off\?$"
    with pytest.raises(LinkError, match=message):
        session.flush()
    with pytest.raises(LinkError, match=message):
        session.status()
    session.close()
    session.close()


def test_a_port_without_a_board_does_not_answer(wires: tuple[int, str]) -> None:
    _, port = wires
    with pytest.raises(BoardDoesNotAnswer, match=rf"^board at {port} does not answer: asked with HELLO for 0\.3 s; "):
        Session(SerialTransport(port), CONFIG.digest, 0.3)


def test_a_port_that_takes_nothing_is_given_up(wires: tuple[int, str], monkeypatch: pytest.MonkeyPatch) -> None:
    _, port = wires
    monkeypatch.setattr("deep3.host.link.serial.STALL_S", 0.2)
    packets = [[bytes(1400)]] * 200
    with (
        closing(SerialTransport(port, 4_000_000)) as transport,
        pytest.raises(LinkError, match=rf"^serial port {port} takes no bytes: waited 0\.2 s$"),
    ):
        transport.send_all(packets)


def test_a_port_of_another_program_is_refused(wires: tuple[int, str]) -> None:
    _, port = wires
    with open(port, "rb", buffering=0) as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        with pytest.raises(LinkError, match=rf"^cannot use serial port {port}: another program is using it$"):
            SerialTransport(port)


def test_what_is_no_port_is_refused(tmp_path: Path) -> None:
    with pytest.raises(LinkError, match=r"^cannot use serial port /dev/ttyNone: there is no such port; ports found: "):
        SerialTransport("/dev/ttyNone")
    file = tmp_path / "file"
    file.write_text("")
    with pytest.raises(LinkError, match=rf"^cannot use serial port {file}: it is no serial port$"):
        SerialTransport(str(file))


@pytest.mark.skipif(os.geteuid() == 0, reason="root may open every port")
def test_a_port_that_may_not_be_opened_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.touch(mode=0)
    with pytest.raises(LinkError, match=rf"^cannot use serial port {file}: it is not yours to use; "):
        SerialTransport(str(file))


def test_serial_workers_by_name() -> None:
    texts = ["serial:/dev/ttyUSB0", "serial:/dev/ttyUSB1:115200", "serial:/dev/serial/by-path/pci-0000:00:14.0-port0"]
    specs = parse_workers([*texts, "cpu"])
    assert [(spec.kind, spec.name, spec.address, spec.baud) for spec in specs[:3]] == [
        ("serial", texts[0], "/dev/ttyUSB0", 1_000_000),
        ("serial", texts[1], "/dev/ttyUSB1", 115_200),
        ("serial", texts[2], "/dev/serial/by-path/pci-0000:00:14.0-port0", 1_000_000),
    ]
    assert specs[3].kind == "cpu"


@pytest.mark.parametrize("text", ["serial:", "serial::115200", "serial:/dev/ttyS0:9600", "serial:/dev/ttyS0:5000000"])
def test_serial_workers_that_cannot_be(text: str) -> None:
    with pytest.raises(BackendError) as caught:
        parse_workers([text])
    limits = "a baud between 115200 and 4000000"
    assert str(caught.value) == f"worker serial must be serial:PORT[:BAUD] with {limits}, not {text!r}"


@pytest.mark.parametrize("baud", [115_200, 1_000_000])
def test_timeouts_grow_with_the_line(wires: tuple[int, str], baud: int) -> None:
    with closing(SerialTransport(wires[1], baud)) as transport:
        assert transport.line_s == pytest.approx(12 * 1478 * 10 / baud)


def test_sending_waits_for_all_but_one_packet_on_the_line(
    wires: tuple[int, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    clock_s = 100.0
    waits_s: list[float] = []

    def take_in(transport: SerialTransport, timeout_s: float) -> bool:
        nonlocal clock_s
        clock_s += timeout_s
        waits_s.append(timeout_s)
        return False

    monkeypatch.setattr("deep3.host.link.serial.time", SimpleNamespace(monotonic=lambda: clock_s))
    monkeypatch.setattr(SerialTransport, "_take_in", take_in)
    with closing(SerialTransport(wires[1], 1_000_000)) as transport:
        for _ in range(4):
            transport.send([b"\1" * 1000])
    # A frame of 1000 bytes is 1004 or 1005 long, and the zero that opens the port is one more.
    assert waits_s == pytest.approx([(2 * 1005 + 1 - 1478) * 1e-5, 1005e-5], abs=1e-9)
