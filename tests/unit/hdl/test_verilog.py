"""Verilog cannot be written: one line says what failed and what to do."""

from pathlib import Path

import pytest

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
    assert not output.exists()
