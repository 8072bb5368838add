"""Weights back into the module of PyTorch that a network was made of."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from deep3.compiler.importers.chain import Weighted
from deep3.compiler.importers.graph import Operator, refuse

if TYPE_CHECKING:
    import torch
    from torch import nn

__all__ = ["state_dict"]


def state_dict(
    module: "nn.Module", sources: Sequence[Weighted], weights: Sequence[NDArray[np.floating]]
) -> dict[str, "torch.Tensor"]:
    """The state of ``module`` with these weights: names, shapes and types are its own.

    Batch normalisation was folded into the layer before it, so what is trained are weights and biases of both together:
    they become those of the layer, and normalisation does nothing more. Where the layer has no bias, normalisation adds
    it, as the mean that it takes away.

    Parameters
    ----------
    sources
        Where each layer lies, of `Imported`.
    weights
        A matrix for each of them.

    Raises
    ------
    ModelError
        For a bias other than 0 of a layer that has none in the module, and no normalisation behind it.
    """
    state = {name: tensor.detach().clone() for name, tensor in module.state_dict().items()}
    for source, matrix in zip(sources, weights, strict=True):
        weight, bias = matrix[:, :-1].reshape(source.weight.values.shape), matrix[:, -1]
        _put(state, source.weight.name, weight.T if source.transposed else weight)
        if source.bias is not None:
            _put(state, source.bias.name, bias)
        if source.batch_norm is not None:
            _neutralise(state, source.batch_norm, np.zeros_like(bias) if source.bias is not None else bias)
        elif source.bias is None and bias.any():
            raise refuse(
                source.place,
                "its trained bias has no place in the module",
                "make the layer with bias=True before training, or write an ONNX file",
            )
    return state


def _neutralise(state: dict[str, "torch.Tensor"], operator: Operator, bias: NDArray[np.floating]) -> None:
    """Batch normalisation that only adds ``bias``."""
    epsilon = operator.attributes["epsilon"]
    assert isinstance(epsilon, float)
    values = {
        "scale": np.ones_like(bias),
        "shift": np.zeros_like(bias),
        "mean": -bias,
        "variance": np.full_like(bias, 1 - epsilon),
    }
    for role, array in operator.arrays.items():
        _put(state, array.name, values[role])


def _put(state: dict[str, "torch.Tensor"], name: str, values: NDArray[np.floating]) -> None:
    import torch

    there = state[name]
    state[name] = torch.from_numpy(np.ascontiguousarray(values)).to(there.dtype).to(there.device).reshape(there.shape)
