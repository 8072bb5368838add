"""Tensors of ONNX as arrays."""

from typing import TYPE_CHECKING

import numpy as np

from .graph import Array, ModelError

if TYPE_CHECKING:
    import onnx

__all__ = ["read_array"]


def read_array(tensor: "onnx.TensorProto", name: str) -> Array:
    """The numbers of a tensor under a name.

    Raises
    ------
    ModelError
        For one that is damaged, or holds no real numbers.
    """
    import onnx

    try:
        values = onnx.numpy_helper.to_array(tensor)
    except Exception:  # Of whatever kind its bytes lead to.
        raise ModelError(f"{name}: the values of this tensor are damaged; write the file again") from None
    if values.dtype.kind in "cOSU":
        raise ModelError(f"{name}: a tensor must hold real numbers, not {values.dtype}")
    with np.errstate(all="ignore"):
        return Array(name, values.astype(np.float64))
