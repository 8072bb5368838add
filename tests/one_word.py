"""A memory for proofs: one word of it is kept."""

from typing import Any

from amaranth.asserts import AnySeq
from amaranth.hdl import Elaboratable, Module, Mux, Signal
from amaranth.lib.memory import ReadPort, WritePort
from amaranth.utils import exact_log2

__all__ = ["OneWord"]


class OneWord(Elaboratable):
    """In the place of a memory: one word of it is kept, every other one reads as anything. What holds with it holds
    with the memory, and is decided much sooner."""

    def __init__(self, address: int, *, shape: Any, depth: int, **_: object) -> None:
        self._address = address
        self._word = Signal(shape)
        self._anything = Signal(shape)
        self._read = ReadPort.Signature(addr_width=exact_log2(depth), shape=shape).create()
        self._write = WritePort.Signature(addr_width=exact_log2(depth), shape=shape).create()

    def read_port(self) -> Any:
        """The one port to read from."""
        return self._read

    def write_port(self) -> Any:
        """The one port to write to."""
        return self._write

    def elaborate(self, platform: object) -> Module:
        m = Module()
        read, write = self._read, self._write
        m.d.comb += self._anything.eq(AnySeq(self._anything.shape()))
        with m.If(write.en & (write.addr == self._address)):
            m.d.sync += self._word.eq(write.data)
        with m.If(read.en):
            m.d.sync += read.data.eq(Mux(read.addr == self._address, self._word, self._anything))
        return m
