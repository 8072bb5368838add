"""Results of slow stages, kept by a digest of everything that went into them."""

import hashlib
import os
import shutil
from collections.abc import Callable, Iterable
from pathlib import Path

__all__ = ["kept_stage"]


def kept_stage(root: Path, name: str, made_from: Iterable[str], make: Callable[[Path], None]) -> tuple[Path, bool]:
    """The folder of a stage's results, made unless it is there.

    Parameters
    ----------
    root
        Where such folders are.
    name
        Of the stage, for people.
    made_from
        All that the results depend on, tools included.
    make
        Fills an empty folder, which gets its name only when all of it is done. After a failure what there is can be
        looked at until the stage is tried again.

    Returns
    -------
    tuple
        The folder, and whether it was there before.
    """
    key = hashlib.sha256("\0".join(made_from).encode()).hexdigest()[:24]
    folder = root / f"{name}-{key}"
    if folder.exists():
        return folder, True
    for left in root.glob(f"{name}-{key}.*"):
        if not _alive(int(left.suffix[1:])):
            shutil.rmtree(left, ignore_errors=True)
    unfinished = root / f"{name}-{key}.{os.getpid()}"
    shutil.rmtree(unfinished, ignore_errors=True)
    unfinished.mkdir(parents=True)
    make(unfinished)
    try:
        unfinished.rename(folder)
    except OSError:
        # Another process may have been faster.
        if not folder.exists():
            raise
        shutil.rmtree(unfinished)
    return folder, False


def _alive(process: int) -> bool:
    """Whether another process that may be at work on the same stage still runs."""
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return process != os.getpid()
