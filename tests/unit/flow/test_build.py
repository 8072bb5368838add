"""``deep3 build``: refusals before any tool runs, the flow with tools that only pretend."""

import gc
import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from deep3.cost_model.boards import FOLDER, load_board
from deep3.flow import build as board_build
from deep3.host.cli import main

pytestmark = pytest.mark.filterwarnings("ignore::amaranth.hdl.UnusedElaboratable")

SMALL = "[engine]\nrows = 2\ncolumns = 2\n"

YOSYS = """
[ "$1" = --version ] && { echo pretended 1; exit; }
echo synthesis >> "$CALLS"
cell='{"type": "LUT4", "connections": {}, "port_directions": {}}'
printf '{"modules": {"deep3": {"ports": {}, "cells": {"a": %s, "b": %s}}}}' "$cell" "$cell" > deep3.json
"""
NEXTPNR = """
[ "$1" = --version ] && { echo pretended 2; exit; }
while [ $# -gt 1 ]; do
  case $1 in --seed) seed=$2;; --report) report=$2;; --textcfg) config=$2;; esac
  shift
done
echo seed $seed >> "$CALLS"
printf configuration > $config
cat > $report <<END
{"fmax": {"\\$glbnet\\$eth_rx_clk\\$TRELLIS_IO_IN": {"achieved": 200, "constraint": 125},
          "\\$glbnet\\$some.clk": {"achieved": 12$seed, "constraint": 125}},
 "utilization": {"DP16KD": {"used": 1, "available": 208}, "ALU54B": {"used": 0, "available": 1}},
 "critical_paths": [{"from": "posedge \\$glbnet\\$some.clk", "to": "posedge \\$glbnet\\$some.clk", "path": [
  {"from": {"cell": "x_TRELLIS_FF_Q"}, "to": {"cell": "y"}, "delay": 1.5, "type": "routing"}]}]}
END
"""
ECPPACK = """
[ "$1" = --version ] && { echo pretended 3; exit; }
echo pack >> "$CALLS"
printf bits > deep3.bit
"""


def refused(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    """The message; the exit status is that of tests/unit/test_bad_input.py."""
    status = main(arguments)
    out, err = capsys.readouterr()
    assert status in (1, 2)
    assert out == ""
    assert err.count("\n") == 1
    return err.rstrip("\n")


@pytest.fixture(autouse=True)
def no_rtl(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Designs are made but not turned into Verilog, which they complain about when they go."""
    monkeypatch.setattr(board_build, "to_verilog", lambda *_: "module deep3; endmodule")
    yield
    gc.collect()


@pytest.fixture
def calls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Tools that write down that they were called."""
    for variable, text in (("YOSYS", YOSYS), ("NEXTPNR_ECP5", NEXTPNR), ("ECPPACK", ECPPACK)):
        path = tmp_path / variable
        path.write_text(f"#!/bin/sh\n{text}")
        path.chmod(0o755)
        monkeypatch.setenv(variable, str(path))
    monkeypatch.setenv("CALLS", str(tmp_path / "calls"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "calls"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--board", "ml606"], "there is no board 'ml606'; did you mean ml605?"),
        (["--board", "butterstick", "--link", "uart"], "ButterStick r1.0 has no uart; use --link ethernet"),
        (["--board", "ecpix5-45f", "--seeds", "0"], "seeds must be between 1 and 100, not 0"),
        (["--board", "ecpix5-45f", "--sync-mhz", "1"], "sync-mhz must be between 10 and 400, not 1.0"),
        (
            ["--board", "ecpix5-45f", "--ip", "192.168.1"],
            "ip must be the IPv4 address of one station, like 192.168.1.50, not '192.168.1'",
        ),
        (["--board", "ecpix5-45f", "--mac", "x"], "mac must be six bytes like 02:d3:00:00:00:01, not 'x'"),
        (["--board", "ecpix5-45f", "--port", "0"], "port must be an integer between 1 and 65535, not 0"),
        (
            ["--board", "ecpix5-45f", "--sync-mhz", "100"],
            "sync must be at least 125 MHz with the Ethernet of LambdaConcept ECPIX-5 45F, not 100 MHz: a byte of the "
            "line takes a cycle",
        ),
        (
            ["--board", "ecpix5-45f", "--sync-mhz", "127"],
            "LambdaConcept ECPIX-5 45F: no setting of a PLL makes 127 MHz from 100 MHz",
        ),
        (
            ["--board", "colorlight-5a-75b", "--config", "BIG"],
            "the 8x8 engine is too big for Colorlight 5A-75B V7.0: it needs 72 multipliers, ECP5 25F has 28 to give; "
            "try fewer rows or columns",
        ),
    ],
)
def test_what_cannot_be_built_is_refused_at_once(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, calls: Path, arguments: list[str], message: str
) -> None:
    big = tmp_path / "big.toml"
    big.write_text("[engine]\n")
    given = [str(big) if each == "BIG" else each for each in arguments]
    assert refused(capsys, "build", "--output", str(tmp_path / "out"), *given) == f"deep3: {message}"
    assert not calls.exists()


def test_too_little_block_ram_is_refused(capsys: pytest.CaptureFixture[str], tmp_path: Path, calls: Path) -> None:
    big = tmp_path / "big.toml"
    big.write_text("[engine]\nactivation_bank_words = 32768\n")
    message = refused(capsys, "build", "--board", "ecpix5-85f", "--config", str(big), "--output", str(tmp_path))
    assert message.startswith("deep3: the 8x8 engine is too big for LambdaConcept ECPIX-5 85F: it needs ")
    assert "block rams, ECP5 85F has 208 to give; try smaller *_bank_words" in message
    assert not calls.exists()


def test_the_best_seed_is_kept_and_nothing_is_done_twice(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, calls: Path
) -> None:
    config = tmp_path / "small.toml"
    config.write_text(SMALL)
    arguments = ["build", "--board", "ecpix5-85f", "--config", str(config), "--output", str(tmp_path / "out"), "--json"]
    assert main([*arguments, "--seeds", "2"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["seed"] == 2
    assert report["clocks"] == {"eth_rx": [200e6, 125e6], "sync": [122e6, 125e6]}
    assert report["seeds"]["1"]["sync"] == [121e6, 125e6]
    assert report["meets_timing"] is False
    assert report["cells"] == {"LUT4": 2}
    assert report["registers_in_block_ram"] == 0
    assert report["utilisation"] == {"DP16KD": [1, 208]}
    assert report["tools"]["nextpnr-ecp5"] == {
        "version": "pretended 2", "command": str(tmp_path / "NEXTPNR_ECP5"), "why": "NEXTPNR_ECP5 names it",
    }  # fmt: skip
    assert sorted(report["tools"]) == ["ecppack", "nextpnr-ecp5", "yosys"]
    assert report["mac"] == "02:d3:c0:a8:01:32"
    assert (tmp_path / "out" / "deep3.bit").read_text() == "bits"
    assert json.loads((tmp_path / "out" / "report.json").read_text()) == report
    assert calls.read_text().splitlines() == ["synthesis", "seed 1", "seed 2", "pack"]
    assert main([*arguments, "--seeds", "6"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert (report["seed"], report["meets_timing"]) == (6, True)
    assert calls.read_text().splitlines()[4:] == ["seed 3", "seed 4", "seed 5", "seed 6", "pack"]


def test_a_board_of_ones_own(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, calls: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(FOLDER / "ecpix5-85f", tmp_path / "mine")
    monkeypatch.chdir(tmp_path)
    assert refused(capsys, "program", "--board", "./mine") == (
        "deep3: there is no bitstream bitstreams/mine/deep3.bit; deep3 build --board ./mine makes one"
    )
    assert main(["build", "--board", "./mine", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["bitstream"] == "bitstreams/mine/deep3.bit"
    assert (tmp_path / "bitstreams" / "mine" / "pins.lpf").exists()


def test_the_report_in_words(capsys: pytest.CaptureFixture[str], tmp_path: Path, calls: Path) -> None:
    assert main(["build", "--board", "ecpix5-85f", "--output", str(tmp_path / "out")]) == 0
    out, err = capsys.readouterr()
    assert "critical path: x to y, 1.50 ns, 1.50 ns of it routing, 0 levels of logic" in out
    assert out.endswith("deep3.bit: does not meet timing; try more --seeds, a lower --sync-mhz or a smaller engine\n")
    assert "place and route with router1, seed 1 of 1" in err
    assert f"yosys: pretended 1 ({tmp_path / 'YOSYS'}, YOSYS names it)\n" in err
    assert calls.exists()


@pytest.mark.parametrize(
    ("board", "tool"), [("arty-a7-100", "vivado -mode batch -source"), ("ml605", "xtclsh")]
)  # fmt: skip
def test_other_vendors_get_a_project(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, calls: Path, board: str, tool: str
) -> None:
    assert main(["build", "--board", board, "--output", str(tmp_path)]) == 0
    assert f"run: cd {tmp_path} && {tool} build.tcl" in capsys.readouterr().out
    pins = load_board(board).pins
    script = (tmp_path / "build.tcl").read_text()
    assert pins in script
    assert "deep3.v" in script
    assert "eth_rx_clk" in (tmp_path / pins).read_text()
    assert "uart" not in (tmp_path / pins).read_text()
    assert not calls.exists()
