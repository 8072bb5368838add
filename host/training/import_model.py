"""A model of the user's own as a network for samples and classes of data."""

import math
from typing import TYPE_CHECKING, Protocol

from deep3.compiler.importers.chain import Imported
from deep3.compiler.importers.graph import ModelError, OtherSamples
from deep3.compiler.importers.model import import_model
from deep3.hdl.contract.program import Loss

from .model_file import find_model
from .settings import SettingsError

if TYPE_CHECKING:
    from torch import nn

__all__ = ["check_classes", "import_for"]


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


def check_classes(model: str, outputs: int, data: str, classes: int) -> None:
    """The model tells apart as many classes as the data have.

    Raises
    ------
    ModelError
        When it does not.
    """
    if outputs != classes:
        raise ModelError(f"{model}: it has {outputs} outputs, but {data} has {classes} classes")
