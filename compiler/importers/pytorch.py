"""``nn.Module`` of PyTorch as a graph of operators.

By `torch.export`, not `torch.fx`: it comes down to some forty operators of ATen whatever way a forward is written
(modules, functional calls, methods of tensors), with the shape of every value and the module that it comes from, and
sizes in a forward (``x.view(x.size(0), -1)``) are numbers there, where symbolic tracing leaves calls to interpret.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from deep3.compiler.network.layers import Shape

from .graph import Array, Graph, ModelError, OtherSamples
from .pytorch_operators import translate

if TYPE_CHECKING:
    import torch
    from torch import nn
    from torch.export import ExportedProgram

__all__ = ["read_module"]

SAMPLES = 3
"""Of the batch that is traced: more than one, so that an operator over the samples is seen as what it is."""


def read_module(module: "nn.Module", input_shape: Shape) -> Graph:
    """The operators of a module as it evaluates; the module stays as it is.

    Parameters
    ----------
    module
        With one tensor in, ``samples x input_shape``, and one out.
    input_shape
        Of one sample.

    Raises
    ------
    ModelError
        When it does not take such samples, or is no graph that does the same with all of them.
    """
    name = type(module).__name__
    with _evaluating(module):
        program = _exported(module, name, input_shape)
    signature = program.graph_signature
    keys = {**signature.inputs_to_parameters, **signature.inputs_to_buffers}
    keys |= signature.inputs_to_lifted_tensor_constants
    # Constants hold tensors that are part of no state, and objects that are no tensors.
    values = {**program.constants, **program.state_dict}
    constants = {node: Array(key, _numbers(values[key])) for node, key in keys.items()}
    inputs, outputs = signature.user_inputs, signature.user_outputs
    if len(inputs) != 1 or len(outputs) != 1:
        raise ModelError(f"{name}: it must have one input and one output, not {len(inputs)} and {len(outputs)}")
    operators = []
    for node in program.graph.nodes:
        if node.op == "call_function":
            operators += translate(node, name, constants)
    return Graph(name, str(inputs[0]), input_shape, str(outputs[0]), tuple(operators))


def _exported(module: "nn.Module", name: str, input_shape: Shape) -> "ExportedProgram":
    import torch

    first = next(iter(module.parameters()), torch.empty(0))
    samples = torch.zeros(SAMPLES, *input_shape, dtype=first.dtype, device=first.device)
    try:
        with torch.no_grad():
            module(samples)
    except Exception as error:  # The user's own code runs here.
        raise OtherSamples(
            f"{name}: it does not take samples of the shape {input_shape!r}: {_line(error)}"
        ) from None
    try:
        return torch.export.export(module, (samples,))
    except Exception as error:
        remedy = "its forward must do the same with all samples, whatever their values"
        raise ModelError(f"{name}: PyTorch finds no graph in it: {_line(error)}; {remedy}") from None


@contextmanager
def _evaluating(module: "nn.Module") -> Iterator[None]:
    modes = [(part, part.training) for part in module.modules()]
    module.eval()
    try:
        yield
    finally:
        for part, training in modes:
            part.training = training


def _numbers(tensor: "torch.Tensor") -> NDArray[np.float64]:
    found: NDArray[np.float64] = tensor.detach().cpu().double().numpy()
    return found


def _line(error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return f"{type(error).__name__}: {lines[0].rstrip('.;')}" if lines else type(error).__name__
