"""Received frames, kept until someone takes them: a ring whose newest frame can be taken back."""

from amaranth import Module, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out

from deep3.hdl.cells.pipeline import NO_COLLISION_LOGIC
from deep3.hdl.contract.geometry import RING_BYTES

from .crossing import frame_byte_layout

__all__ = ["FrameRing"]

_POINTER_BITS = RING_BYTES.bit_length() - 1

_MARGIN_BITS = 3
"""The room left is known two bytes late: with fewer than 2^3 bytes left the ring is full."""


class FrameRing(wiring.Component):
    """Store and forward with commit and roll-back.

    One byte a cycle in and out; a frame's first byte stands at ``frames`` 4 cycles after ``commit``.

    Members
    -------
    frame : In(stream.Signature(frame_byte_layout(), always_ready=True))
    commit, discard : In(1)
        The bytes since the one before are a frame, or nothing; before the first byte of the next frame.
    frames : Out(stream.Signature(frame_byte_layout()))
    dropped : Out(1)
        High for one cycle for each ``commit`` of a frame that did not fit; it is discarded.
    """

    def __init__(self) -> None:
        super().__init__({
            "frame": In(stream.Signature(frame_byte_layout(), always_ready=True)),
            "commit": In(1),
            "discard": In(1),
            "frames": Out(stream.Signature(frame_byte_layout())),
            "dropped": Out(1),
        })

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.submodules.memory = memory = Memory(
            shape=frame_byte_layout(), depth=RING_BYTES, init=[], attrs=NO_COLLISION_LOGIC
        )
        write, read = memory.write_port(), memory.read_port()
        written, committed, taken = Signal(_POINTER_BITS), Signal(_POINTER_BITS), Signal(_POINTER_BITS)
        room = Signal(_POINTER_BITS)
        full = Signal()
        overrun = Signal()
        m.d.comb += [
            write.addr.eq(written),
            write.data.eq(self.frame.payload),
            write.en.eq(self.frame.valid & ~full),
            self.dropped.eq(self.commit & overrun),
        ]
        # No room at all is never reached, so that 0 means an empty ring.
        m.d.sync += [
            room.eq(taken - written),
            full.eq(~room[_MARGIN_BITS:].any() & room[:_MARGIN_BITS].any()),
        ]
        with m.If(self.frame.valid):
            m.d.sync += overrun.eq(overrun | full)
        with m.If(write.en):
            m.d.sync += written.eq(written + 1)
        with m.If(self.discard | (self.commit & overrun)):
            m.d.sync += [written.eq(committed), overrun.eq(0)]
        with m.Elif(self.commit):
            m.d.sync += committed.eq(written)

        # Two stages, each with its own stall: block RAM, then a register, as the output of block RAM is slow.
        available = Signal()
        fetched = Signal()
        frames = self.frames
        step_out = ~frames.valid | frames.ready
        step_fetch = ~fetched | step_out
        m.d.comb += [available.eq(taken != committed), read.addr.eq(taken), read.en.eq(step_fetch)]
        with m.If(step_fetch):
            m.d.sync += [fetched.eq(available), taken.eq(taken + available)]
        with m.If(step_out):
            m.d.sync += [frames.valid.eq(fetched), frames.payload.eq(read.data)]
        return m
