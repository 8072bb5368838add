"""`compiler.layout` and `compiler.network.layers`: no overlap, images that come back, refusals."""

import dataclasses
import re
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from deep3.compiler.layout import DoesNotFit, Layout, Matrix, most_buffers
from deep3.compiler.network.network import Network
from deep3.compiler.tensors import pitch_words
from deep3.hdl.contract.config import EngineConfig
from deep3.hdl.contract.program import Function, Loss, Memory

hidden_functions = st.sampled_from(Function)


@st.composite
def networks(draw: st.DrawFn, widest: int = 40, deepest: int = 4) -> Network:
    sizes = tuple(draw(st.lists(st.integers(1, widest), min_size=1, max_size=deepest)))
    functions = tuple(draw(hidden_functions) for _ in sizes[1:])
    classes = draw(st.integers(2, 16))
    loss = draw(st.sampled_from([Loss.SOFTMAX, Loss.MSE]))
    return Network.dense((*sizes, classes), (*functions, Function.IDENTITY), loss)


configs = st.builds(EngineConfig, rows=st.integers(2, 16), columns=st.integers(2, 16))


def extents(matrix: Matrix, layout: Layout) -> list[tuple[Memory, int, int]]:
    """(memory, first address, end) of a matrix in every buffer."""
    copies = layout.buffers if matrix.buffered else 1
    shifts = [copy * layout.buffer_words for copy in range(copies)]
    return [(matrix.memory, matrix.base + shift, matrix.end + shift) for shift in shifts]


@given(networks(), configs, st.integers(1, 20), st.integers(1, 4))
def test_matrices_never_overlap_and_stay_inside(
    network: Network, config: EngineConfig, batch: int, buffers: int
) -> None:
    layout = Layout(network, config, batch, buffers)
    matrices = [layout.inputs, *layout.hidden, layout.outputs, *layout.weights, *layout.errors]
    places = sorted(place for matrix in matrices for place in extents(matrix, layout))
    for (memory, _, end), (next_memory, start, _) in pairwise(places):
        assert memory != next_memory or end <= start
    sizes = {
        Memory.ACTIVATION: config.activation_words,
        Memory.WEIGHT: config.weight_words,
        Memory.ERROR: config.error_words,
    }
    assert all(0 <= start < end <= sizes[memory] for memory, start, end in places)


@given(networks(), configs, st.integers(1, 20))
def test_rows_and_columns_are_free_of_bank_conflicts(network: Network, config: EngineConfig, batch: int) -> None:
    layout = Layout(network, config, batch, 1)
    for matrix in [layout.inputs, *layout.hidden, layout.outputs, *layout.weights, *layout.errors]:
        column = matrix.base + matrix.pitch * np.arange(config.banks)
        assert len(set(column % config.banks)) == config.banks
        assert matrix.pitch >= matrix.width


@given(st.integers(1, 5000), st.sampled_from([2, 4, 8, 16]))
def test_the_pitch_is_the_least_that_serves(needed: int, banks: int) -> None:
    pitch = pitch_words(needed, banks)
    assert pitch % banks == 1
    assert needed <= pitch < needed + banks


@given(networks(), configs, st.integers(0, 2**32 - 1))
def test_weights_survive_packing(network: Network, config: EngineConfig, seed: int) -> None:
    layout = Layout(network, config, 3, 1)
    rng = np.random.default_rng(seed)
    shapes = [(matrix.rows, matrix.width) for matrix in layout.weights]
    words = [rng.integers(-32768, 32768, (rows, width + 1)).astype(np.int16) for rows, width in shapes]
    parameters = [(array[:, :-1], array[:, -1]) for array in words]
    for (weights, bias), array in zip(layout.unpack_weights(layout.pack_weights(parameters)), words, strict=True):
        np.testing.assert_array_equal(weights, array[:, :-1])
        np.testing.assert_array_equal(bias, array[:, -1])


def test_images_carry_the_ones_of_the_biases() -> None:
    layout = Layout(Network.uniform((5, 3, 2)), EngineConfig(rows=4, columns=4), batch=2)
    padded = layout.padded_inputs(np.full((1, 2, 5), 7, np.int16))
    assert padded.tolist() == [([7] * 5 + [4096] + [0] * 3) * 2]
    assert layout.borders().tolist() == [0, 0, 0, 4096, 0] * 2
    assert layout.outputs.take(np.arange(10, dtype=np.int16)).tolist() == [[0, 1], [5, 6]]


def test_a_network_without_hidden_layers_needs_no_ones() -> None:
    assert Layout(Network.uniform((5, 2)), EngineConfig(), batch=2).borders().size == 0


@given(networks(), configs, st.integers(1, 20))
def test_most_buffers_is_the_edge(network: Network, config: EngineConfig, batch: int) -> None:
    buffers = most_buffers(network, config, batch)
    assert Layout(network, config, batch, buffers).buffers == buffers
    with pytest.raises(DoesNotFit):
        Layout(network, config, batch, buffers + 1)


SMALL = EngineConfig(
    rows=4, columns=4, activation_bank_words=1024, weight_bank_words=1024, error_bank_words=1024, label_words=64,
    accumulator_words=16, max_classes=32, max_layers=2,
)  # fmt: skip


@pytest.mark.parametrize(
    ("sizes", "batch", "buffers", "message"),
    [
        ((4, 4, 4, 4), 4, 1, "layers do not fit: 3 needed, the engine has 2 layers (max_layers)"),
        ((4, 33), 4, 1, "classes do not fit: 33 needed, the engine has 32 classes (max_classes)"),
        ((4, 17), 4, 1, "classes do not fit: 17 needed, the engine has 16 sums (accumulator_words)"),
        ((4, 4), 33, 2, "labels do not fit: 66 needed, the engine has 64 words (label_words)"),
        ((4, 100, 2), 64, 1, "errors do not fit: 6784 needed, the engine has 4096 words (error_bank_words x banks)"),
        ((99, 60, 2), 2, 1, "weights do not fit: 6182 needed, the engine has 4096 words (weight_bank_words x banks)"),
        (
            (99, 4), 64, 1,
            "activations do not fit: 6784 needed, the engine has 4096 words (activation_bank_words x banks)",
        ),
    ],
)
def test_what_does_not_fit_is_named(sizes: tuple[int, ...], batch: int, buffers: int, message: str) -> None:
    with pytest.raises(DoesNotFit) as caught:
        Layout(Network.uniform(sizes), SMALL, batch, buffers)
    assert str(caught.value) == message


def test_an_engine_without_loss_unit_needs_neither_labels_nor_errors() -> None:
    forward_only = dataclasses.replace(SMALL, loss_unit=False)
    assert Layout(Network.uniform((4, 17)), forward_only, 128, 1).batch == 128


@pytest.mark.parametrize(("batch", "buffers"), [(0, 1), (1, 0), (2.0, 1), (1, True), (4094, 1), (1, 8192)])
def test_bad_batches_and_buffers_are_named(batch: int, buffers: int) -> None:
    with pytest.raises(ValueError, match=r"^(batch|buffers) must be an integer between 1 and (4093|8191), not [\w.]+$"):
        Layout(Network.uniform((4, 4)), EngineConfig(), batch, buffers)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"sizes": (4,)}, "sizes must be a tuple of two or more layer sizes, not (4,)"),
        ({"sizes": (4, 0, 2)}, "every size must be an integer between 1 and 4096, not 0"),
        ({"sizes": (4, 3, 1)}, "the last of sizes (classes) must be 2 or more, not 1"),
        ({"functions": (Function.TANH,)}, "functions must be a tuple of 2, one a layer, not (<Function.TANH: 2>,)"),
        ({"functions": (2, 0)}, "every function must be a Function, not 2"),
        ({"functions": (Function.TANH, Function.RELU)}, "the last of functions must be IDENTITY, not RELU"),
        ({"loss": Loss.ARGMAX}, "loss must be SOFTMAX or MSE, not <Loss.ARGMAX: 3>"),
    ],
)
def test_bad_networks_are_named(changes: dict[str, object], message: str) -> None:
    good = {"sizes": (4, 3, 2), "functions": (Function.TANH, Function.IDENTITY)}
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        Network.dense(**{**good, **changes})  # type: ignore[arg-type]


def test_wrong_shapes_are_named() -> None:
    layout = Layout(Network.uniform((5, 2)), EngineConfig(), batch=2)
    with pytest.raises(ValueError, match=r"^samples must be int16 \[batches, 2, 5\], not int16 \[1, 3, 5\]$"):
        layout.padded_inputs(np.zeros((1, 3, 5), np.int16))
    with pytest.raises(ValueError, match=r"^parameters must hold 1 layers, not 0$"):
        layout.pack_weights([])
    with pytest.raises(ValueError, match=r"^bias of layer 0 must be int16 \(2,\), not int64 \(2,\)$"):
        layout.pack_weights([(np.zeros((2, 5), np.int16), np.zeros(2, np.int64))])  # type: ignore[list-item]
    with pytest.raises(ValueError, match=r"^image must have shape \(18,\), not \(3,\)$"):
        layout.unpack_weights(np.zeros(3, np.int16))
