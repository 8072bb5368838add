"""Operators of ONNX in the words of `graph`."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from deep3.compiler.network.layers import Shape

from .graph import Array, Operator, refuse

if TYPE_CHECKING:
    import onnx

__all__ = ["place_of", "translate"]


@dataclass(frozen=True)
class _Node:
    """A node, its attributes as values of Python, and what is known of its inputs."""

    place: str
    inputs: tuple[str, ...]
    attributes: Mapping[str, Any]
    constants: Mapping[str, Array]
    shapes: Mapping[str, Shape]

    def constant(self, number: int) -> Array | None:
        """That input, where it is there and constant."""
        return self.constants.get(self.inputs[number]) if number < len(self.inputs) else None

    def sides(self) -> tuple[int, ...]:
        """Top, left, bottom, right of the padding.

        Raises
        ------
        ModelError
            Where the file leaves them to sizes that are not known.
        """
        automatic = self.attributes.get("auto_pad", b"NOTSET").decode()
        if automatic == "NOTSET":
            return tuple(self.attributes.get("pads", (0, 0, 0, 0)))
        if automatic == "VALID":
            return (0, 0, 0, 0)
        shape = self.shapes.get(self.inputs[0], ())
        if len(shape) != 3:
            raise refuse(self.place, f"its padding is {automatic} of maps of an unknown size", "write it out as pads")
        before, behind = [], []
        for size, kernel, stride in zip(shape[1:], self.kernel(), self.pair("strides"), strict=True):
            whole = max(0, (math.ceil(size / stride) - 1) * stride + kernel - size)
            less = whole // 2
            before.append(less if automatic == "SAME_UPPER" else whole - less)
            behind.append(whole - less if automatic == "SAME_UPPER" else less)
        return (*before, *behind)

    def kernel(self) -> tuple[int, ...]:
        """Of a pool or of the weights of a convolution."""
        weight = self.constant(1)
        return self.pair("kernel_shape") if weight is None else weight.values.shape[2:]

    def pair(self, name: str) -> tuple[int, ...]:
        """An attribute of two numbers, 1 each by default."""
        return tuple(self.attributes.get(name, (1, 1)))


@dataclass(frozen=True)
class _Meaning:
    """What a node is; ``roles`` are the inputs that bring arrays, by the name of the array."""

    kind: str
    attributes: Mapping[str, object] = field(default_factory=dict)
    roles: Mapping[str, int] = field(default_factory=dict)
    transposed: bool = False


def place_of(node: "onnx.NodeProto", number: int) -> str:
    """A node in messages."""
    name = f"node {node.name!r}" if node.name else f"node number {number}"
    return f"{name} ({node.op_type})"


def translate(
    node: "onnx.NodeProto", number: int, constants: Mapping[str, Array], shapes: Mapping[str, Shape]
) -> list[Operator]:
    """The operators that one node is.

    Raises
    ------
    ModelError
        For a node that cannot be told in other words.
    """
    import onnx

    values = {attribute.name: onnx.helper.get_attribute_value(attribute) for attribute in node.attribute}
    read = _Node(place_of(node, number), tuple(node.input), values, constants, shapes)
    make = _MEANINGS.get(node.op_type) if node.domain in ("", "ai.onnx") else None
    meaning = _Meaning(node.op_type) if make is None else make(read)
    arrays = {role: array for role, index in meaning.roles.items() if (array := read.constant(index)) is not None}
    if meaning.transposed and "weight" in arrays:
        arrays["weight"] = Array(arrays["weight"].name, arrays["weight"].values.T)
    tensors = tuple(name for name in node.input if name and name not in constants)
    if meaning.kind == "reshape":
        # The new shape may be computed from the old one; what comes of it is known.
        tensors = tensors[:1]
    output, shape = node.output[0], shapes.get(node.output[0], ())
    if node.op_type == "ReduceMean" and meaning.kind == "adaptive_mean_pool" and not values.get("keepdims", 1):
        pooled = f"{output} pooled"
        return [
            Operator(meaning.kind, read.place, tensors, pooled, (), meaning.attributes),
            Operator("reshape", read.place, (pooled,), output, shape),
        ]
    return [Operator(meaning.kind, read.place, tensors, output, shape, meaning.attributes, arrays, meaning.transposed)]


def _convolution(node: _Node) -> _Meaning:
    if len(node.kernel()) != 2:
        return _Meaning("convolution_1d" if len(node.kernel()) == 1 else "convolution in space")
    attributes = {
        "stride": node.pair("strides"),
        "padding": node.sides(),
        "dilation": node.pair("dilations"),
        "groups": node.attributes.get("group", 1),
    }
    return _Meaning("convolution", attributes, {"weight": 1, "bias": 2})


def _gemm(node: _Node) -> _Meaning:
    factors = tuple(node.attributes.get(name, 1.0) for name in ("alpha", "beta"))
    if factors != (1.0, 1.0) or node.attributes.get("transA", 0):
        raise refuse(node.place, "it scales or transposes its input", "use alpha=1, beta=1 and transA=0")
    return _Meaning("linear", roles={"weight": 1, "bias": 2}, transposed=not node.attributes.get("transB", 0))


def _add(node: _Node) -> _Meaning:
    given = [number for number in range(2) if node.constant(number) is not None]
    return _Meaning("add_constant", roles={"bias": given[0]}) if len(given) == 1 else _Meaning("add")


def _pool(kind: str) -> Callable[[_Node], _Meaning]:
    def make(node: _Node) -> _Meaning:
        if len(node.pair("kernel_shape")) != 2:
            return _Meaning(f"{kind} over {len(node.pair('kernel_shape'))} dimensions")
        attributes = {
            "kernel": node.pair("kernel_shape"),
            "stride": node.pair("strides"),
            "padding": node.sides(),
            "ceil": bool(node.attributes.get("ceil_mode", 0)),
            "dilation": node.pair("dilations"),
            "count_padding": bool(node.attributes.get("count_include_pad", 0)),
        }
        return _Meaning(kind, attributes)

    return make


def _reduce_mean(node: _Node) -> _Meaning:
    axes = node.attributes.get("axes")
    if axes is None and (given := node.constant(1)) is not None:
        axes = given.values.tolist()
    if axes is None or sorted(int(axis) % 4 for axis in axes) != [2, 3]:
        return _Meaning("ReduceMean")
    return _Meaning("adaptive_mean_pool", {"size": (1, 1)})


def _dropout(node: _Node) -> _Meaning:
    ratio = node.constant(1)
    probability = node.attributes.get("ratio", 0.5) if ratio is None else ratio.values.item()
    # A decimal fraction that went through single precision comes back as itself.
    return _Meaning("dropout", {"probability": float(str(np.float32(probability)))})


def _batch_norm(node: _Node) -> _Meaning:
    roles = {"scale": 1, "shift": 2}
    if not node.attributes.get("training_mode", 0):
        roles |= {"mean": 3, "variance": 4}
    return _Meaning("batch_norm", {"epsilon": float(node.attributes.get("epsilon", 1e-5))}, roles)


def _softmax(node: _Node) -> _Meaning:
    return _Meaning("softmax", {"axis": node.attributes.get("axis", -1)})


def _global(kind: str) -> Callable[[_Node], _Meaning]:
    return lambda node: _Meaning(kind, {"size": (1, 1)})


def _plain(kind: str) -> Callable[[_Node], _Meaning]:
    return lambda node: _Meaning(kind)


_MEANINGS: dict[str, Callable[[_Node], _Meaning]] = {
    "Gemm": _gemm,
    "MatMul": lambda node: _Meaning("linear", roles={"weight": 1}, transposed=True),
    "Add": _add,
    "Conv": _convolution,
    "ConvTranspose": _plain("convolution_transposed"),
    "BatchNormalization": _batch_norm,
    "MaxPool": _pool("max_pool"),
    "AveragePool": _pool("mean_pool"),
    "GlobalAveragePool": _global("adaptive_mean_pool"),
    "GlobalMaxPool": _global("adaptive_max_pool"),
    "ReduceMean": _reduce_mean,
    "Flatten": _plain("reshape"),
    "Reshape": _plain("reshape"),
    "Squeeze": _plain("reshape"),
    "Unsqueeze": _plain("reshape"),
    "Dropout": _dropout,
    "Tanh": _plain("tanh"),
    "Sigmoid": _plain("sigmoid"),
    "Relu": _plain("relu"),
    "Softmax": _softmax,
    "LogSoftmax": _softmax,
    "Identity": _plain("identity"),
    "Concat": _plain("concatenate"),
    "Pad": _plain("pad"),
}
