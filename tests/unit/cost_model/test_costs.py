"""Costs by hand: Table 2, equation 2, link time, energy, and what a push takes."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deep3.compiler.cycles import run_cycles
from deep3.compiler.lowering import lower
from deep3.compiler.network.network import Network
from deep3.cost_model.costs import Coefficients, EngineEnergy, cpu_watts, iteration_seconds, local_costs
from deep3.cost_model.devices import load_device
from deep3.cost_model.link_time import LinkTime
from deep3.cost_model.step_time import BoardStep, batch_cycles, memory_cycles
from deep3.hdl.contract.config import EngineConfig

CONFIG = EngineConfig(rows=4, columns=4)
NETWORK = Network.uniform((20, 12, 5))


def test_table_2_by_hand() -> None:
    coefficients = Coefficients(1e-9, 2e-9, 3e-9, 0.0, 1e-3, 1e6)
    costs = local_costs((3, 4, 2), 10, coefficients, value_bytes=2)
    assert costs.forward_seconds == pytest.approx(10 * (20e-9 + 9 * 2e-9))
    assert costs.backward_seconds == pytest.approx(10 * (40e-9 + 9 * 3e-9))
    assert costs.communication_seconds == pytest.approx(1e-3 + 2 * 26 / 1e6)
    assert costs.memory_bytes == 2 * (2 * 26 + 10 * (2 * 9 - 3))


def test_equation_2_is_of_one_iteration() -> None:
    assert iteration_seconds([1.0, 3.0], [4.0, 2.0], n_push=2) == 5.0


def test_a_full_datagram_fills_its_frame() -> None:
    link = LinkTime(125e6)
    assert link.packet_seconds(1452) == pytest.approx((1452 + 20 + 42 + 24) / 125e6)
    assert link.packet_seconds(2) == pytest.approx((20 + 2 + 42 + 24) / 125e6)
    assert link.words_seconds(726 + 1) == pytest.approx(link.packet_seconds(1452) + link.packet_seconds(2))


@given(words=st.integers(0, 5000), more=st.integers(0, 5000), ethernet=st.booleans())
def test_more_words_take_no_less_time(words: int, more: int, ethernet: bool) -> None:
    link = LinkTime(1e5, ethernet)
    assert link.words_seconds(words) <= link.words_seconds(words + more)


@given(batches=st.integers(1, 40))
def test_a_run_is_its_batches(batches: int) -> None:
    program = lower(NETWORK, CONFIG, 8, 2).training.instructions
    steady = run_cycles(program, CONFIG, batches + 1) - run_cycles(program, CONFIG, batches)
    assert steady == batch_cycles(program, CONFIG)


def test_a_push_overlaps_samples_and_work_when_they_do_not_fit() -> None:
    step = BoardStep(lower(NETWORK, CONFIG, 8, 2), 125e6, LinkTime(1e6))
    resident = step.push(2)
    assert resident.stream_seconds == pytest.approx(2 * step.stream_seconds)
    expected = resident.stream_seconds + resident.compute_seconds + step.communication_seconds
    assert resident.seconds == pytest.approx(expected)
    streamed = step.push(10)
    assert streamed.seconds == pytest.approx(
        10 * step.stream_seconds + step.batch_seconds + step.communication_seconds
    )
    assert streamed.bottleneck == "link"
    assert streamed.slack > 1


def test_resident_batches_are_sent_once() -> None:
    step = BoardStep(lower(NETWORK, CONFIG, 8, 2), 125e6, LinkTime(1e6))
    assert step.push(2, epochs=5).stream_seconds == step.push(2).stream_seconds
    assert step.push(2, epochs=5).compute_seconds == pytest.approx(5 * step.push(2).compute_seconds)
    assert step.push(3, epochs=5).stream_seconds == pytest.approx(5 * step.push(3).stream_seconds)


def test_parts_of_a_batch_add_up() -> None:
    step = BoardStep(lower(NETWORK, CONFIG, 8, 2), 125e6, LinkTime(125e6))
    assert step.forward_cycles + step.backward_cycles == step.cycles
    assert memory_cycles(step.lowered.training.instructions) <= step.cycles
    assert 0 < step.array_efficiency < 1


def test_energy_by_hand() -> None:
    device = load_device("ecp5-85f")
    energy = EngineEnergy(device, 10, 5, 100, 200)
    power = device.power
    cycle = (
        10 * power.block_ram_joules + 5 * power.multiplier_joules
        + 100 * power.lut_joules + 200 * power.flip_flop_joules
    )  # fmt: skip
    figure = energy.joules(2.0, 1e6)
    assert figure.value == pytest.approx(2 * power.static_watts + 1e6 * cycle)
    assert figure.origin == "modelled"
    assert EngineEnergy(device, 1, 1, 1, 1, idle_watts=3.0).static_watts == 3.0


def test_power_of_a_processor() -> None:
    figure = cpu_watts(0.5, 2e-9, 3e9, 1.1, 1.0)
    assert figure.value == pytest.approx(0.5 * 2e-9 * 3e9 * 1.21 + 1.0)
    assert not math.isnan(figure.value)
