"""COBS and UART: frames and bytes for every content, and a way back from every state."""

from typing import Any

from amaranth.hdl import Cat, Module, Signal
from amaranth.lib.memory import Memory
from prover import Describe, Specification, bounded, from_any_state, reachable, refuted, variant

from deep3.hdl.link.cobs import CobsDecoder, CobsEncoder
from deep3.hdl.link.uart import MIN_CYCLES_A_BIT, UartReceiver, UartTransmitter

LOOP_BYTES = 3
LOOP_CYCLES = 20
BYTE_CYCLES = 10 * MIN_CYCLES_A_BIT + 1


def two_decoders(was: str = "", becomes: str = "") -> Describe:
    """Two decoders in any two states: after one zero they do the same, whatever comes."""

    def describe(m: Module, spec: Specification) -> None:
        kind = variant(CobsDecoder, was, becomes)
        m.submodules.one, m.submodules.other = one, other = kind(5), kind(5)
        spec.drive(one.received, "valid", "payload")
        byte = one.received.payload
        m.d.comb += [
            other.received.valid.eq(one.received.valid), other.received.payload.eq(byte),
            one.packets.ready.eq(1), other.packets.ready.eq(1),
        ]  # fmt: skip
        age = spec.age(4)
        spec.assume((age != 0) | (one.received.valid & (byte.as_value() == 0)))
        # The zero takes effect in the second cycle; what it ends has left in the third.
        same = one.packets.payload.as_value() == other.packets.payload.as_value()
        spec.expect((age < 3) | (one.packets.valid == other.packets.valid))
        spec.expect((age < 3) | ~one.packets.valid | same)

    return describe


def few_words(*, shape: Any, depth: int, **_: object) -> Memory:
    """In the place of a memory where a proof writes no more than that: Z3 is slow with the addresses of the rest."""
    assert depth > LOOP_BYTES
    return Memory(shape=shape, depth=LOOP_BYTES + 1, init=[])


def there_and_back(was: str = "", becomes: str = "") -> Describe:
    """Up to `LOOP_BYTES` in packets through an encoder and a decoder: the n-th byte out is the n-th byte in."""

    def describe(m: Module, spec: Specification) -> None:
        m.submodules.encoder = near = variant(CobsEncoder, was, becomes, Memory=few_words)()
        m.submodules.decoder = far = CobsDecoder()
        spec.drive(near.packets, "payload")
        first = spec.first_cycle()
        # The zero that a decoder waits for after reset.
        m.d.comb += [
            near.encoded.ready.eq(~first),
            far.received.valid.eq(first | near.encoded.valid),
            far.packets.ready.eq(1),
        ]
        with m.If(~first):
            m.d.comb += far.received.payload.data.eq(near.encoded.payload)

        number = spec.arbitrary(range(LOOP_BYTES), "number")
        watched = Signal(9)
        known = Signal()
        came, left, packets_in, frames_out = (Signal(6, name=name) for name in ("came", "left", "in", "out"))
        sent, back = near.packets, far.packets
        m.d.comb += sent.valid.eq(came < LOOP_BYTES)
        with m.If(sent.valid & sent.ready):
            m.d.sync += [came.eq(came + 1), packets_in.eq(packets_in + sent.payload.last)]
            with m.If(came == number):
                m.d.sync += [watched.eq(Cat(sent.payload.data, sent.payload.last)), known.eq(1)]
        with m.If(back.valid):
            m.d.sync += left.eq(left + 1)
            looked_at = left == number
            spec.expect(~looked_at | (known & (watched == Cat(back.payload.data, back.payload.last))))
        with m.If(near.encoded.valid & ~first & (near.encoded.payload == 0)):
            m.d.sync += frames_out.eq(frames_out + 1)
        # The only zeros are those behind packets.
        spec.expect(frames_out <= packets_in)

        begins = Signal(init=1)
        with m.If(back.valid):
            m.d.sync += begins.eq(back.payload.last)
        spec.expect(~back.valid | (back.payload.first == begins))
        spec.show((frames_out == 1) & back.valid & back.payload.last & (back.payload.data == 0))

    return describe


def wire() -> Describe:
    """A byte from a transmitter to a receiver: it comes, once, unbroken, and in time."""

    def describe(m: Module, spec: Specification) -> None:
        m.submodules.transmitter = transmitter = UartTransmitter(MIN_CYCLES_A_BIT)
        m.submodules.receiver = receiver = UartReceiver(MIN_CYCLES_A_BIT)
        byte = spec.arbitrary(8, "byte")
        age = spec.age(2 * BYTE_CYCLES)
        received = receiver.received
        m.d.comb += [
            transmitter.bytes.payload.eq(byte),
            transmitter.bytes.valid.eq(age == 1),
            receiver.rx.eq(transmitter.tx),
        ]
        came = Signal()
        with m.If(received.valid):
            m.d.sync += came.eq(1)
            spec.expect(~came & ~received.payload.broken & (received.payload.data == byte))
        spec.expect((age < BYTE_CYCLES + 5) | came)
        spec.show(came & (byte == 0x5A))

    return describe


def test_after_a_zero_a_decoder_knows_nothing_of_before() -> None:
    from_any_state(two_decoders(), 12)


def test_packets_come_back_and_zeros_only_end_them() -> None:
    bounded(there_and_back(), LOOP_CYCLES)


def test_a_packet_with_a_zero_comes_back() -> None:
    reachable(there_and_back(), LOOP_CYCLES)


def test_every_byte_crosses_the_wire() -> None:
    bounded(wire(), BYTE_CYCLES + 8)


def test_a_byte_comes() -> None:
    reachable(wire(), BYTE_CYCLES + 8)


@refuted(
    ("owes_zero.eq(0), count.eq(0)", "count.eq(0)"),
    ("count.eq(0), full.eq(0)", "count.eq(0)"),
    ("full.eq(0), holds.eq(0)", "full.eq(0)"),
)
def test_a_decoder_that_remembers_is_found(was: str, becomes: str) -> None:
    from_any_state(two_decoders(was, becomes), 12)


@refuted(
    ("with m.If(owes_empty_block)", "with m.If(0)"),
    ("with m.If(is_zero | byte.last |", "with m.If(byte.last |"),
    ("encoded.payload.eq(count + 1)", "encoded.payload.eq(count)"),
)
def test_a_faulty_encoder_is_found(was: str, becomes: str) -> None:
    bounded(there_and_back(was, becomes), LOOP_CYCLES)
