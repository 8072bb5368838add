"""Layers and networks: shapes, parameters and work by hand."""

import pytest

from deep3.compiler.network.layers import Dense
from deep3.compiler.network.network import Network


def test_a_dense_layer_by_hand() -> None:
    layer = Dense(3)
    assert layer.output_shape((7,)) == (3,)
    assert layer.weight_shape((7,)) == (3, 8)
    assert layer.parameters((7,)) == 24
    assert type(layer.multiply_adds((7,))) is int
    assert layer.multiply_adds((7,)) == 21
    with pytest.raises(ValueError, match=r"^a dense layer takes a vector, not samples of the shape \(2, 7\)$"):
        layer.output_shape((2, 7))


def test_a_network_has_the_parameters_of_its_layers() -> None:
    assert Network.uniform((7, 3, 2)).parameters == 3 * 8 + 2 * 4
