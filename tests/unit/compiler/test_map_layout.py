"""Layouts of networks with maps: no overlap, no bank conflicts, images that come back, refusals."""

import re
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from map_networks import LENET, configs, networks

from deep3.compiler.layout import DoesNotFit, Layout
from deep3.compiler.lowering import lower
from deep3.compiler.network.layers import Convolution, Dense, Dropout, Flatten, Layer, MaxPool, MeanPool
from deep3.compiler.network.network import Network
from deep3.compiler.tensors import Border, Maps
from deep3.hdl.contract.config import EngineConfig
from deep3.hdl.contract.instruction import Instruction
from deep3.hdl.contract.program import Memory, Mode

CONFIG = EngineConfig(rows=4, columns=4, max_layers=16, convolution=True)


@settings(max_examples=50)
@given(networks(), configs(), st.integers(1, 5))
def test_tensors_never_overlap_and_lanes_are_free_of_bank_conflicts(
    network: Network, config: EngineConfig, batch: int
) -> None:
    layout = Layout(network, config, batch, 1)
    tensors = [layout.inputs, *layout.hidden, layout.outputs, *layout.weights, *layout.errors]
    places = [(tensor.memory, tensor.base, tensor.end) for tensor in tensors]
    places += [(Memory.WEIGHT, base, base + len(table.words(config.rows))) for table, base in layout.constants.items()]
    for (memory, _, end), (next_memory, start, _) in pairwise(sorted(places)):
        assert memory != next_memory or end <= start
    assert all(tensor.pitch % config.banks == 1 for tensor in tensors)


@settings(max_examples=50)
@given(networks(), configs(), st.integers(0, 2**32 - 1))
def test_weights_and_samples_survive_their_images(network: Network, config: EngineConfig, seed: int) -> None:
    layout = Layout(network, config, 3, 1)
    rng = np.random.default_rng(seed)
    matrices = [rng.integers(-32768, 32768, shape).astype(np.int16) for shape in network.weight_shapes]
    image = layout.pack_weights([(matrix[:, :-1], matrix[:, -1]) for matrix in matrices])
    for (weights, bias), matrix in zip(layout.unpack_weights(image[: layout.weights[-1].end]), matrices, strict=True):
        np.testing.assert_array_equal(np.column_stack([weights, bias]), matrix)
    for table, base in layout.constants.items():
        words = table.words(config.rows)
        np.testing.assert_array_equal(image[base : base + len(words)], words)
    samples = rng.integers(-32768, 32768, (2, 3, network.inputs)).astype(np.int16)
    padded = layout.padded_inputs(samples)
    assert padded.shape == (2, layout.buffer_words)
    if layout.rows_together == 1:
        for rows, there in zip(samples, padded, strict=True):
            np.testing.assert_array_equal(layout.inputs.take(there), rows)
    shaped = samples.reshape(2, 3, *network.input_shape)
    np.testing.assert_array_equal(layout.padded_inputs(shaped), padded)


def test_borders_stand_between_rows_and_between_samples() -> None:
    maps = Maps(Memory.ACTIVATION, 0, 2, 4, 9, shape=(1, 2, 2), border=Border(1, 1, 1, 1, value=7))
    image = maps.image(np.array([[1, 2, 3, 4], [5, 6, 8, 9]], np.int16), one=False)
    assert image.tolist() == [7, 7, 7, 7, 1, 2, 7, 3, 4, 7, 7, 7, 7, 5, 6, 7, 8, 9, 7, 7, 7, 7]
    assert (maps.words, maps.origin, maps.row_pitch, maps.at(1, 1), maps.at(2, 2)) == (22, 4, 3, 8, 12)
    assert maps.take(image).tolist() == [[1, 2, 3, 4], [5, 6, 8, 9]]


def test_channels_run_fastest_and_a_one_follows_what_a_dense_layer_reads() -> None:
    network = Network((2, 1, 2), (Flatten(), Dense(2)))
    layout = Layout(network, CONFIG, 1, 1)
    assert layout.padded_inputs(np.array([[[1, 2, 3, 4]]], np.int16)).tolist() == [[1, 3, 2, 4, 4096]]
    rows = np.array([[1, 2, 3, 4], [5, 6, 7, 8]], np.int16)
    assert layout.pack_weights([(rows, np.array([9, 10], np.int16))]).tolist() == [1, 3, 2, 4, 9, 5, 7, 6, 8, 10]


def test_rows_of_images_lie_side_by_side_where_lanes_are_left() -> None:
    network = Network((1, 4, 4), (Convolution(1, (3, 2)), Flatten(), Dense(2)))
    layout = Layout(network, CONFIG, 1, 1)
    # 2 of 4 lanes a row and 3 rows, or 4 of 4 and 2; the bias takes a tile of its own then. Or 6, in 2 tiles.
    assert layout.rows_together == 3
    samples = np.arange(1, 17, dtype=np.int16).reshape(1, 1, 16)
    assert layout.padded_inputs(samples)[0, :24].tolist() == [
        1, 5, 9, 2, 6, 10, 3, 7, 11, 4, 8, 12, 5, 9, 13, 6, 10, 14, 7, 11, 15, 8, 12, 16,
    ]  # fmt: skip
    weights = np.array([[1, 2, 3, 4, 5, 6]], np.int16)
    dense = (np.zeros((2, 6), np.int16), np.zeros(2, np.int16))
    image = layout.pack_weights([(weights, np.array([9], np.int16)), dense])
    assert image[:7].tolist() == [1, 3, 5, 2, 4, 6, 9]


def test_rows_lie_side_by_side_only_where_two_batches_fit() -> None:
    roomy = EngineConfig(rows=16, activation_bank_words=8192, weight_bank_words=8192, max_layers=16, convolution=True)
    assert Layout(LENET, roomy, 8, 1).rows_together == 3
    small = EngineConfig(rows=16, activation_bank_words=2048, weight_bank_words=8192, max_layers=16, convolution=True)
    assert Layout(LENET, small, 8, 1).rows_together == 1


@pytest.mark.parametrize(
    ("layers", "message"),
    [
        (
            (Convolution(2, (3, 3)), Dropout(0.5), Flatten(), Dense(2)),
            "layers do not fit: dropout needed, the engine has none (dropout = false)",
        ),
        (
            (Convolution(2, (3, 3)), MaxPool((5, 5), (5, 5)), Flatten(), Dense(2)),
            "layer 1 does not fit: 25 positions of a window needed, the engine has 16",
        ),
        (
            (MeanPool((9, 9), (1, 1)), Convolution(2, (1, 1)), Flatten()),
            "outputs do not fit: maps of 1 x 1 needed behind the last layer, not 2 x 2; add Dense",
        ),
    ],
)
def test_what_no_engine_computes_is_named(layers: tuple[Layer, ...], message: str) -> None:
    with pytest.raises(DoesNotFit, match=f"^{re.escape(message)}$"):
        lower(Network((1, 10, 10), layers), CONFIG, 2, 1)


def test_an_engine_without_convolution_says_so() -> None:
    with pytest.raises(DoesNotFit, match=r"^layers do not fit: convolution needed, the engine has none \(convolution"):
        lower(LENET, EngineConfig(max_layers=16), 2, 1)


def test_programs_with_too_many_instructions_are_named() -> None:
    config = EngineConfig(activation_bank_words=8192, weight_bank_words=8192, convolution=True)
    with pytest.raises(DoesNotFit, match=r"^programs do not fit: \d+ needed, the engine has 64 instructions"):
        lower(LENET, config, 4, 1)


AUX = {Mode.FORWARD: Memory.NONE, Mode.BACKWARD: Memory.ACTIVATION, Mode.UPDATE: Memory.WEIGHT}


@settings(max_examples=50)
@given(networks(), configs(), st.integers(1, 9))
def test_programs_keep_the_rules_of_the_document(network: Network, config: EngineConfig, batch: int) -> None:
    try:
        lowered = lower(network, config, batch, 1)
    except DoesNotFit:
        assume(False)
        raise
    for each in (*lowered.training.instructions, *lowered.classify.instructions, *lowered.forward.instructions):
        assert 1 <= each.time_count <= config.accumulator_words
        assert each.time_count % each.window == 0
        assert each.tile_cycles >= max(each.time_count, each.tile_width, 4)
        assert 1 <= each.last_outer_width <= each.tile_width <= config.columns
        assert 1 <= each.last_reduction_width <= config.rows
        assert each.edge_width >= 1
        assert len({each.stream_memory, each.load_memory, each.aux_memory}) == 3
        assert each.aux_memory is AUX[each.mode]
        assert each.position_bits in (0, 2, 4)
        assert each.mask_bits in (0, 2, 4)
        assert bool(each.mask) == bool(each.mask_bits)
        for name in ("column", "time", "reduction", "outer"):
            _, periods = each.loop(name)
            assert all(a < b for a, b in pairwise((0, *periods)))
        assert Instruction.decode(each.encode(config.encoding), config.encoding) == each


def test_loops_that_are_too_long_are_named() -> None:
    config = EngineConfig(
        activation_bank_words=16384, error_bank_words=16384, weight_bank_words=16384, max_layers=16, convolution=True
    )
    network = Network((1, 257, 257), (Convolution(1, (1, 1)), MaxPool((4, 4), (4, 4)), Flatten(), Dense(2)))
    with pytest.raises(DoesNotFit, match=r"^layer 0 does not fit: 65536 tiles of a loop needed, the engine counts to"):
        lower(network, config, 1, 1)
