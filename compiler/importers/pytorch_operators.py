"""Operators of ATen, as `torch.export` leaves them, in the words of `graph`."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from .graph import Array, Operator, refuse

if TYPE_CHECKING:
    from torch.fx import Node

__all__ = ["translate"]

Arguments = dict[str, Any]
"""Of a call by name, defaults filled in."""


@dataclass(frozen=True)
class _Meaning:
    """What an operator is; ``roles`` are the arguments that bring arrays, by the name of the array."""

    kind: str
    attributes: Mapping[str, object] = field(default_factory=dict)
    roles: Mapping[str, str] = field(default_factory=dict)


def translate(node: "Node", model: str, constants: Mapping[str, Array]) -> list[Operator]:
    """The operators that one call of a traced module is.

    Parameters
    ----------
    node
        The call.
    model
        Name of the whole module, for messages.
    constants
        Parameters and buffers by the name of their node.

    Raises
    ------
    ModelError
        For a call that cannot be told in other words.
    """
    name, arguments = _called(node)
    place = _place(node, model, name)
    tensors = [str(part) for part in node.all_input_nodes if str(part) not in constants]
    meaning = _meaning(name, place, arguments, {str(part) for part in node.all_input_nodes}, constants)
    arrays = {}
    for role, argument in meaning.roles.items():
        if (given := arguments.get(argument)) is not None and str(given) in constants:
            arrays[role] = constants[str(given)]
    transposed = name in ("matmul", "mm")
    if transposed and "weight" in arrays:
        arrays["weight"] = Array(arrays["weight"].name, arrays["weight"].values.T)
    operator = Operator(
        meaning.kind, place, tuple(tensors), str(node), _shape(node), meaning.attributes, arrays, transposed
    )
    if name == "mean" and meaning.kind == "adaptive_mean_pool" and not arguments["keepdim"]:
        pooled = f"{node} pooled"
        flat = Operator("reshape", place, (pooled,), str(node), _shape(node))
        return [Operator(operator.kind, place, tuple(tensors), pooled, (), operator.attributes), flat]
    return [operator]


def _called(node: "Node") -> tuple[str, Arguments]:
    """Name of the operator without its overload and the underscore of what works in place, and its arguments."""
    schema = getattr(node.target, "_schema", None)
    if schema is None or node.target is None:
        name = getattr(node.target, "__name__", str(node.target))
        return ("identity" if name == "getitem" and node.args[1] == 0 else name), {}
    arguments = {argument.name: argument.default_value for argument in schema.arguments if argument.has_default_value()}
    arguments |= dict(zip((argument.name for argument in schema.arguments), node.args, strict=False))
    return schema.name.rpartition("::")[2].rstrip("_"), arguments | node.kwargs


def _place(node: "Node", model: str, name: str) -> str:
    """The module that the call comes from; where that is the user's own, the operator in it."""
    stack = list((node.meta.get("nn_module_stack") or {}).values())
    path, kind = stack[-1] if stack else ("", model)
    kind = kind if isinstance(kind, str) else kind.__name__
    short = kind.rpartition(".")[2]
    if kind.startswith("torch.nn."):
        return f"{path} ({short})" if path else short
    return f"{name} in {path} ({short})" if path else f"{name} in {short}"


def _shape(node: "Node") -> tuple[int, ...]:
    value: Any = node.meta.get("val")
    value = value[0] if isinstance(value, tuple | list) else value
    return tuple(int(size) for size in value.shape[1:]) if hasattr(value, "shape") else ()


def _pair(value: Any) -> tuple[int, ...]:
    values = tuple(value) if isinstance(value, list | tuple) else (value,)
    return values * 2 if len(values) == 1 else values


def _both_sides(value: Any) -> tuple[int, ...]:
    """Top, left, bottom, right."""
    return _pair(value) * 2


def _meaning(
    name: str, place: str, arguments: Arguments, inputs: set[str], constants: Mapping[str, Array]
) -> _Meaning:
    if name == "add" and len(inputs - set(constants)) == 1 and len(inputs) == 2:
        constant = next(key for key in ("self", "other") if str(arguments[key]) in constants)
        return _Meaning("add_constant" if arguments["alpha"] == 1 else "add", roles={"bias": constant})
    if name == "mean" and sorted(axis % 4 for axis in arguments.get("dim") or ()) != [2, 3]:
        return _Meaning(name)
    if name == "dropout" and arguments["train"]:
        raise refuse(place, "it drops values in evaluation too", "pass training=self.training, or use nn.Dropout")
    make = _MEANINGS.get(name)
    return _Meaning(name) if make is None else make(arguments)


def _convolution(arguments: Arguments) -> _Meaning:
    padding = arguments["padding"]
    kernel = arguments["weight"].meta["val"].shape[2:]
    if padding == "valid":
        padding = (0,) * len(kernel)
    dilation = _pair(arguments["dilation"])
    if padding == "same":
        # PyTorch puts the odd zero behind.
        whole = [wide * (size - 1) for wide, size in zip(dilation, kernel, strict=False)]
        sides = tuple(length // 2 for length in whole) + tuple(length - length // 2 for length in whole)
    else:
        sides = _both_sides(padding)
    attributes = {
        "stride": _pair(arguments["stride"]),
        "padding": sides,
        "dilation": dilation,
        "groups": arguments["groups"],
    }
    return _Meaning("convolution", attributes, {"weight": "weight", "bias": "bias"})


def _pool(kind: str) -> Callable[[Arguments], _Meaning]:
    def make(arguments: Arguments) -> _Meaning:
        attributes = {
            "kernel": _pair(arguments["kernel_size"]),
            # PyTorch writes no stride where it is the kernel.
            "stride": _pair(arguments["stride"] or arguments["kernel_size"]),
            "padding": _both_sides(arguments["padding"]),
            "ceil": arguments["ceil_mode"],
            "dilation": _pair(arguments.get("dilation", 1)),
            "count_padding": arguments.get("count_include_pad", True),
            "divisor": arguments.get("divisor_override"),
        }
        return _Meaning(kind, attributes)

    return make


def _batch_norm(arguments: Arguments) -> _Meaning:
    roles = {"scale": "weight", "shift": "bias"}
    if not arguments["training"]:
        roles |= {"mean": "running_mean", "variance": "running_var"}
    return _Meaning("batch_norm", {"epsilon": arguments["eps"]}, roles)


_SAME: tuple[str, ...] = ("contiguous", "clone", "detach", "alias", "identity", "lift_fresh_copy")
_SHAPES = ("flatten", "view", "reshape", "_unsafe_view", "squeeze", "unsqueeze", "unflatten")

_MEANINGS: dict[str, Callable[[Arguments], _Meaning]] = {
    "linear": lambda arguments: _Meaning("linear", roles={"weight": "weight", "bias": "bias"}),
    "matmul": lambda arguments: _Meaning("linear", roles={"weight": "other"}),
    "mm": lambda arguments: _Meaning("linear", roles={"weight": "mat2"}),
    "conv1d": lambda arguments: _Meaning("convolution_1d"),
    "conv2d": _convolution,
    "conv_transpose2d": lambda arguments: _Meaning("convolution_transposed"),
    "max_pool2d": _pool("max_pool"),
    "avg_pool2d": _pool("mean_pool"),
    "adaptive_avg_pool2d": lambda arguments: _Meaning("adaptive_mean_pool", {"size": _pair(arguments["output_size"])}),
    "adaptive_max_pool2d": lambda arguments: _Meaning("adaptive_max_pool", {"size": _pair(arguments["output_size"])}),
    "mean": lambda arguments: _Meaning("adaptive_mean_pool", {"size": (1, 1)}),
    "batch_norm": _batch_norm,
    "dropout": lambda arguments: _Meaning("dropout", {"probability": float(arguments["p"])}),
    "tanh": lambda arguments: _Meaning("tanh"),
    "sigmoid": lambda arguments: _Meaning("sigmoid"),
    "relu": lambda arguments: _Meaning("relu"),
    "softmax": lambda arguments: _Meaning("softmax", {"axis": arguments["dim"]}),
    "log_softmax": lambda arguments: _Meaning("softmax", {"axis": arguments["dim"]}),
    "cat": lambda arguments: _Meaning("concatenate"),
    "pad": lambda arguments: _Meaning("pad"),
    "constant_pad_nd": lambda arguments: _Meaning("pad"),
    **{name: lambda arguments: _Meaning("identity") for name in _SAME},
    **{name: lambda arguments: _Meaning("reshape") for name in _SHAPES},
}
