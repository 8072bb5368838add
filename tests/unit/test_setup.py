"""The set-up names what is missing, in one line, before it installs anything."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

SETUP = Path(__file__).parents[2] / ".ci" / "setup"
TOOLS = ("bash", "env", "make", "g++", "perl")


def set_up(tmp_path: Path, missing: str, python: str | None) -> subprocess.CompletedProcess[str]:
    """Run the script where only some tools exist; ``python`` is the body of a script in the interpreter's place."""
    tools = tmp_path / "bin"
    tools.mkdir()
    for tool in TOOLS:
        found = shutil.which(tool)
        if tool != missing and found is not None:
            (tools / tool).symlink_to(found)
    if python is not None:
        (tools / "python3").write_text(f"#!{shutil.which('bash')}\n{python}\n")
        (tools / "python3").chmod(0o755)
    return subprocess.run(
        [str(SETUP), str(tmp_path / "venv")], env={"PATH": str(tools)}, capture_output=True, text=True, cwd=tmp_path
    )


@pytest.mark.parametrize(
    ("missing", "python", "message"),
    [
        ("make", None, "deep3: make was not found; on Debian: sudo apt install make"),
        ("g++", None, "deep3: g++ was not found; on Debian: sudo apt install g++"),
        ("perl", None, "deep3: perl was not found; on Debian: sudo apt install perl"),
        (
            "",
            None,
            "deep3: Python 3.11 was not found; on Debian: sudo apt install python3.11 python3.11-venv",
        ),
        (
            "",
            f'exec {sys.executable} -c "import sys; sys.version_info = (3, 9); $(echo "${{2#import sys; }}")"',
            "deep3: Python 3.11 was not found; on Debian: sudo apt install python3.11 python3.11-venv",
        ),
        (
            "",
            'case "$2" in *ensurepip*) exit 1;; esac',
            "deep3: Python's venv module was not found; on Debian: sudo apt install python3.11-venv",
        ),
    ],
    ids=["make", "g++", "perl", "python", "older python", "venv"],
)
def test_what_is_missing_is_named(tmp_path: Path, missing: str, python: str | None, message: str) -> None:
    result = set_up(tmp_path, missing, python)
    assert result.returncode == 1
    assert result.stderr == message + "\n"
    assert not (tmp_path / "venv").exists()
