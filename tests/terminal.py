"""A command on a terminal: what it writes there, and signals at chosen moments."""

import os
import pty
import signal
import subprocess
import sys
import termios
from collections.abc import Sequence
from fcntl import ioctl
from pathlib import Path
from struct import pack

__all__ = ["run_on_terminal"]

ROOT = Path(__file__).parents[1]


def run_on_terminal(
    arguments: Sequence[str], folder: Path, awaited: str = "", number: int = signal.SIGINT, environment: str = "xterm"
) -> tuple[int, str]:
    """Status and output of ``deep3`` on a terminal of 100 columns and 30 lines; the signal comes once the output holds
    the text awaited."""
    leader, follower = pty.openpty()
    ioctl(follower, termios.TIOCSWINSZ, pack("HHHH", 30, 100, 0, 0))
    process = subprocess.Popen(
        [sys.executable, "-m", "deep3", *arguments], stdin=follower, stdout=follower, stderr=follower, cwd=folder,
        env={**os.environ, "TERM": environment, "PYTHONPATH": str(ROOT)},
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )  # fmt: skip
    os.close(follower)
    text, is_due = "", bool(awaited)
    try:
        while piece := _read(leader):
            text += piece
            if is_due and awaited in text:
                process.send_signal(number)
                is_due = False
        return process.wait(timeout=60), text
    finally:
        os.close(leader)
        process.kill()


def _read(terminal: int) -> str:
    try:
        return os.read(terminal, 65536).decode(errors="replace")
    except OSError:
        # The last process on the terminal has ended.
        return ""
