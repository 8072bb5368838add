"""Quantisers of QONNX: those of weights are computed, those of activations refused."""

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from .graph import refuse
from .onnx_arrays import read_array
from .onnx_operators import place_of

if TYPE_CHECKING:
    import onnx

__all__ = ["quantised", "without_quantisers"]

ROUNDINGS = {"ROUND": np.rint, "CEIL": np.ceil, "FLOOR": np.floor, "ROUND_TO_ZERO": np.trunc}


def without_quantisers(model: "onnx.ModelProto") -> "onnx.ModelProto":
    """The model with constants in the place of ``Quant`` nodes over constants.

    Raises
    ------
    ModelError
        For quantisers of activations, whose rounding no layer has, and for those with an unknown rounding.
    """
    import onnx

    constants = {tensor.name: read_array(tensor, tensor.name).values for tensor in model.graph.initializer}
    kept = []
    for number, node in enumerate(model.graph.node):
        if node.op_type == "Constant" and node.attribute[0].name == "value":
            constants[node.output[0]] = read_array(node.attribute[0].t, node.output[0]).values
        if node.op_type != "Quant":
            kept.append(node)
            continue
        place = place_of(node, number)
        if any(name not in constants for name in node.input):
            remedy = "leave it out: activations are rounded to Q3.12 by the engine"
            raise refuse(place, "it quantises activations, which no layer does", remedy)
        attributes = {attribute.name: onnx.helper.get_attribute_value(attribute) for attribute in node.attribute}
        rounding = attributes.get("rounding_mode", b"ROUND").decode()
        if rounding not in ROUNDINGS:
            raise refuse(place, f"its rounding_mode is {rounding!r}", f"use one of {', '.join(ROUNDINGS)}")
        x, scale, zero, bits = (constants[name] for name in node.input)
        values = quantised(
            x,
            scale,
            zero,
            bits,
            signed=bool(attributes.get("signed", 1)),
            narrow=bool(attributes.get("narrow", 0)),
            rounding=rounding,
        )
        constants[node.output[0]] = values
        model.graph.initializer.append(onnx.numpy_helper.from_array(values, node.output[0]))
    del model.graph.node[:]
    model.graph.node.extend(kept)
    return model


def quantised(
    values: NDArray[np.float64],
    scale: NDArray[np.float64],
    zero: NDArray[np.float64],
    bits: NDArray[np.float64],
    signed: bool,
    narrow: bool,
    rounding: str,
) -> NDArray[np.float64]:
    """What ``Quant`` of QONNX makes of an array: rounded to a grid of ``bits`` bits, and back to numbers."""
    lowest = -(2.0 ** (bits - 1)) + narrow if signed else np.zeros_like(bits)
    highest = 2.0 ** (bits - 1) - 1 if signed else 2.0**bits - 1 - narrow
    grid = ROUNDINGS[rounding](np.clip(values / scale + zero, lowest, highest))
    found: NDArray[np.float64] = (grid - zero) * scale
    return found
