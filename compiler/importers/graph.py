"""A model of another tool as a plain list of operators: what every front end gives and `lower` takes."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from deep3.errors import Deep3Error

__all__ = ["Array", "Graph", "ModelError", "Operator", "OtherSamples", "refuse"]


class ModelError(Deep3Error, ValueError):
    """A model that cannot be read, or that holds what no layer computes; the message says where in the model."""


class OtherSamples(ModelError):
    """A model that takes samples of another shape than it was given."""


@dataclass(frozen=True)
class Array:
    """Numbers that a model brings: their name in it, and the values in float64."""

    name: str
    values: NDArray[np.float64]


@dataclass(frozen=True)
class Operator:
    """One operator of a model.

    Attributes
    ----------
    kind
        One of `lower.KINDS`, or the name that the other tool gives an operator for which there is none.
    place
        Where it stands, for messages: module path or node name, and its type there.
    inputs, output
        Names of the values that it takes from other operators, and of the one that it gives.
    shape
        Of the output, without the samples: () where the front end does not know it.
    attributes
        By kind: ``stride``, ``dilation`` (pairs), ``padding`` (top, left, bottom, right), ``groups``; ``kernel``,
        ``ceil``, ``count_padding``; ``size`` of an adaptive pool; ``probability``; ``epsilon``; ``axis``.
    arrays
        ``weight`` and ``bias``; of batch normalisation ``scale``, ``shift``, ``mean``, ``variance``. The weight of a
        linear operator is outputs x inputs, that of a convolution maps x channels x height x width.
    transposed
        The weight lies in the model with its axes exchanged.
    """

    kind: str
    place: str
    inputs: tuple[str, ...]
    output: str
    shape: tuple[int, ...] = ()
    attributes: Mapping[str, object] = field(default_factory=dict)
    arrays: Mapping[str, Array] = field(default_factory=dict)
    transposed: bool = False


@dataclass(frozen=True)
class Graph:
    """A whole model.

    Attributes
    ----------
    name
        For messages: a class or a file.
    input, output
        Names of the values.
    input_shape
        Without the samples.
    operators
        Each behind those whose outputs it takes.
    """

    name: str
    input: str
    input_shape: tuple[int, ...]
    output: str
    operators: tuple[Operator, ...]


def refuse(place: str, reason: str, remedy: str) -> ModelError:
    """The error for an operator that no layer computes."""
    return ModelError(f"{place}: {reason}; {remedy}")
