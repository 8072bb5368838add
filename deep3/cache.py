"""Where downloads, compiled boards, benches and stages of builds are kept."""

import os
from pathlib import Path

__all__ = ["cache_folder"]


def cache_folder() -> Path:
    """``$XDG_CACHE_HOME/deep3``, or ``~/.cache/deep3``; whoever writes there makes it."""
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "deep3"
