"""A model of PyTorch or ONNX as a network: the one entrance to this room."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from deep3.compiler.network.layers import Shape
from deep3.hdl.contract.program import Loss

from .chain import Imported
from .graph import OtherSamples
from .lower import lower_graph
from .onnx_file import read_onnx
from .pytorch import read_module

if TYPE_CHECKING:
    from torch import nn

__all__ = ["import_model"]


def import_model(model: "nn.Module | Path", shapes: Sequence[Shape], loss: Loss = Loss.SOFTMAX) -> Imported:
    """The network and the weights of a module, or of a file of ONNX.

    Parameters
    ----------
    model
        A module stays as it is; its training mode plays no part.
    shapes
        Of one sample, one at least: the first that the model takes is that of its network.
    loss
        What the network is trained by; a softmax at the end of the model is part of it.

    Raises
    ------
    ModelError
        For a model that is damaged, takes none of the shapes, or holds what no layer computes.
    """
    reasons = []
    for shape in shapes:
        try:
            graph = read_onnx(model, shape) if isinstance(model, Path) else read_module(model, shape)
        except OtherSamples as error:
            reasons.append(error)
            continue
        return lower_graph(graph, loss)
    raise reasons[0]
