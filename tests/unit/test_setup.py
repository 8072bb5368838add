"""The set-up names what is missing, in one line, before it installs anything."""

import shutil
import subprocess
from pathlib import Path

import pytest

SETUP = Path(__file__).parents[2] / ".ci" / "setup"
TOOLS = ("bash", "env", "make", "g++", "perl", "mkdir", "chmod")


NO_PYTHON = (
    "deep3: no Python from 3.11 to 3.13 was found; on Debian: sudo apt install python3 python3-venv, "
    "elsewhere: pyenv install 3.13"
)
NO_VENV = 'case "$2" in *ensurepip*) exit 1;; *) echo 3.12;; esac'
MAKES_VENV = """
case "$1 $2" in
  *version_info*) echo {version};;
  "-m venv") mkdir -p "$3/bin"; printf '#!/bin/sh\\necho "$@" > "%s"\\n' "$3/pip" > "$3/bin/python"
    chmod +x "$3/bin/python";;
esac
"""


def script(path: Path, body: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!{shutil.which('bash')}\n{body}\n")
    path.chmod(0o755)


def set_up(tmp_path: Path, missing: str = "", **pythons: str) -> subprocess.CompletedProcess[str]:
    """Run the set-up where only some tools exist, and interpreters whose scripts are given by name; ``pyenv`` is one
    that pyenv has installed."""
    tools = tmp_path / "bin"
    tools.mkdir()
    for tool in TOOLS:
        found = shutil.which(tool)
        if tool != missing and found is not None:
            (tools / tool).symlink_to(found)
    for name, body in pythons.items():
        script(tmp_path / "pyenv/versions/3.12.1/bin/python" if name == "pyenv" else tools / name, body)
    environment = {"PATH": str(tools), "PYENV_ROOT": str(tmp_path / "pyenv")}
    return subprocess.run(
        [str(SETUP), str(tmp_path / "venv")], env=environment, capture_output=True, text=True, cwd=tmp_path
    )


@pytest.mark.parametrize(
    ("missing", "pythons", "message"),
    [
        ("make", {}, "deep3: make was not found; on Debian: sudo apt install make"),
        ("g++", {}, "deep3: g++ was not found; on Debian: sudo apt install g++"),
        ("perl", {}, "deep3: perl was not found; on Debian: sudo apt install perl"),
        ("", {}, NO_PYTHON),
        ("", {"python3": "echo 3.10", "python": "echo 3.1"}, NO_PYTHON),
        ("", {"python3": "echo 3.14", "python": "exit 127"}, NO_PYTHON),
        (
            "",
            {"python3": NO_VENV, "pyenv": "echo 3.10"},
            "deep3: Python's venv module was not found; on Debian: sudo apt install python3.12-venv",
        ),
    ],
    ids=["make", "g++", "perl", "python", "older python", "newer python", "venv"],
)
def test_what_is_missing_is_named(tmp_path: Path, missing: str, pythons: dict[str, str], message: str) -> None:
    result = set_up(tmp_path, missing, **pythons)
    assert result.returncode == 1
    assert result.stderr == message + "\n"
    assert not (tmp_path / "venv").exists()


@pytest.mark.parametrize("version", ["3.11", "3.12", "3.13"])
@pytest.mark.parametrize(
    "others",
    [{}, {"python3": "echo 3.10", "python": "exit 127"}, {"python3": NO_VENV}],
    ids=["alone", "beside an older one", "beside one without venv"],
)
@pytest.mark.parametrize("name", ["python3.13", "python3.12", "python3.11", "pyenv"])
def test_any_python_from_3_11_to_3_13_will_do(tmp_path: Path, name: str, others: dict[str, str], version: str) -> None:
    result = set_up(tmp_path, **others, **{name: MAKES_VENV.replace("{version}", version)})
    assert result.returncode == 0, result.stderr
    assert f"(Python {version};" in result.stderr
    asked = (tmp_path / "venv" / "pip").read_text()
    assert asked == "-m pip install --quiet --disable-pip-version-check --requirement requirements.lock\n"


def test_the_interpreter_in_use_comes_first(tmp_path: Path) -> None:
    result = set_up(tmp_path, python3=MAKES_VENV.replace("{version}", "3.11"), **{"python3.13": "echo 3.13"})
    assert "(Python 3.11;" in result.stderr
