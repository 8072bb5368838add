"""Programs that pip installed beside this Python."""

import sys
from pathlib import Path

__all__ = ["packaged_tool"]


def packaged_tool(name: str) -> str:
    """Path of a program that was installed with this Python, whether or not its folder is on PATH."""
    beside = Path(sys.executable).with_name(name)
    return str(beside) if beside.exists() else name
