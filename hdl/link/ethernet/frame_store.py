"""Frames to be sent: written as words in any order, read as bytes once they are whole."""

from amaranth import Module, Mux, Signal
from amaranth.lib import data, stream, wiring
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out

from deep3.hdl.cells.pipeline import NO_COLLISION_LOGIC
from deep3.hdl.contract.geometry import STORE_WORDS

from .crossing import frame_byte_layout

__all__ = ["POINTER_BITS", "FrameStore", "store_word_layout"]

POINTER_BITS = STORE_WORDS.bit_length() - 1


def store_word_layout() -> data.StructLayout:
    """Two bytes, the first in the high half; ``last`` ends a frame, and with ``single`` its first byte does."""
    return data.StructLayout({"data": 16, "last": 1, "single": 1})


class FrameStore(wiring.Component):
    """Memory of frames with a reader of one byte a cycle. A frame in it is sent without a pause.

    Members
    -------
    address : In(POINTER_BITS), word : In(store_word_layout()), write : In(1)
    committed : In(POINTER_BITS)
        What lies between ``freed`` and here are whole frames.
    freed : Out(POINTER_BITS)
        First word that is still needed.
    frame : Out(stream.Signature(frame_byte_layout()))
    """

    def __init__(self) -> None:
        super().__init__({
            "address": In(POINTER_BITS),
            "word": In(store_word_layout()),
            "write": In(1),
            "committed": In(POINTER_BITS),
            "freed": Out(POINTER_BITS),
            "frame": Out(stream.Signature(frame_byte_layout())),
        })

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.submodules.memory = memory = Memory(
            shape=store_word_layout(), depth=STORE_WORDS, init=[], attrs=NO_COLLISION_LOGIC
        )
        write, read = memory.write_port(), memory.read_port()
        fetched, valid, low = Signal(), Signal(), Signal()
        word = Signal(store_word_layout(), reset_less=True)
        available = Signal()
        final = low | word.single
        step_byte = ~self.frame.valid | self.frame.ready
        step_word = ~valid | (step_byte & final)
        step_fetch = ~fetched | step_word
        m.d.comb += [
            write.addr.eq(self.address),
            write.data.eq(self.word),
            write.en.eq(self.write),
            read.addr.eq(self.freed),
            read.en.eq(step_fetch),
            available.eq(self.freed != self.committed),
        ]
        with m.If(step_fetch):
            m.d.sync += [fetched.eq(available), self.freed.eq(self.freed + available)]
        with m.If(step_word):
            m.d.sync += [valid.eq(fetched), word.eq(read.data)]
        with m.If(step_byte):
            m.d.sync += [
                self.frame.valid.eq(valid),
                self.frame.payload.data.eq(Mux(low, word.data[:8], word.data[8:])),
                self.frame.payload.last.eq(word.last & final),
                low.eq(valid & ~final),
            ]
        return m
