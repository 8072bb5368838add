"""An ONNX file as a graph of operators."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from deep3.compiler.network.layers import Shape

from .graph import Array, Graph, ModelError, OtherSamples
from .onnx_arrays import read_array
from .onnx_operators import translate
from .quantisers import without_quantisers

if TYPE_CHECKING:
    import onnx

__all__ = ["read_onnx"]

SAMPLES = 3
"""Of the batch where the file leaves it open: more than one, so that an operator over the samples is seen as such."""


def read_onnx(path: Path, input_shape: Shape) -> Graph:
    """The operators of a model in an ONNX file.

    Parameters
    ----------
    path
        Of the file.
    input_shape
        Of one sample: what the file leaves open, and to be what it says.

    Raises
    ------
    ModelError
        For a file that cannot be read or is damaged, and a model of samples of another shape.
    """
    model = without_quantisers(_load(path))
    graph = model.graph
    constants = {tensor.name: read_array(tensor, tensor.name) for tensor in graph.initializer}
    inputs = [value for value in graph.input if value.name not in constants]
    if len(inputs) != 1 or len(graph.output) != 1:
        raise ModelError(
            f"{path}: it must have one input and one output, not {len(inputs)} and {len(graph.output)}"
        )
    _fix_shape(path, inputs[0], input_shape)
    shapes = _shapes(path, model)
    for node in graph.node:
        if node.op_type == "Constant":
            constants |= _constant(node)
        elif node.op_type == "Identity" and node.input[0] in constants:
            constants[node.output[0]] = constants[node.input[0]]
    operators = [
        operator
        for number, node in enumerate(graph.node)
        if node.op_type != "Constant" and node.output[0] not in constants
        for operator in translate(node, number, constants, shapes)
    ]
    return Graph(str(path), inputs[0].name, input_shape, graph.output[0].name, tuple(operators))


def _load(path: Path) -> "onnx.ModelProto":
    import onnx

    if not path.is_file():
        raise ModelError(f"{path}: there is no such file")
    try:
        model = onnx.load(path)
    except OSError as error:
        raise ModelError(f"{path}: cannot be read: {error.strerror or error}") from None
    except Exception:  # The error of protobuf, a package that is onnx's own business.
        raise ModelError(f"{path}: damaged, or no ONNX file; write it again") from None
    try:
        onnx.checker.check_model(model)
    except (onnx.checker.ValidationError, UnicodeDecodeError) as error:
        raise ModelError(f"{path}: damaged, or no model of ONNX: {_line(error)}") from None
    return model


def _fix_shape(path: Path, value: "onnx.ValueInfoProto", given: Shape) -> None:
    """Fill in what the file leaves open in the shape of the input."""
    samples, *sizes = value.type.tensor_type.shape.dim or [None]
    told = [str(size.dim_value) if size.dim_value > 0 else size.dim_param or "?" for size in sizes]
    fits = len(given) == len(sizes) and all(
        size.dim_value in (0, wanted) for size, wanted in zip(sizes, given, strict=True)
    )
    if samples is None or not fits:
        raise OtherSamples(f"{path}: it takes samples of the shape ({', '.join(told)}), not {given!r}")
    for size, wanted in zip(sizes, given, strict=True):
        size.dim_value = wanted
    if samples.dim_value < 1:
        samples.dim_value = SAMPLES


def _shapes(path: Path, model: "onnx.ModelProto") -> Mapping[str, Shape]:
    """Of one sample, for every value whose shape can be told."""
    import onnx

    # What the file says of values inside was said for another batch.
    del model.graph.value_info[:]
    for output in model.graph.output:
        output.type.tensor_type.ClearField("shape")
    try:
        inferred = onnx.shape_inference.infer_shapes(model, strict_mode=True, data_prop=True)
    except Exception as error:  # Of a type that onnx does not name.
        raise ModelError(f"{path}: its shapes do not follow from each other: {_line(error)}") from None
    found = {}
    for value in (*inferred.graph.value_info, *inferred.graph.output):
        sizes = [size.dim_value for size in value.type.tensor_type.shape.dim]
        if sizes and min(sizes) > 0:
            found[value.name] = tuple(sizes[1:])
    found[model.graph.input[0].name] = tuple(
        size.dim_value for size in model.graph.input[0].type.tensor_type.shape.dim[1:]
    )
    return found


def _constant(node: "onnx.NodeProto") -> dict[str, Array]:
    """The array of a node that gives one; of sparse arrays and text none."""
    import onnx

    attribute = node.attribute[0]
    value: Any = onnx.helper.get_attribute_value(attribute)
    if attribute.name == "value":
        return {node.output[0]: read_array(value, node.output[0])}
    if attribute.name in ("value_float", "value_floats", "value_int", "value_ints"):
        return {node.output[0]: Array(node.output[0], np.asarray(value, dtype=np.float64))}
    return {}


def _line(error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[0].rstrip(".;") if lines else type(error).__name__
