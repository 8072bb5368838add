"""A training step of a small network by hand: words, seconds, cycles of phases, ports and the loss unit."""

from dataclasses import replace

import pytest

from deep3.compiler.lowering import lower
from deep3.compiler.network.network import Network
from deep3.compiler.optimisers.optimiser import Momentum
from deep3.cost_model.boards import load_board
from deep3.cost_model.link_time import LinkTime, link_of
from deep3.cost_model.step_time import BoardStep, PushTime, memory_cycles
from deep3.hdl.board.parts import Uart
from deep3.hdl.contract.config import EngineConfig
from deep3.hdl.contract.instruction import Instruction
from deep3.hdl.contract.nest import Walk
from deep3.hdl.contract.program import Loss, Memory, Mode

LINK = LinkTime(1e6)
"""A byte a microsecond; a packet takes 86 of them beside its words, and a round trip 100."""
STEP = BoardStep(lower(Network.uniform((20, 12, 5)), EngineConfig(rows=4, columns=4), 8, 2), 125e6, LINK)

ONE = Instruction(
    mode=Mode.FORWARD, time_count=5, reduction_count=2, outer_count=3, tile_cycles=5, tile_width=4,
    last_reduction_width=4, last_outer_width=4,
    stream=Walk(), load=Walk(), stream_memory=Memory.ACTIVATION, load_memory=Memory.WEIGHT,
)  # fmt: skip


def test_words_and_work_by_hand() -> None:
    assert STEP.macs == 8 * (2 * (20 * 12 + 12 * 5) + 12 * 5)
    assert STEP.batch_words == 8 * 21 + 8
    assert STEP.weight_words == 12 * 21 + 5 * 13
    assert STEP.intensity == 30
    assert STEP.peak_macs_per_second == 16 * 125e6
    assert STEP.fed_macs_per_second == pytest.approx(30 * 726 * 1e6 / (1452 + 86))
    assert STEP.array_efficiency == pytest.approx(5280 / (16 * 661))


def test_seconds_on_the_line_by_hand() -> None:
    assert STEP.stream_seconds == pytest.approx((2 * 168 + 86 + 2 * 8 + 86) * 1e-6)
    assert STEP.communication_seconds == pytest.approx((100 + 2 * (2 * 317 + 86) + 88) * 1e-6)
    assert LINK.exchange_seconds(0, 0) == pytest.approx(100e-6)
    assert LINK.exchange_seconds(10, 0) == pytest.approx((100 + 20 + 86) * 1e-6)
    assert LINK.exchange_seconds(0, 10) == pytest.approx((100 + 88 + 20 + 86) * 1e-6)


def test_the_state_of_an_optimiser_is_on_the_way_with_the_weights() -> None:
    network = Network.uniform((20, 12, 5))
    lowered = lower(network, EngineConfig(rows=4, columns=4, convolution=True), 8, 2, Momentum())
    step = BoardStep(lowered, 125e6, LINK)
    # Weights, four zeros and the state in, without the zeros back: packets of 730 words.
    assert step.communication_seconds == pytest.approx((100 + 2 * 638 + 86 + 88 + 2 * 634 + 86) * 1e-6)
    assert step.cycles > STEP.cycles


def test_cycles_of_the_phases_by_hand() -> None:
    # Set-up and flush take 43, a tile's first load 4; the softmax waits for 28 cycles.
    assert dict(STEP.phase_cycles) == {
        "forward 1": 43 + 4 + 18 * 8,
        "forward 2": 43 + 4 + 8 * 5 + 28,
        "backward 2": 43 + 4 + 6 * 8,
        "update 2": 43 + 4 + 8 * 5,
        "update 1": 43 + 4 + 6 * 21,
    }
    assert (STEP.forward_cycles, STEP.backward_cycles, STEP.cycles) == (306, 355, 661)
    assert STEP.classify_cycles == 191 + 92
    assert STEP.batch_seconds == pytest.approx(661 / 125e6)


def test_what_keeps_busy_in_a_push_by_hand() -> None:
    push = STEP.push(10)
    assert push.busy_seconds["loss"] == pytest.approx(10 * 28 / 125e6)
    assert push.busy_seconds["array"] == pytest.approx(10 * (661 - 28) / 125e6)
    assert push.busy_seconds["link"] == pytest.approx(10 * 524e-6 + 1628e-6)
    assert push.busy_seconds["memory"] == pytest.approx(10 * 358 / 125e6)
    assert push.slack == pytest.approx(push.busy_seconds["link"] / push.busy_seconds["array"])


@pytest.mark.parametrize(
    ("changes", "cycles"),
    [
        ({}, 6 * 5),
        ({"load_memory": Memory.ACTIVATION}, 6 * 5 + 6 * 4),
        ({"aux_memory": Memory.ACTIVATION}, 6 * 5 + 3 * 5),
        ({"stream_memory": Memory.NONE, "load_memory": Memory.NONE, "output_memory": Memory.ERROR}, 3 * 5),
        ({"stream_memory": Memory.NONE, "load_memory": Memory.NONE, "output_memory": Memory.ERROR, "window": 5}, 3),
        ({"reduction_count": 1, "output_memory": Memory.ERROR, "loss": Loss.SOFTMAX}, 2 * 3 * 5),
        ({"reduction_count": 1, "output_memory": Memory.ERROR, "loss": Loss.MSE}, 2 * 3 * 5),
        ({"reduction_count": 1, "output_memory": Memory.ERROR, "loss": Loss.ARGMAX}, 3 * 5),
    ],
)
def test_the_busiest_port_by_hand(changes: dict[str, object], cycles: int) -> None:
    assert memory_cycles([replace(ONE, **changes)]) == cycles  # type: ignore[arg-type]
    assert memory_cycles([]) == 0


def test_slack_is_over_the_next() -> None:
    push = PushTime(1, 0, 0, 0, 0, "link", {"array": 2.0, "link": 6.0, "loss": 1.0, "memory": 0.0})
    assert push.slack == 3
    assert replace(push, busy_seconds={"array": 0.0, "link": 6.0}).slack == float("inf")


def test_the_link_of_a_board_is_its_ethernet_or_else_its_serial_port() -> None:
    fast = load_board("ecpix5-85f")
    assert link_of(fast, 5e-6) == LinkTime(125e6, True, 5e-6)
    slow_clock = replace(fast, clock=replace(fast.clock, sync_hz=60_000_000))
    assert link_of(slow_clock, 5e-6) == LinkTime(60e6, True, 5e-6)
    assert link_of(replace(fast, ethernet=None, uart=Uart(3_000_000)), 5e-6) == LinkTime(300e3, False, 5e-6)
