"""Tests against a mutated copy of the tree, each time in a process forked from one that has the large libraries."""

import importlib
import importlib.util
import multiprocessing
import os
import shutil
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from enum import Enum
from pathlib import Path
from typing import Any

from hypothesis import Phase, settings

__all__ = ["Outcome", "copy_tree", "load_libraries", "mutated", "run_tests"]

LIBRARIES = ("numpy", "torch", "amaranth", "scipy.optimize", "sklearn.datasets", "pytest", "cobs.cobs", "tqdm")
"""Slow to import, and the same for every mutant."""

NOT_COPIED = (".git", ".venv", ".*_cache", ".hypothesis", "__pycache__", "build", "runs", "bitstreams", "*.egg-info")


class Outcome(Enum):
    """What the tests said of a mutant; one that never ends is noticed too."""

    KILLED = "killed"
    TIMED_OUT = "timed out"
    SURVIVED = "survived"


def copy_tree(root: Path, tree: Path) -> None:
    """A fresh copy of the working tree; the links of the package stay links, so that they lead into the copy."""
    shutil.rmtree(tree, ignore_errors=True)
    shutil.copytree(root, tree, symlinks=True, ignore=shutil.ignore_patterns(*NOT_COPIED))


def load_libraries() -> None:
    """Import what every forked process will need; nothing of the package, which the copy brings."""
    for name in LIBRARIES:
        importlib.import_module(name)


@contextmanager
def mutated(path: Path, source: str) -> Iterator[None]:
    """A file with other content while the ``with`` lasts."""
    original = path.read_bytes()
    try:
        _write(path, source.encode())
        yield
    finally:
        _write(path, original)


def run_tests(tree: Path, tests: tuple[str, ...], longest_s: float, log: Path) -> tuple[Outcome, float]:
    """The outcome of tests in a tree, and the seconds they took; what they print goes to ``log``."""
    started_s = time.monotonic()
    process = multiprocessing.get_context("fork").Process(target=_child, args=(tree, tests, log))
    process.start()
    process.join(longest_s)
    ended = not process.is_alive()
    try:
        # Boards and threads that a broken test left behind go with it.
        os.killpg(process.pid or 0, signal.SIGKILL)
    except ProcessLookupError:
        process.kill()
    process.join()
    seconds = time.monotonic() - started_s
    if not ended:
        return Outcome.TIMED_OUT, seconds
    return Outcome.SURVIVED if process.exitcode == 0 else Outcome.KILLED, seconds


def _write(path: Path, content: bytes) -> None:
    # Python takes a compiled file for that of any source of the same length and second.
    Path(importlib.util.cache_from_source(str(path))).unlink(missing_ok=True)
    path.write_bytes(content)


class _FirstFailureOnly:
    """A plugin of pytest: a law that fails once has failed; a smaller example of it is of no use here."""

    def pytest_collection(self, session: Any) -> None:
        settings.register_profile("mutants", settings.default, phases=[Phase.explicit, Phase.generate])
        settings.load_profile("mutants")


def _child(tree: Path, tests: tuple[str, ...], log: Path) -> None:
    import pytest

    # A group, not a session: a session's first terminal hangs up on it, and tests open terminals as serial ports.
    os.setpgid(0, 0)
    with log.open("wb") as file:
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)
    os.chdir(tree)
    # Interpreters that a test starts must find the copy, and leave no compiled mutant behind.
    os.environ |= {"PYTHONPATH": str(tree), "PYTHONDONTWRITEBYTECODE": "1"}
    sys.dont_write_bytecode = True
    sys.path[:] = [str(tree), *(entry for entry in sys.path if entry)]
    options = ["--exitfirst", "-p", "no:cacheprovider", "-p", "no:xdist"]
    code = pytest.main([*options, *tests], plugins=[_FirstFailureOnly()])
    sys.stdout.flush()
    os._exit(int(code))
