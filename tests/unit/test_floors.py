"""Imports between the packages run one way only."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FLOORS = ["hdl", "cost_model", "sim", "host"]


def imported_packages(source: str) -> Iterator[str]:
    """First components of every absolute import, wherever in the file it stands."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name.split(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            yield node.module.split(".")[0]


def forbidden_imports(floor: str, source: str) -> set[str]:
    """Packages of later floors, or of the tests, that ``source`` on ``floor`` imports."""
    later = {*FLOORS[FLOORS.index(floor) + 1 :], "tests"}
    return later & set(imported_packages(source))


@pytest.mark.parametrize("floor", FLOORS)
def test_a_package_imports_only_from_earlier_floors(floor: str) -> None:
    files = sorted((ROOT / floor).rglob("*.py"))
    assert files
    wrong = {str(path.relative_to(ROOT)): forbidden_imports(floor, path.read_text()) for path in files}
    assert {path: found for path, found in wrong.items() if found} == {}


@pytest.mark.parametrize("source", ["import host.cli", "from host import network", "def f():\n import host"])
def test_an_import_from_a_later_floor_is_seen(source: str) -> None:
    assert forbidden_imports("sim", source) == {"host"}
    assert forbidden_imports("host", source) == set()
