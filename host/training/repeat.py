"""The command that repeats a run."""

import dataclasses
import shlex
from typing import Any

from .settings import ARRAYS, TrainSettings

__all__ = ["BROUGHT_BY_CHECKPOINT", "BROUGHT_BY_MODEL", "repeating_command"]

BROUGHT_BY_CHECKPOINT = (
    "hidden", "model", "input_shape", "activation", "loss", "ratio", "projection", "embedding",
)  # fmt: skip
"""Options that are not given where a run begins with a checkpoint."""
BROUGHT_BY_MODEL = ("hidden", "activation", "projection", "embedding")
"""Options that come with a model, or do not go with it."""
NAMES = {"workers": "worker", "start": "from"}
"""Of options, where those of the settings are others."""
OF_ONE_RUN = ("data", "runs", "take_over")


def repeating_command(settings: TrainSettings) -> str | None:
    """``deep3 train`` with every setting that is not the default; another folder for runs changes nothing.

    None where data or model came from the memory of a Python program.
    """
    model = settings.model
    if settings.data == ARRAYS or (model is not None and ":" not in model and not model.endswith(".onnx")):
        return None
    brought: tuple[str, ...] = ()
    if settings.start is not None:
        brought = BROUGHT_BY_CHECKPOINT
    elif settings.model is not None:
        brought = BROUGHT_BY_MODEL
    words = ["deep3", "train", settings.data]
    for field in dataclasses.fields(settings):
        value = getattr(settings, field.name)
        if field.name not in (*OF_ONE_RUN, *brought) and value != field.default:
            words += _option(NAMES.get(field.name, field.name.replace("_", "-")), value)
    return shlex.join(words)


def _option(name: str, value: Any) -> list[str]:
    if name == "worker":
        return [word for worker in value for word in ("--worker", worker)]
    if value is True:
        return [f"--{name}"]
    if isinstance(value, tuple):
        return [f"--{name}", ",".join(map(str, value)) or "none"]
    return [f"--{name}", str(value)]
