"""The ring of packet buffers: no kept packet is lost, overtaken or changed, and there is always a way on.

The checksum's verdict is free here: what holds, holds for every verdict.
"""

from functools import partial
from typing import Any

import pytest
from amaranth.hdl import Cat, Module, Signal
from one_word import OneWord
from prover import Describe, Specification, bounded, inductive, reachable, refuted, variant

from deep3.hdl.contract.protocol import OVERHEAD_BYTES, PACKET_BUFFERS
from deep3.hdl.link.receive import SLOTS, PacketBuffer

ANY_CHECKSUM = "cutpoint spec.dut.crc"
CYCLES = 8
"""From a transfer at ``rx`` until its packet is kept, and from there to ``words``."""

PACKET_CYCLES = OVERHEAD_BYTES + 3
WORDS = OVERHEAD_BYTES // 2


def surroundings(m: Module, spec: Specification, dut: Any) -> Signal:
    """The session and the line; returns the number of packets inside, by their numbers at both ends."""
    m.submodules.dut = dut
    spec.drive(dut.rx, "valid", "payload")
    spec.drive(dut.words, "ready")
    spec.drive(dut, "release")
    # Only a packet that was looked at is released, and not in the cycle of a transfer.
    seen = Signal()
    with m.If(dut.release):
        m.d.sync += seen.eq(0)
    with m.Elif(dut.words.valid):
        m.d.sync += seen.eq(1)
    spec.assume(~dut.release | ((seen | dut.words.valid) & ~dut.words.ready))
    inside = Signal(range(SLOTS))
    m.d.comb += inside.eq(dut.rx_slot - dut.words_slot)
    spec.expect(~seen | (inside != 0))
    return inside


def ring(was: str = "", becomes: str = "") -> Describe:
    """Numbers of packets, credit, and bounds on waiting."""

    def describe(m: Module, spec: Specification) -> None:
        dut = variant(PacketBuffer, was, becomes, Memory=partial(OneWord, 0))()
        inside = surroundings(m, spec, dut)
        rx, words = dut.rx, dut.words

        inside_before = Signal.like(inside)
        m.d.sync += inside_before.eq(inside)
        spec.expect(inside <= PACKET_BUFFERS)
        spec.expect(dut.free == PACKET_BUFFERS - inside_before)
        spec.expect(~words.valid | (inside != 0))

        # Bytes go to the buffer behind the last kept packet: none may hold one.
        came = Signal()
        m.d.sync += came.eq(rx.valid & rx.ready)
        spec.expect(~came | (inside < PACKET_BUFFERS))

        before = Signal(len(words.payload) + 1)
        held = Signal()
        m.d.sync += [before.eq(Cat(words.payload, words.valid)), held.eq(words.valid & ~words.ready & ~dut.release)]
        spec.expect(~held | (before == Cat(words.payload, words.valid)))

        _comes_soon(m, spec, words.valid, (inside != 0) & ~dut.release, 3, "words")
        _comes_soon(m, spec, rx.ready, inside < PACKET_BUFFERS, 3, "rx")

    return describe


def _comes_soon(m: Module, spec: Specification, event: Any, asked: Any, cycles: int, name: str) -> None:
    """``event`` comes after at most so many cycles in a row in which it is asked for."""
    waited = Signal(range(cycles + 2), name=f"{name}_waited")
    with m.If(event | ~asked):
        m.d.sync += waited.eq(0)
    with m.Else():
        m.d.sync += waited.eq(waited + 1)
    spec.expect(waited <= cycles)


def contents(place: int, was: str = "", becomes: str = "") -> Describe:
    """One word of the first packet kept, as it came and as it leaves, on a line without pauses."""

    def describe(m: Module, spec: Specification) -> None:
        memory = partial(OneWord, place)
        dut = variant(PacketBuffer, was, becomes, Memory=memory)()
        surroundings(m, spec, dut)
        rx, words = dut.rx, dut.words
        spec.assume(rx.valid)

        came = Signal(16)
        bytes_before = Signal(12)
        index = Signal(12)
        with m.If(~rx.payload.first):
            m.d.comb += index.eq(bytes_before)
        with m.If(rx.valid & rx.ready):
            m.d.sync += bytes_before.eq(index + 1)
            with m.If((dut.rx_slot == 0) & (index[1:] == place)):
                m.d.sync += came.word_select(index[0], 8).eq(rx.payload.data)

        words_before = Signal(12)
        with m.If(dut.release):
            m.d.sync += words_before.eq(0)
        with m.Elif(words.valid & words.ready):
            m.d.sync += words_before.eq(words_before + 1)
        looked_at = words.valid & (dut.words_slot == 0) & (words_before == place)
        spec.expect(~looked_at | (words.payload == came))

        spec.show(looked_at & (came == 0x1234))

    return describe


def sizes(was: str = "", becomes: str = "") -> Describe:
    """A packet that is kept has the size that its header tells, and that is even; on a line without pauses."""

    def describe(m: Module, spec: Specification) -> None:
        dut = variant(PacketBuffer, was, becomes, Memory=partial(OneWord, 0))()
        surroundings(m, spec, dut)
        rx = dut.rx
        spec.assume(rx.valid)
        size, length, kept = Signal(12), Signal(16), Signal.like(dut.rx_slot)
        index = Signal.like(size)
        with m.If(~rx.payload.first):
            m.d.comb += index.eq(size)
        with m.If(rx.valid & rx.ready):
            m.d.sync += size.eq(index + 1)
            with m.Switch(index):
                with m.Case(2):
                    m.d.sync += length[:8].eq(rx.payload.data)
                with m.Case(3):
                    m.d.sync += length[8:].eq(rx.payload.data)
        m.d.sync += kept.eq(dut.rx_slot)
        spec.expect((kept == dut.rx_slot) | ((size == length + OVERHEAD_BYTES) & ~size[0]))

    return describe


def test_packets_are_kept_in_order_and_nobody_waits_for_ever() -> None:
    inductive(ring(), CYCLES, ANY_CHECKSUM)


@pytest.mark.parametrize("place", [0, WORDS - 1])
def test_words_leave_as_they_came(place: int) -> None:
    bounded(contents(place), PACKET_CYCLES + WORDS + 8, ANY_CHECKSUM)


def test_packets_that_are_kept_have_the_size_they_tell() -> None:
    bounded(sizes(), PACKET_CYCLES + 5, ANY_CHECKSUM)


def test_packets_come_through() -> None:
    reachable(contents(0), PACKET_CYCLES + 6, ANY_CHECKSUM)


@refuted(
    ("self.rx.ready.eq(~closing.any() & ~full)", "self.rx.ready.eq(~closing.any())"),
    ("self.rx_slot.eq(self.rx_slot + keep)", "self.rx_slot.eq(self.rx_slot + checked)"),
    ("index.eq(0), fetched.eq(0), valid.eq(0)]", "index.eq(0), valid.eq(0)]"),
)
def test_a_fault_of_the_ring_is_found(was: str, becomes: str) -> None:
    inductive(ring(was, becomes), CYCLES, ANY_CHECKSUM)


@refuted(
    ("[valid.eq(fetched), word.eq(read.data)]", "[valid.eq(available), word.eq(read.data)]"),
    ("write.data.eq(Cat(low, byte.data))", "write.data.eq(Cat(byte.data, low))"),
)
def test_a_fault_of_the_contents_is_found(was: str, becomes: str) -> None:
    bounded(contents(1, was, becomes), PACKET_CYCLES + 10, ANY_CHECKSUM)


@refuted(
    (" & ~count[0] & ~overlong", " & ~overlong"),
    ("sized.eq((count == expected)", "sized.eq((count != 0)"),
)
def test_a_fault_of_the_sizes_is_found(was: str, becomes: str) -> None:
    bounded(sizes(was, becomes), PACKET_CYCLES + 5, ANY_CHECKSUM)
