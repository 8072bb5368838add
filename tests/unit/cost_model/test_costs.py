"""Costs by hand: Table 2, equation 2, link time, energy, and what a push takes."""

from dataclasses import replace

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
from deep3.hdl.contract.protocol import MAX_PAYLOAD_WORDS, OVERHEAD_BYTES
from deep3.sim.golden.link.cobs import encode

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


@given(words=st.integers(0, MAX_PAYLOAD_WORDS), baud=st.sampled_from([115200, 2_000_000]))
def test_a_serial_packet_takes_the_bytes_of_its_frame(words: int, baud: int) -> None:
    packet = b"\x01" * (OVERHEAD_BYTES + 2 * words)
    link = LinkTime(baud / 10, ethernet=False)
    assert link.packet_seconds(2 * words) == pytest.approx(len(encode(packet)) * 10 / baud, rel=1e-12)


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
    power = replace(
        device.power,
        static_watts=0.25, block_ram_joules=8e-12, multiplier_joules=4e-12, lut_joules=2e-13, flip_flop_joules=1e-13,
    )  # fmt: skip
    device = replace(device, power=power)
    # A cycle takes 80 + 20 + 20 + 20 pJ.
    figure = EngineEnergy(device, block_rams=10, multipliers=5, luts=100, flip_flops=200).joules(2.0, 1e9)
    assert figure.value == pytest.approx(0.5 + 0.14)
    assert figure.origin == "modelled"
    on_a_board = EngineEnergy(device, 10, 5, 100, 200, idle_watts=3.0)
    assert on_a_board.joules(2.0, 1e9).value == pytest.approx(6 + 0.14)


def test_power_of_a_processor() -> None:
    # Half of 2 nF switch 3e9 times a second at 1.1 V: 3.63 W, and 0.75 W leak away.
    figure = cpu_watts(activity=0.5, capacitance_farads=2e-9, clock_hz=3e9, volts=1.1, leakage_watts=0.75)
    assert figure.value == pytest.approx(4.38)
    assert figure.origin == "modelled"
