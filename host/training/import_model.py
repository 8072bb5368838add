"""A model of the user's own as a network for samples and classes of data."""

import math
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from deep3.compiler.importers.chain import Imported
from deep3.compiler.importers.graph import ModelError, OtherSamples
from deep3.compiler.importers.model import import_model
from deep3.hdl.contract.program import Loss

from .model_file import find_model
from .settings import LOSSES, SettingsError

if TYPE_CHECKING:
    from torch import nn

__all__ = ["check_classes", "import_for", "load_model"]


class Samples(Protocol):
    """What a model is to take: a `host.data.Dataset` or a `host.data.Table`."""

    @property
    def name(self) -> str: ...

    @property
    def features(self) -> int: ...

    @property
    def sample_shape(self) -> tuple[int, ...]: ...


def import_for(
    data: Samples, model: "nn.Module | str", input_shape: tuple[int, ...] | None, loss: Loss, seed: int
) -> Imported:
    """The network and the weights of a module, or of what `find_model` finds under a name.

    Parameters
    ----------
    input_shape
        Of one sample; None for that of the data: maps where they are such, else vectors.
    loss
        See `import_model`.
    seed
        See `find_model`.

    Raises
    ------
    SettingsError, ModelFileError, ModelError
        For a model that is none, or does not take the samples.
    """
    shapes = [input_shape] if input_shape else [data.sample_shape, (data.features,)]
    if input_shape and math.prod(input_shape) != data.features:
        text = ",".join(map(str, input_shape))
        raise SettingsError(
            f"input-shape {text} is that of {math.prod(input_shape)} values; {data.name} has {data.features}"
        )
    found = find_model(model, seed) if isinstance(model, str) else model
    try:
        return import_model(found, [shape for shape in shapes if shape], loss)
    except OtherSamples as error:
        remedy = "" if input_shape else "; --input-shape says how samples are cut into maps"
        raise OtherSamples(f"{error}{remedy}") from None


def load_model(model: "nn.Module | str | Path", input_shape: tuple[int, ...], loss: str = "softmax") -> Imported:
    """A model of PyTorch or ONNX as a network and its weights.

    Parameters
    ----------
    model
        A module, which stays as it is; or ``FILE.py:NAME``, which is executed, or ``FILE.onnx``.
    input_shape
        Of one sample: (features,) or (channels, height, width).
    loss
        "softmax" or "mse".

    Returns
    -------
    Imported
        With ``network``, a `Network`, and ``weights``: a matrix for each layer that has weights, ``outputs x
        (inputs + 1)``, the kernels of a convolution as rows, the biases in the last column.

    Raises
    ------
    SettingsError, ModelFileError, ModelError
        For a model that is none, takes other samples, or holds what no layer computes: where, why, and what would do.

    Examples
    --------
    >>> import deep3
    >>> from torch import nn
    >>> module = nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(36, 10))
    >>> model = deep3.load_model(module, (1, 8, 8))
    >>> model.network.shapes
    ((1, 8, 8), (4, 6, 6), (4, 3, 3), (36,), (10,))
    >>> [matrix.shape for matrix in model.weights]
    [(4, 10), (10, 37)]
    """
    if loss not in LOSSES:
        raise SettingsError(f"loss must be one of {', '.join(LOSSES)}, not {loss!r}")
    found = find_model(str(model), 1) if isinstance(model, str | Path) else model
    return import_model(found, [tuple(input_shape)], LOSSES[loss])


def check_classes(model: str, outputs: int, data: str, classes: int) -> None:
    """The model tells apart as many classes as the data have.

    Raises
    ------
    ModelError
        When it does not.
    """
    if outputs != classes:
        raise ModelError(f"{model}: it has {outputs} outputs, but {data} has {classes} classes")
