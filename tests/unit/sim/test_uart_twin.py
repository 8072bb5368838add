"""Twins of COBS and UART: laws for every byte string and every wire."""

from hypothesis import given
from hypothesis import strategies as st

from deep3.sim.golden.link.cobs import Decoder, encode
from deep3.sim.golden.link.uart import LineByte, levels, receive

bytes_with_zeros = st.lists(st.sampled_from([0, 0, 1, 2, 254, 255]), min_size=1, max_size=600).map(bytes)
long_runs = st.lists(st.integers(252, 256).map(lambda count: b"\7" * count), min_size=1, max_size=4).map(b"\0".join)
packets = st.one_of(st.binary(min_size=1, max_size=600), bytes_with_zeros, long_runs)


def decode(line: bytes, decoder: Decoder) -> list[bytes]:
    found = [decoder.receive(byte) for byte in line]
    return [packet for packet in found if packet is not None]


@given(packets)
def test_a_frame_has_one_zero_and_one_byte_in_254_more(packet: bytes) -> None:
    frame = encode(packet)
    assert frame.index(0) == len(frame) - 1
    assert len(packet) + 2 <= len(frame) <= len(packet) + 2 + len(packet) // 254


@given(st.lists(packets, max_size=5), st.binary(max_size=300))
def test_packets_come_back_whatever_was_before(sent: list[bytes], garbage: bytes) -> None:
    decoder = Decoder()
    decode(garbage + b"\0", decoder)
    assert decode(b"".join(map(encode, sent)), decoder) == sent


@given(packets, st.data())
def test_a_frame_with_a_broken_byte_is_no_packet(packet: bytes, data: st.DataObject) -> None:
    decoder = Decoder()
    decoder.receive(0)
    frame = encode(packet)
    place = data.draw(st.integers(0, len(frame) - 1))
    for number, byte in enumerate(frame):
        found = decoder.receive(byte, broken=number == place)
        assert found is None
    decoder.receive(0)
    assert decode(encode(b"next"), decoder) == [b"next"]


@given(packets, st.data())
def test_half_a_frame_is_never_the_whole_packet(packet: bytes, data: st.DataObject) -> None:
    decoder = Decoder()
    frame = encode(packet)
    lost = data.draw(st.integers(0, len(frame) - 2))
    assert packet not in decode(b"\0" + frame[lost + 1 :], decoder)
    assert packet not in decode(b"\0" + frame[:lost] + b"\0", decoder)


def test_what_comes_before_the_first_zero_is_left_out() -> None:
    assert decode(encode(b"half") + encode(b"whole"), Decoder()) == [b"whole"]


@given(st.integers(1, 20), st.integers(0, 3))
def test_a_packet_that_is_too_long_is_given_up(limit: int, excess: int) -> None:
    decoder = Decoder(limit)
    packet = b"\1" * (limit + excess)
    assert decode(b"\0" + encode(packet) + encode(b"x"), decoder) == ([] if excess else [packet]) + [b"x"]


@given(st.binary(max_size=8), st.integers(8, 20), st.lists(st.integers(0, 30), min_size=8, max_size=8))
def test_bytes_come_back_off_the_wire(sent: bytes, cycles_a_bit: int, pauses: list[int]) -> None:
    wire: list[int] = []
    for byte, pause in zip(sent, pauses, strict=False):
        wire += [1] * pause + levels(byte, cycles_a_bit)
    assert list(receive(wire, cycles_a_bit)) == [LineByte(byte, False) for byte in sent]


@given(st.integers(0, 255), st.integers(8, 20))
def test_a_low_stop_bit_breaks_one_byte(byte: int, cycles_a_bit: int) -> None:
    wire = levels(byte, cycles_a_bit)
    wire[-cycles_a_bit:] = [0] * (3 * cycles_a_bit) + [1]
    received = list(receive(wire + levels(0x55, cycles_a_bit), cycles_a_bit))
    assert received == [LineByte(byte, True), LineByte(0x55, False)]


def test_a_glitch_is_no_start_bit() -> None:
    assert list(receive([1, 0, 0, 0, 1, 1, *levels(3, 8)], 8)) == [LineByte(3, False)]
