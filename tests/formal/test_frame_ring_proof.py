"""The ring of received frames: what is kept leaves in order and as it came, nothing of a discarded frame does, and a
frame is only dropped where there is no room for it.

Proved of a ring of 16 bytes: nothing in it but the width of its pointers depends on the size.
"""

from functools import partial

from amaranth.hdl import Cat, Module, Signal, Value
from one_word import OneWord
from prover import Describe, Specification, bounded, refuted, variant

from deep3.hdl.link.ethernet.frame_ring import FrameRing

POINTER_BITS = 4
RING_BYTES = 1 << POINTER_BITS
SPARED_BYTES = 9
"""Of the ring, never used: the margin, for the room is known late, and the byte that tells full from empty."""

COUNT_BITS = 5
CYCLES = 16
WATCHED = 1


def frames(was: str = "", becomes: str = "") -> Describe:
    def describe(m: Module, spec: Specification) -> None:
        memory = partial(OneWord, WATCHED)
        dut = variant(FrameRing, was, becomes, _POINTER_BITS=POINTER_BITS, RING_BYTES=RING_BYTES, Memory=memory)()
        m.submodules.dut = dut
        spec.drive(dut.frame, "valid", "payload")
        spec.drive(dut.frames, "ready")
        spec.drive(dut, "commit", "discard")
        # A frame is judged once and after its last byte; the next one has a preamble of a few bytes before it.
        judged = dut.commit | dut.discard
        recently = Signal(2)
        m.d.sync += recently.eq(Cat(judged, recently))
        spec.assume(~(dut.commit & dut.discard) & ~(dut.frame.valid & (judged | recently.any())))

        out = dut.frames
        kept, open_bytes, left = (Signal(COUNT_BITS, name=name) for name in ("kept", "open_bytes", "left"))
        came = Signal(len(Value.cast(dut.frame.payload)))
        with m.If(dut.frame.valid):
            m.d.sync += open_bytes.eq(open_bytes + 1)
            with m.If(kept + open_bytes == WATCHED):
                m.d.sync += came.eq(dut.frame.payload)
        with m.If(dut.commit | dut.discard):
            m.d.sync += open_bytes.eq(0)
        with m.If(dut.commit & ~dut.dropped):
            m.d.sync += kept.eq(kept + open_bytes)
        with m.If(out.valid & out.ready):
            m.d.sync += left.eq(left + 1)
        spec.expect(~out.valid | (left < kept))
        spec.expect(~(out.valid & (left == WATCHED)) | (Value.cast(out.payload) == came))

        # The most that was in the ring since the frame began.
        most = Signal(COUNT_BITS)
        inside = Signal(COUNT_BITS)
        m.d.comb += inside.eq(kept + open_bytes - left)
        with m.If(dut.commit | dut.discard):
            m.d.sync += most.eq(0)
        with m.Elif(inside > most):
            m.d.sync += most.eq(inside)
        spec.expect(~dut.dropped | (most >= RING_BYTES - SPARED_BYTES))

        waited = Signal(3)
        with m.If(out.valid | (left == kept)):
            m.d.sync += waited.eq(0)
        with m.Else():
            m.d.sync += waited.eq(waited + 1)
        spec.expect(waited <= 3)

    return describe


def test_whole_frames_leave_as_they_came() -> None:
    bounded(frames(), CYCLES)


@refuted(
    ("[written.eq(committed), overrun.eq(0)]", "overrun.eq(0)"),
    ("m.d.sync += overrun.eq(overrun | full)", "m.d.sync += overrun.eq(1)"),
    ("frames.valid.eq(fetched)", "frames.valid.eq(available)"),
    ("taken.eq(taken + available)", "taken.eq(taken + 1)"),
)
def test_a_fault_is_found(was: str, becomes: str) -> None:
    bounded(frames(was, becomes), CYCLES)
