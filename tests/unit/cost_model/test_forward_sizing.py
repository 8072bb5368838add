"""Forward programs with weights on the link: engines that fit, and times that add up."""

from dataclasses import replace

import pytest
from map_networks import SVHN

from deep3.compiler.cycles import run_cycles
from deep3.compiler.network.layers import Dense, Flatten
from deep3.compiler.network.network import Network
from deep3.compiler.streaming import stream
from deep3.cost_model.boards import load_board
from deep3.cost_model.choice import NothingFits
from deep3.cost_model.design import Limits, ModelTask, link_kind
from deep3.cost_model.engine_choice import shortages
from deep3.cost_model.forward_sizing import ForwardDesign, size_forward
from deep3.cost_model.link_time import LinkTime
from deep3.cost_model.streamed_time import StreamedTime
from deep3.hdl.contract.config import BANK_GRANULARITY_WORDS, EngineConfig
from deep3.host.measure.networks import ALEXNET

BOARD = load_board("ecpix5-85f")
NO_WAIT = LinkTime(125e6, round_trip_seconds=0.0)


@pytest.fixture(scope="module")
def weighed() -> list[ForwardDesign]:
    return size_forward(ModelTask(SVHN, "SVHN", batch=4), BOARD, largest=True)


def test_what_does_not_fit_is_computed_forward(weighed: list[ForwardDesign]) -> None:
    assert weighed[0].time.sample_seconds == min(design.time.sample_seconds for design in weighed)
    assert {design.batch for design in weighed} == {1, 2, 4}
    for design in weighed:
        config = design.config
        assert config.weight_words < SVHN.parameters
        assert not config.loss_unit
        assert not shortages(config, design.device, link_kind(BOARD))
        more = replace(config, weight_bank_words=config.weight_bank_words + BANK_GRANULARITY_WORDS)
        assert shortages(more, design.device, link_kind(BOARD)) or len(design.time.streamed.pieces) <= 2 * 4


def test_cycles_are_those_of_the_runs(weighed: list[ForwardDesign]) -> None:
    time = weighed[0].time
    cycles = [run_cycles(piece.instructions, weighed[0].config, 1) for piece in time.streamed.pieces]
    assert time.compute_seconds == pytest.approx(sum(cycles) / BOARD.clock.sync_hz)


def test_time_lies_between_the_longer_and_the_sum(weighed: list[ForwardDesign]) -> None:
    for design in weighed:
        for bits in (1e8, 1e9):
            time = replace(design.time, link=NO_WAIT).at(bits)
            longer = max(time.compute_seconds, time.link_seconds)
            assert longer <= 1.001 * time.seconds
            assert time.seconds <= 1.001 * (time.compute_seconds + time.link_seconds)
            assert time.limit == ("link" if time.link_seconds > time.compute_seconds else "array")


def test_a_tenth_of_the_speed_takes_ten_times_as_long(weighed: list[ForwardDesign]) -> None:
    slow, fast = (weighed[0].time.at(bits) for bits in (1e8, 1e9))
    assert slow.link_seconds == pytest.approx(10 * fast.link_seconds)
    assert slow.compute_seconds == fast.compute_seconds
    assert slow.seconds > fast.seconds


def test_every_piece_waits_for_its_answers() -> None:
    config = EngineConfig(rows=4, columns=4, convolution=True, activation_bank_words=8192, weight_bank_words=8192)
    streamed = stream(SVHN, config, 1)
    quick = StreamedTime(streamed, 125e6, NO_WAIT)
    waiting = replace(quick, link=replace(NO_WAIT, round_trip_seconds=1e-3))
    first = quick.piece_link_seconds[0] + NO_WAIT.words_seconds(streamed.layout.inputs.words)
    compute, coming = quick.piece_compute_seconds, (*quick.piece_link_seconds[1:], first)
    asked = sum(words < cycles for cycles, words in zip(compute, coming, strict=True))
    assert 0 < asked < len(compute)
    assert waiting.seconds - quick.seconds == pytest.approx((len(compute) + asked + 1) * 1e-3)


def test_what_no_board_computes_is_named() -> None:
    with pytest.raises(NothingFits) as caught:
        size_forward(ModelTask(ALEXNET, "AlexNet", batch=2), BOARD)
    assert str(caught.value).startswith(
        "no engine on ecpix5-85f computes AlexNet in batches of 2: activations do not fit: "
    )
    wide = Network((3, 64, 64), (Flatten(), Dense(100)))
    task = ModelTask(wide, "wide", batch=8, limits=Limits(block_rams=40))
    with pytest.raises(NothingFits, match=r"computes wide in batches of 1: \d+ block RAMs short"):
        size_forward(task, BOARD, largest=True)


def test_alexnet_in_pieces() -> None:
    config = EngineConfig(
        rows=16, columns=8, convolution=True, loss_unit=False, max_layers=16, activation_bank_words=65536,
        weight_bank_words=8192,
    )  # fmt: skip
    streamed = stream(ALEXNET, config, 1)
    assert ALEXNET.parameters == 61_100_840
    assert len(streamed.pieces) % 2 == 0
    assert sum(piece.rows for piece in streamed.pieces) == sum(matrix.rows for matrix in streamed.layout.weights)
    time = StreamedTime(streamed, 125e6, LinkTime(125e6))
    assert time.limit == "link"
    assert 1.0 < time.at(1e9).link_seconds < 1.1
    assert 10 < time.at(1e8).link_seconds < 11
