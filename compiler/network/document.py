"""A network as plain values of JSON, and back."""

import dataclasses
from collections.abc import Callable
from typing import Any

from deep3.hdl.contract.program import Function, Loss

from .layers import Convolution, Dense, Dropout, Flatten, Layer, LayerError, MaxPool, MeanPool
from .network import Network

__all__ = ["network_from_dict", "network_to_dict"]

LAYERS: dict[str, Callable[..., Layer]] = {
    layer.__name__: layer for layer in (Dense, Convolution, MaxPool, MeanPool, Flatten, Dropout)
}


def network_to_dict(network: Network) -> dict[str, Any]:
    """Numbers, texts, lists and dictionaries; layers and functions by their names."""
    layers = []
    for layer in network.layers:
        values = {field.name: getattr(layer, field.name) for field in dataclasses.fields(layer)}
        plain = {
            name: value.name if isinstance(value, Function) else list(value) if isinstance(value, tuple) else value
            for name, value in values.items()
        }
        layers.append({"layer": type(layer).__name__, **plain})
    return {"input_shape": list(network.input_shape), "layers": layers, "loss": network.loss.name}


def network_from_dict(values: dict[str, Any]) -> Network:
    """The inverse of `network_to_dict`.

    Raises
    ------
    LayerError
        For values that are no network's.
    """
    try:
        layers = tuple(_layer(layer) for layer in values["layers"])
        return Network(tuple(values["input_shape"]), layers, Loss[values["loss"]])
    except (KeyError, TypeError, AttributeError) as error:
        raise LayerError(f"not the description of a network: {error}") from None


def _layer(values: dict[str, Any]) -> Layer:
    fields = {
        name: Function[value] if name == "function" else tuple(value) if isinstance(value, list) else value
        for name, value in values.items()
        if name != "layer"
    }
    return LAYERS[values["layer"]](**fields)
