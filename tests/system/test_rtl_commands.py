"""Commands on the engine's RTL: a virtual worker, a served board, generated Verilog."""

import json
import re
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from small_network import CONFIG

from deep3.host.cli import main
from deep3.host.training.checkpoint import Checkpoint
from deep3.sim.verilator import verilator_environment

DEEP3 = [sys.executable, "-c", "import sys; from deep3.host.cli import main; sys.exit(main())"]


@pytest.fixture
def config_file(tmp_path: Path) -> Path:
    path = tmp_path / "engine.toml"
    path.write_text(CONFIG.to_toml())
    return path


def train(
    capsys: pytest.CaptureFixture[str], config_file: Path, runs: Path, worker: str
) -> tuple[dict[str, object], Checkpoint]:
    options = ["--config", str(config_file), "--hidden", "20,12", "--epochs", "1", "--n-push", "4", "--batch", "16"]
    assert main(["train", "digits", "--worker", worker, "--runs", str(runs), "--json", *options]) == 0
    report = json.loads(capsys.readouterr().out)
    return report["workers"], Checkpoint.load(Path(report["checkpoint"]))


def test_a_virtual_worker_trains_the_bits_of_the_golden_engine(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, config_file: Path
) -> None:
    virtual_work, virtual = train(capsys, config_file, tmp_path / "virtual", "virtual")
    golden_work, golden = train(capsys, config_file, tmp_path / "golden", "golden")
    for one, other in zip(virtual.network.weights, golden.network.weights, strict=True):
        assert np.array_equal(one, other)
    assert virtual_work["virtual-1"]["updates"] == golden_work["golden-1"]["updates"]  # type: ignore[index]
    assert virtual_work["virtual-1"]["clipped"] == golden_work["golden-1"]["clipped"]  # type: ignore[index]
    assert virtual_work["virtual-1"]["engine_cycles"] > 0  # type: ignore[index]


def test_a_served_board_trains_and_ends_with_a_report(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, config_file: Path
) -> None:
    command = [*DEEP3, "board", str(config_file), "--json"]
    board = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        assert board.stderr is not None
        line = next(line for line in board.stderr if line.startswith("deep3: listening on "))
        address = line.split()[3].rstrip(",")
        work, _ = train(capsys, config_file, tmp_path, f"board:{address}")
        board.send_signal(signal.SIGINT)
        out, err = board.communicate(timeout=60)
    finally:
        board.kill()
    report = json.loads(out)
    assert board.returncode == 0
    assert err == ""
    assert (report["address"], report["digest"]) == (address, CONFIG.digest)
    assert list(work) == [f"board:{address}"]


@pytest.mark.parametrize("target", ["generic", "xilinx"])
def test_generated_verilog_is_taken_by_verilator(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, config_file: Path, target: str
) -> None:
    output = tmp_path / "engine.v"
    assert main(["generate", str(config_file), "-o", str(output), "--target", target, "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["digest"] == CONFIG.digest
    assert report["bytes"] == output.stat().st_size
    guide = (Path(__file__).parents[2] / "docs" / "engine_toml.md").read_text("utf-8")
    (line,) = re.findall("^verilator .*$", guide, re.MULTILINE)
    command = line.replace("engine.v", str(output)).split()
    result = subprocess.run(command, env=verilator_environment(), capture_output=True, text=True)
    assert (result.returncode, result.stderr) == (0, "")


def test_verilog_for_ecp5_names_its_multipliers(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, config_file: Path
) -> None:
    output = tmp_path / "engine.v"
    assert main(["generate", str(config_file), "-o", str(output), "--target", "ecp5"]) == 0
    assert capsys.readouterr().out.startswith(f"{output}: 4 x 4 engine {CONFIG.digest}, module deep3, target ecp5, ")
    # One a cell of the array and one a lane.
    assert output.read_text().count("MULT18X18D") == CONFIG.rows * CONFIG.columns + CONFIG.columns
