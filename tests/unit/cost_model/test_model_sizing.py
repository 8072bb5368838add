"""Sizing of whole networks: cycles as they are run, memories just large enough, and what is said where none fits."""

import re
from collections import defaultdict
from dataclasses import replace

import pytest
from map_networks import LENET

from deep3.compiler.cycles import run_cycles
from deep3.compiler.layout import DoesNotFit, Layout
from deep3.compiler.network.layers import Convolution, Dense, Flatten, MaxPool
from deep3.compiler.network.network import Network
from deep3.compiler.network.subsample import local_network
from deep3.compiler.optimisers.optimiser import Adagrad
from deep3.cost_model.boards import BoardDescription, RoutedShape, load_board
from deep3.cost_model.choice import BUFFERS, NothingFits
from deep3.cost_model.design import Limits, ModelDesign, ModelTask, link_kind
from deep3.cost_model.engine_choice import layouts, shortages
from deep3.cost_model.model_sizing import largest_batch, size_model
from deep3.cost_model.routed import Evidence
from deep3.hdl.contract.config import BANK_GRANULARITY_WORDS
from deep3.hdl.contract.program import Function, Mode

SMALL = Network(
    (2, 10, 10),
    (Convolution(5, (3, 3), function=Function.RELU), MaxPool((2, 2), (2, 2)), Flatten(), Dense(4, Function.IDENTITY)),
)


def board_of(rows: int, columns: int, key: str = "ecpix5-85f") -> BoardDescription:
    """A board for which an array with convolution was routed."""
    return replace(load_board(key), routed=(RoutedShape(rows, columns, 130_000_000, True),))


@pytest.fixture(scope="module")
def weighed() -> list[ModelDesign]:
    return size_model(ModelTask(SMALL, "small"), board_of(4, 4), largest=True)


def test_lenet_5_in_batches_of_16_fits_where_16x8_was_routed() -> None:
    best = size_model(ModelTask(LENET, "LeNet-5", batch=16), board_of(16, 8))[0]
    layout = best.step.lowered.layout
    assert (best.config.rows, best.config.columns, best.config.convolution) == (16, 8, True)
    words = (layout.inputs.base + 2 * layout.buffer_words, layout.weights_end, layout.errors[-1].end)
    assert words == (58578, 62700, 29264)
    assert best.ground.evidence is Evidence.ROUTED
    assert 16 <= largest_batch(best) < 32


def test_cycles_are_those_of_a_run_and_the_best_has_the_fewest_seconds(weighed: list[ModelDesign]) -> None:
    for design in weighed:
        program = design.step.lowered.training.instructions
        assert design.step.cycles == run_cycles(program, design.config, 3) - run_cycles(program, design.config, 2)
    assert weighed[0].epoch_seconds == min(design.epoch_seconds for design in weighed)
    assert weighed[0].task.batch == 32


def test_what_an_optimiser_keeps_is_in_the_memories_and_its_passes_in_the_cycles(weighed: list[ModelDesign]) -> None:
    best = size_model(ModelTask(SMALL, "small", optimiser=Adagrad()), board_of(4, 4), largest=True)[0]
    layout = best.step.lowered.layout
    assert best.config.adagrad
    assert layout.state_end - layout.weights_end == layout.weights[-1].end
    assert best.config.weight_words >= layout.state_end
    assert best.step.cycles > weighed[0].step.cycles
    assert Mode.ADAGRAD in {each.mode for each in best.step.lowered.training.instructions}


def test_memories_are_just_large_enough(weighed: list[ModelDesign]) -> None:
    for design in weighed:
        config, layout = design.config, design.step.lowered.layout
        assert not shortages(config, design.device, link_kind(design.board))
        assert Layout(SMALL, config, design.task.batch, BUFFERS) == layout
        for name in ("activation_bank_words", "weight_bank_words", "error_bank_words"):
            less = getattr(config, name) - BANK_GRANULARITY_WORDS
            if less:
                try:
                    smaller = Layout(SMALL, replace(config, **{name: less}), design.task.batch, BUFFERS)
                except DoesNotFit:
                    continue
                assert name == "activation_bank_words"
                assert smaller.rows_together < layout.rows_together
        assert design.step.lowered.forward.end <= config.max_instructions
        if config.max_layers > len(SMALL.trained):
            assert replace(config, max_layers=config.max_layers - 1).max_instructions < config.max_instructions


def test_the_batch_that_is_said_to_fit_does_and_no_larger_one() -> None:
    board, task = board_of(4, 4), ModelTask(SMALL, "small", batch=4000, limits=Limits(block_rams=60))
    message = r"holds small, or a share of it, in batches of 4000: .*; batches of \d+ fit"
    with pytest.raises(NothingFits, match=message) as caught:
        size_model(task, board)
    batch = int(str(caught.value).split()[-2])
    best = size_model(replace(task, batch=batch), board)
    assert max(largest_batch(design) for design in best) == batch
    assert {design.ratio for design in best} == {1.0}
    # Two batches of samples, of which a share of the network takes as many, do not fit any more.
    with pytest.raises(NothingFits, match=f"batches of {batch} fit"):
        size_model(replace(task, batch=batch + 1), board)


def test_what_no_batch_helps_is_said_with_the_memory() -> None:
    wide = Network((3, 64, 64), (Flatten(), Dense(100, Function.IDENTITY)))
    with pytest.raises(NothingFits) as caught:
        size_model(ModelTask(wide, "wide", batch=4), board_of(4, 4))
    text = str(caught.value)
    # 3 x 64 x 64 values for each of a hundred classes, with a bias, and as few words more as the banks ask for.
    needed = re.search(r"holds wide, or a share of it, in batches of 4: weights do not fit: (\d+) needed", text)
    assert needed is not None
    assert 100 * (3 * 64 * 64 + 1) <= int(needed[1]) <= 100 * (3 * 64 * 64 + 16)
    assert text.endswith("; nor does one in batches of 1")


WIDE = Network(
    (2, 10, 10),
    (
        Convolution(32, (3, 3), function=Function.RELU), MaxPool((2, 2), (2, 2)), Flatten(),
        Dense(40, Function.RELU), Dense(4),
    ),
)  # fmt: skip


@pytest.mark.parametrize("batch", [8, None])
def test_of_what_does_not_fit_the_largest_share_is_found(batch: int | None) -> None:
    board, task = board_of(8, 5), ModelTask(WIDE, "wide", batch=batch or 32, limits=Limits(block_rams=45))
    found = size_model(task, board, largest=batch is None)
    assert {design.task.batch for design in found} == ({8} if batch else {1, 2, 4, 8})
    for design in found:
        assert design.local == local_network(WIDE, design.ratio) != WIDE
        assert design.blocks <= 45
        assert Layout(design.local, design.config, design.task.batch, BUFFERS) == design.step.lowered.layout
        work = design.epoch_batches * design.task.batch * design.local.training_multiply_adds
        assert work == pytest.approx(task.samples * WIDE.training_multiply_adds)
    by_shape = defaultdict(list)
    for design in found:
        by_shape[design.config.columns, design.task.batch].append(design)
    for (columns, _), designs in by_shape.items():
        largest, *filling = sorted(designs, key=lambda design: -design.ratio)
        assert all(design.local.layers[0].maps % columns == 0 for design in filling)  # type: ignore[union-attr]
        like = largest.config
        more = local_network(WIDE, largest.ratio + 2 / 64)
        (*_, layout) = layouts(more, like, largest.task.batch, BUFFERS)
        assert shortages(layout.config, largest.device, link_kind(board), 45)


def test_a_limit_of_block_ram_is_kept() -> None:
    board, task = board_of(4, 4), ModelTask(SMALL, "small", batch=8, limits=Limits(block_rams=45))
    assert all(design.blocks <= 45 for design in size_model(task, board))
    with pytest.raises(NothingFits, match=r"block RAMs short \(\d+ needed, 20 usable\), on \dx\d most of them for"):
        size_model(replace(task, limits=Limits(block_rams=20)), board)


def test_a_fully_connected_model_gets_an_engine_without_convolution() -> None:
    model = Network.uniform((64, 32, 10))
    designs = size_model(ModelTask(model, "dense"), load_board("ecpix5-45f"))
    assert not any(design.config.convolution for design in designs)
    assert (designs[0].config.rows, designs[0].config.columns) == (8, 8)


def test_what_was_routed_without_convolution_is_no_evidence_for_an_engine_with_it() -> None:
    board = replace(load_board("ecpix5-45f"), routed=())
    with_it = size_model(ModelTask(SMALL, "small", batch=4, limits=Limits(block_rams=40)), board)
    assert {design.ground.evidence for design in with_it} == {Evidence.UNROUTED}
