"""A model of the user's own by what is typed behind ``--model``: ``FILE.py:NAME`` or ``FILE.onnx``."""

import importlib.util
import sys
import traceback
from pathlib import Path
from typing import TYPE_CHECKING, Any

from deep3.errors import Deep3Error, UsageError

if TYPE_CHECKING:
    from torch import nn

__all__ = ["ModelFileError", "find_model", "find_module"]


class ModelFileError(Deep3Error):
    """A file that gives no model."""


class ModelNameError(ModelFileError, UsageError):
    """What is no name of a model."""


def find_model(text: str, seed: int) -> "nn.Module | Path":
    """The path of an ONNX file, or the module that a file of Python gives.

    The file is executed: it is the user's own. ``NAME`` in it is a module, or a class or a function without arguments
    that makes one.

    Parameters
    ----------
    text
        ``FILE.py:NAME`` or ``FILE.onnx``.
    seed
        Of weights that PyTorch draws in the file.

    Raises
    ------
    ModelNameError
        For anything else.
    ModelFileError
        When the file is not there, does not run, or gives no module.
    """
    return Path(text) if text.lower().endswith(".onnx") else find_module(text, seed)


def find_module(text: str, seed: int) -> "nn.Module":
    """`find_model` of ``FILE.py:NAME`` alone."""
    file, _, name = text.rpartition(":")
    if not file.lower().endswith(".py") or not name.isidentifier():
        raise ModelNameError(f"model must be FILE.py:NAME or FILE.onnx, not {text!r}")
    path = Path(file)
    if not path.is_file():
        raise ModelFileError(f"{path}: there is no such file")
    return _module(path, name, seed)


def _module(path: Path, name: str, seed: int) -> "nn.Module":
    import torch
    from torch import nn

    torch.manual_seed(seed)
    values = _executed(path)
    if name not in values:
        names = sorted(key for key, value in values.items() if isinstance(value, type) and issubclass(value, nn.Module))
        found = f"; found: {', '.join(names)}" if names else ""
        raise ModelFileError(f"{path}: there is no {name} in it{found}")
    found = values[name]
    if not isinstance(found, nn.Module):
        if not callable(found):
            raise ModelFileError(f"{path}: {name} must be a module, or what makes one without arguments, not {found!r}")
        try:
            found = found()
        except Exception as error:
            raise ModelFileError(f"{path}: {name}() fails: {_line(error, path)}") from None
    if not isinstance(found, nn.Module):
        raise ModelFileError(f"{path}: {name}() must make an nn.Module, not {type(found).__name__}")
    return found


def _executed(path: Path) -> dict[str, Any]:
    """What a file of Python defines."""
    module_name = f"deep3_model_{path.stem}"
    spec = importlib.util.spec_from_file_location(module_name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    # Dataclasses look their module up, and files import what lies beside them.
    sys.modules[module_name] = module
    sys.path.insert(0, str(path.resolve().parent))
    try:
        spec.loader.exec_module(module)
    except (Exception, SystemExit) as error:
        raise ModelFileError(f"{path}: cannot be executed: {_line(error, path)}") from None
    finally:
        sys.path.pop(0)
    return vars(module)


def _line(error: BaseException, path: Path) -> str:
    """What went wrong, and on which line of the file."""
    file = str(path.absolute())
    lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == file]
    where = f" (line {lines[-1]})" if lines else ""
    said = " ".join(str(error).split())
    return f"{type(error).__name__}: {said}{where}" if said else f"{type(error).__name__}{where}"
