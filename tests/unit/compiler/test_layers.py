"""Layers and networks: shapes, parameters and work by hand, and what is refused."""

import re
from collections.abc import Callable

import pytest

from deep3.compiler.network.layers import Convolution, Dense, Dropout, Flatten, Layer, LayerError, MaxPool, MeanPool
from deep3.compiler.network.network import Network
from deep3.hdl.contract.program import Function

LENET_5 = Network(
    (1, 28, 28),
    (
        Convolution(6, (5, 5), padding=(2, 2), function=Function.TANH),
        MeanPool((2, 2), (2, 2)),
        Convolution(16, (5, 5), function=Function.TANH),
        MaxPool((2, 2), (2, 2)),
        Flatten(),
        Dense(120, Function.TANH),
        Dense(84, Function.TANH),
        Dropout(0.5),
        Dense(10),
    ),
)


def test_a_dense_layer_by_hand() -> None:
    layer = Dense(3)
    assert layer.output_shape((7,)) == (3,)
    assert layer.weight_shape((7,)) == (3, 8)
    assert layer.parameters((7,)) == 24
    assert type(layer.multiply_adds((7,))) is int
    assert layer.multiply_adds((7,)) == 21


def test_a_convolution_by_hand() -> None:
    layer = Convolution(4, (3, 2), stride=(2, 1), padding=(1, 0))
    assert layer.output_shape((5, 6, 7)) == (4, 3, 6)
    assert layer.weight_shape((5, 6, 7)) == (4, 31)
    assert layer.parameters((5, 6, 7)) == 124
    assert layer.multiply_adds((5, 6, 7)) == 4 * 3 * 6 * 30
    assert Convolution(1, (1, 1), stride=(3, 3), padding=(2, 2)).output_shape((1, 1, 1)) == (1, 2, 2)


@pytest.mark.parametrize(
    ("pool", "size", "windows"),
    [
        (MaxPool((3, 3), (2, 2)), 32, 15),
        (MaxPool((3, 3), (2, 2), ceil=True), 32, 16),
        # A window that would begin behind the maps is none.
        (MaxPool((1, 1), (2, 2), ceil=True), 4, 2),
        (MaxPool((2, 2), (3, 3), (1, 1), ceil=True), 5, 2),
        # The maps need not fill the first window.
        (MeanPool((3, 3), (2, 2), ceil=True), 2, 1),
        (MeanPool((2, 2), (5, 5), (1, 1)), 5, 2),
    ],
)
def test_windows_of_a_pool_by_hand(pool: MaxPool | MeanPool, size: int, windows: int) -> None:
    assert pool.output_shape((3, size, size)) == (3, windows, windows)
    assert pool.parameters((3, size, size)) == pool.multiply_adds((3, size, size)) == 0


def test_a_network_has_the_parameters_of_its_layers() -> None:
    assert Network.uniform((7, 3, 2)).parameters == 3 * 8 + 2 * 4
    assert LENET_5.parameters == 61_706
    assert LENET_5.weight_shapes == ((6, 26), (16, 151), (120, 401), (84, 121), (10, 85))
    assert LENET_5.trained == (0, 2, 5, 6, 8)


def test_a_network_of_maps_knows_shapes_and_work() -> None:
    assert LENET_5.shapes == (
        (1, 28, 28), (6, 28, 28), (6, 14, 14), (16, 10, 10), (16, 5, 5), (400,), (120,), (84,), (84,), (10,),
    )  # fmt: skip
    assert LENET_5.inputs == 784
    assert LENET_5.classes == 10
    first, others = 28 * 28 * 6 * 25, 10 * 10 * 16 * 150 + 400 * 120 + 120 * 84 + 84 * 10
    assert LENET_5.training_multiply_adds == 2 * first + 3 * others
    # Nothing goes back to layers before the first that has weights.
    behind = Network((1, 4, 4), (MaxPool((2, 2), (2, 2)), Flatten(), Dense(2)))
    assert behind.training_multiply_adds == 2 * 8


def test_only_fully_connected_networks_are_dense() -> None:
    assert Network.uniform((7, 3, 2)).is_dense
    assert not LENET_5.is_dense
    assert not Network((1, 2, 2), (Flatten(), Dense(2))).is_dense
    for name in ("sizes", "functions"):
        message = (
            f"{name} are those of fully connected layers alone, not of Convolution, MeanPool, MaxPool, Flatten, Dense, "
            "Dropout on samples of (1, 28, 28)"
        )
        with pytest.raises(LayerError, match=f"^{re.escape(message)}$"):
            getattr(LENET_5, name)


MAPS, VECTOR = (2, 4, 4), (8,)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Dense(0), "every size must be an integer between 1 and 4096, not 0"),
        (lambda: Dense(3, "tanh"), "every function must be a Function, not 'tanh'"),
        (lambda: Convolution(4097, (3, 3)), "every size must be an integer between 1 and 4096, not 4097"),
        (lambda: Convolution(4, 3), "kernel must be two integers between 1 and 4093, not 3"),
        (lambda: Convolution(4, (3, 3), (0, 1)), "stride must be two integers between 1 and 4093, not (0, 1)"),
        (
            lambda: Convolution(4, (3, 3), padding=(1, -1)),
            "padding must be two integers between 0 and 4093, not (1, -1)",
        ),
        (lambda: Convolution(4, (3, True)), "kernel must be two integers between 1 and 4093, not (3, True)"),
        (lambda: Convolution(4, (3, 3), function=None), "every function must be a Function, not None"),
        (lambda: MaxPool((2, 2), (2, 2, 2)), "stride must be two integers between 1 and 4093, not (2, 2, 2)"),
        (
            lambda: MaxPool((3, 2), (2, 2), (1, 2)),
            "padding of a pool must be at most half of kernel (3, 2), not (1, 2)",
        ),
        (lambda: MaxPool((2, 2), (2, 2), ceil=1), "ceil must be true or false, not 1"),
        (lambda: MeanPool((2, 2), (2, 2), function=1), "every function must be a Function, not 1"),
        (lambda: Dropout(1), "probability of a dropout must be at least 0 and below 1, not 1"),
        (lambda: Dropout(float("nan")), "probability of a dropout must be at least 0 and below 1, not nan"),
        (lambda: Dense(3).output_shape((2, 7)), "a dense layer takes a vector, not samples of the shape (2, 7)"),
        (
            lambda: Convolution(4, (3, 3)).output_shape((8,)),
            "a convolution takes maps, channels x height x width, not samples of the shape (8,)",
        ),
        (
            lambda: MaxPool((2, 2), (2, 2)).output_shape((8,)),
            "a pool takes maps, channels x height x width, not samples of the shape (8,)",
        ),
        (
            lambda: Flatten().output_shape((8,)),
            "a flatten takes maps, channels x height x width, not samples of the shape (8,)",
        ),
        (
            lambda: Convolution(4, (5, 5)).output_shape(MAPS),
            "a kernel of (5, 5) must fit into the maps with a padding of (0, 0), not reach beyond samples of the shape "
            "(2, 4, 4)",
        ),
        (
            lambda: MaxPool((5, 5), (1, 1)).output_shape(MAPS),
            "a window of (5, 5) must fit into the maps with a padding of (0, 0), not reach beyond samples of the shape "
            "(2, 4, 4)",
        ),
        (
            lambda: Network(MAPS, (Convolution(4, (3, 3)),)),
            "the last layer must give a vector, not maps of shape (4, 2, 2); add Flatten",
        ),
        (lambda: Network(MAPS, (Flatten(),)), "layers must have one with weights among them, Dense or Convolution"),
        (
            lambda: Network(MAPS, (Convolution(4, (4, 4), function=Function.RELU), Flatten())),
            "the last of functions must be IDENTITY, not RELU",
        ),
        (
            lambda: Network(MAPS, (Flatten(), Dense(2), MaxPool((2, 2), (2, 2)))),
            "a pool takes maps, channels x height x width, not samples of the shape (2,)",
        ),
    ],
)
def test_what_cannot_be_is_refused(make: Callable[[], Layer | Network], message: str) -> None:
    with pytest.raises(LayerError, match=f"^{re.escape(message)}$"):
        make()
