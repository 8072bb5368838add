"""The ring of packet buffers: no kept packet is lost, overtaken or changed, and there is always a way on.

The checksum's verdict is free here: what holds, holds for every verdict.
"""

from typing import Any

import pytest
from amaranth.hdl import Cat, Module, Signal
from prover import Describe, Refuted, Specification, bounded, inductive, mutant, reachable

from hdl.link.protocol import OVERHEAD_BYTES, PACKET_BUFFERS
from hdl.link.receive import SLOTS, PacketBuffer

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


def ring(unit: Any) -> Describe:
    """Numbers of packets, credit, and bounds on waiting."""

    def describe(m: Module, spec: Specification) -> None:
        dut = unit()
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


def contents(unit: Any) -> Describe:
    """One arbitrary word of one arbitrary packet, as it came and as it leaves."""

    def describe(m: Module, spec: Specification) -> None:
        dut = unit()
        inside = surroundings(m, spec, dut)
        rx, words = dut.rx, dut.words
        slot = spec.arbitrary(len(dut.rx_slot), "slot")
        place = spec.arbitrary(4, "place")
        spec.assume(place < WORDS)

        came = Signal(16)
        bytes_before = Signal(12)
        index = Signal(12)
        with m.If(~rx.payload.first):
            m.d.comb += index.eq(bytes_before)
        with m.If(rx.valid & rx.ready):
            m.d.sync += bytes_before.eq(index + 1)
            with m.If((dut.rx_slot == slot) & (index[1:] == place)):
                m.d.sync += came.word_select(index[0], 8).eq(rx.payload.data)

        words_before = Signal(12)
        with m.If(dut.release):
            m.d.sync += words_before.eq(0)
        with m.Elif(words.valid & words.ready):
            m.d.sync += words_before.eq(words_before + 1)
        looked_at = words.valid & (dut.words_slot == slot) & (words_before == place)
        spec.expect(~looked_at | (words.payload == came))

        spec.show(looked_at & (place == WORDS - 1) & (came == 0x1234))
        spec.show((inside == 2) & (words_before == 1))

    return describe


def test_packets_are_kept_in_order_and_nobody_waits_for_ever() -> None:
    inductive(ring(PacketBuffer), CYCLES, ANY_CHECKSUM)


def test_words_leave_as_they_came() -> None:
    bounded(contents(PacketBuffer), 2 * PACKET_CYCLES, ANY_CHECKSUM)


def test_packets_come_through() -> None:
    reachable(contents(PacketBuffer), 2 * PACKET_CYCLES + 4, ANY_CHECKSUM)


@pytest.mark.parametrize(
    ("was", "becomes"),
    [
        ("used.eq(used + keep - self.release)", "used.eq(used + keep)"),
        ("self.rx.ready.eq(~closing.any() & ~full)", "self.rx.ready.eq(~closing.any())"),
        ("self.rx_slot.eq(self.rx_slot + keep)", "self.rx_slot.eq(self.rx_slot + checked)"),
        ("index.eq(0), fetched.eq(0), valid.eq(0)]", "index.eq(0), valid.eq(0)]"),
    ],
)
def test_a_fault_of_the_ring_is_found(was: str, becomes: str) -> None:
    with pytest.raises(Refuted):
        inductive(ring(mutant(PacketBuffer, was, becomes)), CYCLES, ANY_CHECKSUM)


@pytest.mark.parametrize(
    ("was", "becomes"),
    [
        ("write.en.eq(taken & index[0])", "write.en.eq(valid & index[0])"),
        ("[valid.eq(fetched), word.eq(read.data)]", "[valid.eq(available), word.eq(read.data)]"),
        ("index.eq(index + available)]", "index.eq(index + 1)]"),
    ],
)
def test_a_fault_of_the_contents_is_found(was: str, becomes: str) -> None:
    with pytest.raises(Refuted):
        bounded(contents(mutant(PacketBuffer, was, becomes)), PACKET_CYCLES + 20, ANY_CHECKSUM)
