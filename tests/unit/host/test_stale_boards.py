"""Temporary folders of virtual boards: those of processes that are gone are removed, no others."""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from deep3.host.board.virtual import FOLDER_PREFIX, _remove_stale_folders


def test_only_folders_of_processes_that_are_gone_are_removed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    stale = tmp_path / f"{FOLDER_PREFIX}{gone.pid}-abc"
    kept = [
        tmp_path / f"{FOLDER_PREFIX}{os.getpid()}-abc",
        tmp_path / f"{FOLDER_PREFIX}1-abc",
        tmp_path / f"{FOLDER_PREFIX}abc",
        tmp_path / f"{FOLDER_PREFIX}{'9' * 30}-abc",
        tmp_path / f"other-{gone.pid}-abc",
    ]
    for folder in (stale, *kept):
        folder.mkdir()
        (folder / "log").write_text("listening")
    _remove_stale_folders()
    assert not stale.exists()
    assert all((folder / "log").exists() for folder in kept)
