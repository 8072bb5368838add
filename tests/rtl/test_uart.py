"""COBS and UART: RTL against golden twins."""

import pytest

from deep3.hdl.link.cobs import CobsDecoder, CobsEncoder
from deep3.hdl.link.uart import UartLink, UartReceiver
from deep3.sim.bench.runner import run_bench


@pytest.mark.parametrize("max_packet_bytes", [2, 7, 1472])
def test_decoder_equals_its_twin(max_packet_bytes: int) -> None:
    decoder = CobsDecoder(max_packet_bytes)
    frames = 40 if max_packet_bytes == 1472 else 1000
    run_bench(decoder, "deep3.sim.bench.link.cobs_decoder", seed=1, max_packet_bytes=max_packet_bytes, frames=frames)


def test_encoder_equals_its_twin() -> None:
    run_bench(CobsEncoder(), "deep3.sim.bench.link.cobs_encoder", seed=1, packets=30)


@pytest.mark.parametrize("cycles_a_bit", [8, 9])
def test_link_equals_its_twins(cycles_a_bit: int) -> None:
    run_bench(UartLink(cycles_a_bit), "deep3.sim.bench.link.uart", seed=1, cycles_a_bit=cycles_a_bit, noises=5)


@pytest.mark.parametrize("wrong", [7, 65537, -1])
def test_cycles_of_a_bit_have_limits(wrong: int) -> None:
    with pytest.raises(ValueError, match=rf"^cycles_a_bit must be between 8 and 65536 \(clock / baud\), not {wrong}$"):
        UartReceiver(wrong)


def test_cycles_of_a_bit_are_whole() -> None:
    with pytest.raises(TypeError, match=r"^cycles_a_bit must be an integer, not 8\.5$"):
        UartLink(8.5)  # type: ignore[arg-type]


def test_a_packet_has_a_byte() -> None:
    with pytest.raises(ValueError, match=r"^max_packet_bytes must be at least 1, not 0$"):
        CobsDecoder(0)
