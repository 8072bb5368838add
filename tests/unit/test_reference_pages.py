"""The guides to engine files and boards: every key is there, ranges are those of the code, what they say works."""

import json
import re
import shutil
from dataclasses import fields
from pathlib import Path

import pytest

from deep3.cost_model.boards import FOLDER, BoardDescription, Power, RoutedShape
from deep3.hdl.board.parts import Clock, Ethernet, Leds, Uart
from deep3.hdl.contract.config import LIMITS, EngineConfig
from deep3.host.cli import main

DOCS = Path(__file__).parents[2] / "docs"


def rows(text: str) -> list[list[str]]:
    """Cells of the rows of its tables that begin with a key."""
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines() if line[:3] == "| `"]


def test_the_guide_to_engine_files_has_every_key_its_default_and_its_range() -> None:
    text = (DOCS / "engine_toml.md").read_text("utf-8")
    found = [(name.strip("`"), default, span) for name, default, span, _ in rows(text)]
    assert found == [
        (field.name, str(field.default).lower(), str(LIMITS.get(field.name, "true or false")))
        for field in fields(EngineConfig)
    ]
    (sample,) = re.findall(r"```toml\n(.*?)```", text, re.DOTALL)
    assert sample == EngineConfig().to_toml()


@pytest.mark.parametrize(
    ("heading", "kind"),
    [
        ("## board.toml", BoardDescription), ("### [clock]", Clock), ("### [ethernet]", Ethernet), ("### [uart]", Uart),
        ("### [leds]", Leds), ("### [power]", Power), ("### [[routed]]", RoutedShape),
    ],
)  # fmt: skip
def test_the_guide_to_boards_has_every_key(heading: str, kind: type) -> None:
    text = (DOCS / "boards.md").read_text("utf-8")
    part = re.split(r"\n#+ ", text[text.index(heading + "\n") + len(heading) :], maxsplit=1)[0]
    found = {name.strip("`") for name, *_ in rows(part)}
    assert found == {field.name for field in fields(kind)} - {"folder"}


def test_a_board_of_ones_own_outside_the_tree(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "my-board"
    shutil.copytree(FOLDER / "ecpix5-85f", folder)
    description = folder / "board.toml"
    description.write_text(description.read_text("utf-8").replace("LambdaConcept ECPIX-5 85F", "My own"), "utf-8")
    monkeypatch.chdir(tmp_path)
    arguments = ["--features", "64", "--hidden", "64,32", "--classes", "10", "-o", "engine.toml", "--json"]
    assert main(["size", "--board", "./my-board", *arguments]) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["board"] == "my-board"
    assert report["evidence"]["of_shape"] != "never routed"
    assert report["commands"]["build"] == ["deep3 build --board ./my-board --config engine.toml --ip 192.168.1.50"]
    assert main(["generate", "engine.toml", "-o", "engine.v", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["digest"] == report["digest"]
    assert "module deep3(" in (tmp_path / "engine.v").read_text()


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda folder: shutil.rmtree(folder), "cannot read the board's description: No such file or directory"),
        (lambda folder: (folder / "pins.lpf").unlink(), "there is no file 'pins.lpf' beside it, which pins names"),
        (lambda folder: (folder / "board.toml").write_bytes(b"\xff\xfe"), "not a UTF-8 text file"),
        (lambda folder: (folder / "board.toml").write_text(""), "name is missing"),
    ],
)
def test_a_board_of_ones_own_that_is_not_in_order(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], damage: object, message: str
) -> None:
    folder = tmp_path / "my-board"
    shutil.copytree(FOLDER / "ecpix5-85f", folder)
    damage(folder)  # type: ignore[operator]
    assert main(["size", "--board", str(folder), "--features", "4", "--hidden", "4", "--classes", "2"]) == 1
    error = capsys.readouterr().err
    assert error.startswith(f"deep3: {folder}/board.toml: ")
    assert message in error
    assert error.count("\n") == 1
