"""Virtual boards: the engine's RTL, compiled, in a process of its own, started and stopped by the host."""

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType

from deep3.hdl.contract.address import parse_endpoint
from deep3.hdl.contract.config import EngineConfig
from deep3.host.link.errors import LinkError
from deep3.host.link.session import Session
from deep3.host.link.udp import UdpTransport
from deep3.sim.board.build import board_library

from .board import Board

__all__ = ["VirtualBoard", "VirtualBoardError"]

LISTENING = "deep3: listening on "
READY_S = 30.0
"""Longest time from the start of the process to its line "listening on ..."; the build is done before."""

STOP_S = 5.0

FOLDER_PREFIX = "deep3-board-"
"""Of temporary folders; the number of the process that made one follows."""


class VirtualBoardError(LinkError):
    """A virtual board that did not start; the message carries what it said."""


class VirtualBoard:
    """A running virtual board; leaving the context stops it. It also ends when this process dies.

    Parameters
    ----------
    config
        The engine.
    options
        More options of ``deep3 board``, such as ``--loss 0.05``.
    patience_s
        Of the session, see `host.link.session.Session`.

    Attributes
    ----------
    address
        Where it listens, (host, port).

    Raises
    ------
    BoardBuildError
        When it cannot be compiled.
    VirtualBoardError
        When it does not start.
    """

    def __init__(self, config: EngineConfig, options: Sequence[str] = (), patience_s: float = 5.0) -> None:
        # Compiling here and not in the child: progress and errors reach the user, and READY_S need not cover it.
        library = board_library(config, trace="--trace" in options)
        self.config = config
        self._patience_s = patience_s
        _remove_stale_folders()
        self._folder = tempfile.TemporaryDirectory(prefix=f"{FOLDER_PREFIX}{os.getpid()}-")
        path = Path(self._folder.name)
        (path / "engine.toml").write_text(config.to_toml(), encoding="utf-8")
        self._log = (path / "log").open("w+", encoding="utf-8")
        command = [sys.executable, "-m", "deep3", "board", str(path / "engine.toml"), "--library", str(library)]
        # The child finds the packages where this process did, installed or not.
        environment = dict(os.environ, PYTHONPATH=os.pathsep.join(entry or os.getcwd() for entry in sys.path))
        self._process = subprocess.Popen(
            [*command, "--with-parent", *options],
            stdin=subprocess.PIPE,
            stdout=self._log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            env=environment,
        )
        try:
            self.address = self._wait_until_ready()
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> "VirtualBoard":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    @property
    def process_id(self) -> int:
        """Of the board's process."""
        return self._process.pid

    def connect(self) -> Board:
        """A board over a new session.

        Raises
        ------
        LinkError
            When the board does not answer.
        """
        return Board(Session(UdpTransport(*self.address), self.config.digest, self._patience_s), self.config)

    def close(self) -> str:
        """Stop the process, by force where it does not stop on request; returns what it said."""
        if self._log.closed:
            return ""
        if self._process.stdin:
            self._process.stdin.close()
        try:
            self._process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        said = self._said()
        self._log.close()
        self._folder.cleanup()
        return said

    def _wait_until_ready(self) -> tuple[str, int]:
        started_s = time.monotonic()
        while time.monotonic() - started_s < READY_S:
            for line in self._said().splitlines(keepends=True):
                if line.startswith(LISTENING) and line.endswith("\n"):
                    return parse_endpoint(line.removeprefix(LISTENING).partition(",")[0])
            if self._process.poll() is not None:
                lines = self._said().splitlines() or [f"exit status {self._process.returncode}"]
                raise VirtualBoardError(f"the virtual board did not start: {lines[-1].removeprefix('deep3: ')}")
            time.sleep(0.02)
        raise VirtualBoardError(f"the virtual board did not start within {READY_S:g} s")

    def _said(self) -> str:
        self._log.seek(0)
        return self._log.read()


def _remove_stale_folders() -> None:
    """Folders of processes that were killed before they could remove them."""
    for folder in Path(tempfile.gettempdir()).glob(f"{FOLDER_PREFIX}*"):
        number = folder.name.removeprefix(FOLDER_PREFIX).partition("-")[0]
        if number.isdecimal() and not _lives(int(number)):
            # Another user's, or another process removes it at this moment.
            shutil.rmtree(folder, ignore_errors=True)


def _lives(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except (PermissionError, OverflowError):
        return True
    return True
