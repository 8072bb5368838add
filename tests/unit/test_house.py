"""The floors and rooms of docs/architecture.md: imports run one way, nothing loads what it need not."""

import ast
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FLOORS = ("hdl/contract", "hdl", "compiler", "cost_model", "flow", "sim", "host")
FACE = "deep3"
"""Files of deep3/ itself: every floor may import what lies there but the public face, which imports every floor."""

MAX_LINES = 400
MAX_ROOMS = 12


def module_of(path: Path) -> str:
    """Dotted name, ``deep3.hdl.engine.engine``, of a file below the root."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    parts = parts[:-1] if parts[-1] == "__init__" else parts
    return ".".join(parts if parts[:1] == ("deep3",) else ("deep3", *parts))


def sources() -> dict[str, Path]:
    """Every module of the package and its file."""
    tops = [*{floor.split("/")[0] for floor in FLOORS}]
    files = [path for top in tops for path in (ROOT / top).rglob("*.py")] + list((ROOT / "deep3").glob("*.py"))
    return {module_of(path): path for path in files}


def imported(source: str, module: str, package: bool) -> Iterator[tuple[str, bool]]:
    """Dotted names that a source imports, and whether at its top level; ``from a import b`` gives ``a`` and ``a.b``."""
    tree = ast.parse(source)
    top = {id(node) for node in tree.body}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((alias.name, id(node) in top) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                parts = module.split(".") if package else module.split(".")[:-1]
                base = ".".join([*parts[: len(parts) - node.level + 1], *([node.module] if node.module else [])])
            yield base, id(node) in top
            yield from ((f"{base}.{alias.name}", id(node) in top) for alias in node.names)


def floor_of(module: str) -> int | None:
    """Number of the floor, or None for what lies in deep3/ itself."""
    path = module.removeprefix("deep3.").replace(".", "/") + "/"
    found = [number for number, floor in enumerate(FLOORS) if path.startswith(floor + "/")]
    return min(found) if found else None


def wrong_imports(source: str, module: str, package: bool = False) -> set[str]:
    """What a module imports from later floors, from the tests, or past the package."""
    own = floor_of(module)
    bare = {floor.split("/")[0] for floor in FLOORS} | {"tests"}
    wrong = set()
    for name, _ in imported(source, module, package):
        there = floor_of(name)
        if name.split(".")[0] in bare or (own is not None and there is not None and there > own):
            wrong.add(name)
    return wrong


def test_imports_run_only_to_earlier_floors_and_by_way_of_the_package() -> None:
    found = {}
    for module, path in sources().items():
        if wrong := wrong_imports(path.read_text("utf-8"), module, path.name == "__init__.py"):
            found[module] = wrong
    assert found == {}


def test_tests_and_their_helpers_import_by_way_of_the_package_only() -> None:
    bare = {floor.split("/")[0] for floor in FLOORS}
    for path in (ROOT / "tests").rglob("*.py"):
        names = {name.split(".")[0] for name, _ in imported(path.read_text("utf-8"), "tests.x", False)}
        assert not names & bare, path


@pytest.mark.parametrize(
    ("module", "source", "wrong"),
    [
        ("deep3.sim.golden.x", "import deep3.host.cli", {"deep3.host.cli"}),
        ("deep3.sim.golden.x", "from deep3.host import link", {"deep3.host", "deep3.host.link"}),
        ("deep3.sim.golden.x", "def f():\n import host", {"host"}),
        ("deep3.hdl.contract.x", "from ..engine import lane", {"deep3.hdl.engine", "deep3.hdl.engine.lane"}),
        ("deep3.host.cli.x", "from deep3.hdl.engine import lane", set()),
        ("deep3.hdl.engine.x", "from deep3.errors import Deep3Error", set()),
    ],
)
def test_a_wrong_import_is_seen(module: str, source: str, wrong: set[str]) -> None:
    assert {name for name in wrong_imports(source, module)} >= wrong
    assert bool(wrong_imports(source, module)) == bool(wrong)


def top_level_graph() -> Mapping[str, set[str]]:
    """Imports between modules that happen when a module is loaded."""
    modules = sources()
    graph: dict[str, set[str]] = defaultdict(set)
    for module, path in modules.items():
        for name, top in imported(path.read_text("utf-8"), module, path.name == "__init__.py"):
            if top and name in modules and name != module:
                graph[module].add(name)
    return graph


def circle(graph: Mapping[str, set[str]]) -> list[str]:
    """A circle in a graph, or nothing."""
    done: set[str] = set()
    way: list[str] = []

    def visit(node: str) -> list[str]:
        if node in way:
            return [*way[way.index(node) :], node]
        if node in done:
            return []
        way.append(node)
        for following in sorted(graph.get(node, ())):
            if found := visit(following):
                return found
        way.pop()
        done.add(node)
        return []

    for start in sorted(graph):
        if found := visit(start):
            return found
    return []


def test_modules_import_each_other_in_no_circle() -> None:
    assert circle(top_level_graph()) == []
    assert circle({"a": {"b"}, "b": {"c"}, "c": {"b"}}) == ["b", "c", "b"]


def test_rooms_of_the_host_import_each_other_in_no_circle() -> None:
    rooms: dict[str, set[str]] = defaultdict(set)
    for module, names in top_level_graph().items():
        for name in names:
            if module.startswith("deep3.host.") and name.startswith("deep3.host."):
                here, there = module.split(".")[2], name.split(".")[2]
                if here != there:
                    rooms[here].add(there)
    assert circle(rooms) == []


def test_no_file_is_long_and_the_host_has_few_rooms() -> None:
    lines = {module: len(path.read_text("utf-8").splitlines()) for module, path in sources().items()}
    assert {module: count for module, count in lines.items() if count > MAX_LINES} == {}
    rooms = [path for path in (ROOT / "host").iterdir() if path.is_dir() and path.name != "__pycache__"]
    assert len(rooms) <= MAX_ROOMS


def loaded_by(statement: str) -> set[str]:
    """Top-level packages that a fresh interpreter has loaded after a statement."""
    names = "{name.split('.')[0] for name in sys.modules}"
    script = f"import sys; sys.stdout = sys.stderr; {statement}; print(*{names}, file=sys.__stdout__)"
    result = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, cwd=ROOT)
    return set(result.stdout.split())


def command(arguments: str) -> str:
    """A statement that runs one command of the command line."""
    return f"import deep3.host.cli; deep3.host.cli.main({arguments.split()!r})"


HEAVY = {"torch", "amaranth", "matplotlib", "sklearn", "scipy", "tensorboard", "onnx", "google", "rich"}


@pytest.mark.parametrize(
    "statement",
    [
        "import deep3",
        "import deep3.host.cli",
        "import deep3.cost_model.sizing",
        "import deep3.compiler.lowering",
        "import deep3.host.board.board",
        "import deep3.host.link.session",
        command("size --board ecpix5-85f --features 64 --hidden 16 --classes 10"),
        command("program --board ecpix5-85f none.bit"),
        command("discover --address 127.0.0.1:9 --timeout 0.01"),
        *(f"import {module}" for module in sorted(sources()) if module.startswith("deep3.hdl.contract.")),
        *(f"import {module}" for module in sorted(sources()) if module.startswith("deep3.compiler.")),
    ],
)
def test_what_needs_no_heavy_library_loads_none(statement: str) -> None:
    assert loaded_by(statement) & HEAVY == set()


def test_a_heavy_library_is_seen() -> None:
    assert "torch" in loaded_by("import deep3.sim.golden.engine.engine")


def rooms_of_the_page(text: str) -> set[str]:
    """First words of the lines between ```rooms and ```."""
    block = text.split("```rooms\n", 1)[1].split("```", 1)[0]
    return {line.split()[0] for line in block.splitlines() if line.strip()}


def test_the_page_of_the_house_names_every_room() -> None:
    tops = {floor.split("/")[0] for floor in FLOORS}
    folders = {path.parent for path in sources().values() if path.parent != ROOT / "deep3"}
    there = {str(folder.relative_to(ROOT)) for folder in folders}
    # A floor whose folder holds nothing but its rooms is no room itself.
    empty = {top for top in tops if [path.name for path in (ROOT / top).glob("*.py")] == ["__init__.py"]}
    assert rooms_of_the_page((ROOT / "docs" / "architecture.md").read_text("utf-8")) == there - empty
