"""Files that users name for results: whole or not at all, and refused before the work rather than after it."""

import os
import sys
import tempfile
from contextlib import suppress
from pathlib import Path

from .errors import Deep3Error

__all__ = ["STANDARD_OUTPUT", "OutputError", "check_output", "write_bytes", "write_text"]

STANDARD_OUTPUT = "-"
"""As the name of a file for text."""


class OutputError(Deep3Error):
    """A file that cannot be written; the message has its path."""


def check_output(name: str) -> None:
    """Refuse a file that could not be written: before hours of work, not after.

    Raises
    ------
    OutputError
        For a folder that is not there, a folder in the place of the file, a place that may not be written.
    """
    path = Path(name)
    if name == STANDARD_OUTPUT:
        return
    if path.is_dir():
        raise OutputError(f"{path}: cannot be written: it is a folder")
    if not path.parent.is_dir():
        raise OutputError(f"{path}: cannot be written: there is no folder {path.parent}")
    if not os.access(path if path.exists() else path.parent, os.W_OK):
        raise OutputError(f"{path}: cannot be written: permission denied")


def write_text(name: str, text: str) -> None:
    """Write a whole file in UTF-8, or nothing; ``-`` is standard output.

    Raises
    ------
    OutputError
        When it cannot be written; what was there before is there still.
    """
    if name == STANDARD_OUTPUT:
        sys.stdout.write(text)
        return
    write_bytes(name, text.encode())


def write_bytes(name: str, content: bytes) -> None:
    """Write a whole file, or nothing.

    Raises
    ------
    OutputError
        When it cannot be written; what was there before is there still.
    """
    check_output(name)
    path = Path(name)
    if path.exists() and not path.is_file():
        # A device or a pipe: nothing to replace.
        _write(path, path, content)
        return
    descriptor, beside = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    os.close(descriptor)
    try:
        _write(Path(beside), path, content)
        os.chmod(beside, path.stat().st_mode if path.exists() else 0o666 & ~_mask())
        os.replace(beside, path.resolve())
    except BaseException:
        with suppress(OSError):
            os.unlink(beside)
        raise


def _write(place: Path, name: Path, content: bytes) -> None:
    try:
        place.write_bytes(content)
    except OSError as error:
        raise OutputError(f"{name}: cannot be written: {error.strerror or error}") from None


def _mask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
