"""The wheel in an environment of its own: nothing but deep3 is added, and every command works far from the checkout."""

import os
import shutil
import signal
import subprocess
import sys
import sysconfig
import tarfile
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest
from small_network import CONFIG

from deep3.cache import cache_folder
from deep3.cost_model.boards import board_names
from deep3.version import VERSION

ROOT = Path(__file__).parents[2]
ROOMS = ("hdl", "compiler", "cost_model", "flow", "sim", "host", "constraints")
TRAIN = ("train", "digits", "--hidden", "16", "--epochs", "1", "--config", "engine.toml")


@dataclass(frozen=True)
class Installed:
    """An environment with the wheel, and an empty folder to work in."""

    wheel: Path
    environment: Path
    folder: Path
    added: set[str]

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        """Run the installed command; nothing of the checkout is on its path."""
        search = [str(self.environment / "bin"), str(Path(sys.executable).parent), os.environ["PATH"]]
        variables = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
        variables |= {"PATH": os.pathsep.join(search), "XDG_CACHE_HOME": str(cache_folder().parent)}
        return subprocess.Popen(
            [str(self.environment / "bin" / "deep3"), *arguments], cwd=self.folder, env=variables, text=True,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )  # fmt: skip

    def run(self, *arguments: str) -> str:
        """What a command that must succeed prints."""
        with self.start(*arguments) as process:
            out, err = process.communicate(timeout=600)
        assert process.returncode == 0, err
        return out


def python(*arguments: str, program: str = sys.executable, folder: Path = ROOT) -> str:
    done = subprocess.run([program, *arguments], cwd=folder, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


def build(source: Path, folder: Path) -> Path:
    """Wheel of a source folder, made by the build backend of pyproject.toml."""
    python("-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation", "--no-index", "--wheel-dir",
           str(folder), str(source))  # fmt: skip
    (wheel,) = folder.glob("deep3-*.whl")
    return wheel


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The checkout without what was built in it; the links of deep3/ stay links."""
    folder = tmp_path_factory.mktemp("source") / "deep3"
    folder.mkdir()
    for name in ("deep3", *ROOMS):
        shutil.copytree(ROOT / name, folder / name, symlinks=True, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, folder)
    return folder


@pytest.fixture(scope="module")
def wheel(source: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(source, tmp_path_factory.mktemp("wheel"))


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Installed:
    environment = tmp_path_factory.mktemp("installed") / "venv"
    python("-m", "venv", "--without-pip", str(environment))
    (packages,) = environment.glob("lib/python*/site-packages")
    # A line of a .pth file names a folder and does not read the .pth files there: the checkout's own stays out.
    (packages / "others.pth").write_text(sysconfig.get_path("purelib") + "\n")
    before = set(packages.iterdir())
    python("-m", "pip", "--python", str(environment), "install", "--quiet", "--no-deps", "--no-index", str(wheel))
    added = {path.name for path in set(packages.iterdir()) - before}
    folder = tmp_path_factory.mktemp("foreign")
    (folder / "engine.toml").write_text(CONFIG.to_toml())
    return Installed(wheel, environment, folder, added)


def expected() -> set[str]:
    """Every file of the package as the wheel should name it."""
    files = [path for path in (ROOT / "deep3").iterdir() if path.is_file()]
    files += [path for room in ROOMS for path in (ROOT / room).rglob("*") if path.is_file()]
    inside = {
        path.relative_to(ROOT / "deep3") if path.parent.name == "deep3" else path.relative_to(ROOT) for path in files
    }
    return {f"deep3/{path}" for path in inside if "__pycache__" not in path.parts}


def contents(wheel: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(wheel) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def test_the_wheel_holds_the_package_and_nothing_else(wheel: Path) -> None:
    names = set(contents(wheel))
    about = f"deep3-{VERSION}.dist-info/"
    assert {name for name in names if not name.startswith(about)} == expected()
    assert {f"deep3/constraints/{board}/board.toml" for board in board_names()} <= names
    assert len(board_names()) == 8
    assert {"deep3/sim/board/harness.cpp", "deep3/sim/board/verilated_board.h", "deep3/py.typed"} <= names


def test_a_source_distribution_gives_the_same_wheel(
    source: Path, wheel: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("sdist")
    python("-c", "import sys, setuptools.build_meta as b; b.build_sdist(sys.argv[1])", str(folder), folder=source)
    (archive,) = folder.glob("deep3-*.tar.gz")
    with tarfile.open(archive) as file:
        file.extractall(folder, filter="data")
    again = build(folder / f"deep3-{VERSION}", folder)
    record = f"deep3-{VERSION}.dist-info/RECORD"
    first, second = contents(wheel), contents(again)
    assert {**second, record: b""} == {**first, record: b""}


def test_site_packages_gains_deep3_only(installed: Installed) -> None:
    assert installed.added == {"deep3", f"deep3-{VERSION}.dist-info"}
    program = str(installed.environment / "bin" / "python")
    told = python("-c", "import deep3, sys; print(deep3.__file__, *sys.path)", program=program, folder=installed.folder)
    place, *path = told.split()
    assert Path(place).is_relative_to(installed.environment)
    assert str(ROOT) not in path
    assert installed.run("--version") == f"deep3 {VERSION}\n"


def test_sizing_finds_its_boards(installed: Installed) -> None:
    arguments = ("--features", "64", "--hidden", "16", "--classes", "10")
    assert "ecpix5-85f" in installed.run("size", "--board", "ecpix5-85f", *arguments)


def test_verilog_is_written(installed: Installed) -> None:
    installed.run("generate", "engine.toml", "-o", "engine.v")
    assert "module deep3(" in (installed.folder / "engine.v").read_text()


def runs(folder: Path) -> set[Path]:
    return set((folder / "runs").glob("*"))


@pytest.mark.parametrize("workers", [("cpu:1", "golden:1"), ("virtual:1",)], ids=["cpu and golden", "virtual"])
def test_a_network_is_trained_and_predicts(installed: Installed, workers: Sequence[str]) -> None:
    before = runs(installed.folder)
    installed.run(*TRAIN, *(word for worker in workers for word in ("--worker", worker)))
    (run,) = runs(installed.folder) - before
    assert {path.name for path in run.iterdir()} >= {"checkpoint.npz", "metrics.jsonl", "plot.png"}
    assert "359 samples of digits" in installed.run("predict", str(run))


def test_a_board_in_the_background_is_trained_over(installed: Installed) -> None:
    with installed.start("board", "engine.toml") as board:
        assert board.stderr is not None
        # A build comes first where nothing is kept.
        place = next(line for line in board.stderr if "listening on" in line).split("listening on ")[1].split(",")[0]
        try:
            said = installed.run(*TRAIN, "--worker", f"board:{place}")
        finally:
            board.send_signal(signal.SIGINT)
        board.communicate(timeout=60)
    assert board.returncode == 0
    assert f"board:{place}" in said
