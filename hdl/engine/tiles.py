"""Counters of the tiles of an instruction."""

from amaranth import Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from deep3.hdl.cells.layouts import instruction_layout
from deep3.hdl.contract.instruction import Encoding

from .levels import Levels

__all__ = ["Tiles"]


class Tiles(wiring.Component):
    """Which tile is streamed, and which is loaded: the loader is one tile ahead.

    Members
    -------
    stream_level, load_level : Out
        The level that advances with the tile: those of the reduction come first, then the outer ones.
    load_edge : Out(1)
        The innermost level of the reduction ends with the tile that is loaded.
    """

    def __init__(self, encoding: Encoding) -> None:
        self.encoding = encoding
        levels = range(encoding.depth.reduction + encoding.depth.outer)
        super().__init__({
            "instruction": In(instruction_layout(encoding)), "begin": In(1), "loaded": In(1), "streamed": In(1),
            "stream_first_reduction": Out(1), "stream_last_reduction": Out(1), "stream_last_outer": Out(1),
            "stream_last": Out(1), "stream_level": Out(levels),
            "load_edge": Out(1), "load_last_reduction": Out(1), "load_level": Out(levels), "load_done": Out(1),
        })  # fmt: skip

    def elaborate(self, platform: object) -> Module:
        m = Module()
        stream_reduction, stream_outer = self._loops(m, "stream", self.streamed, self.stream_level)
        load_reduction, load_outer = self._loops(m, "load", self.loaded, self.load_level)
        m.d.comb += [
            self.stream_first_reduction.eq(stream_reduction.first),
            self.stream_last_reduction.eq(stream_reduction.last),
            self.stream_last_outer.eq(stream_outer.last),
            self.stream_last.eq(stream_reduction.last & stream_outer.last),
            self.load_edge.eq(load_reduction.inner_last),
            self.load_last_reduction.eq(load_reduction.last),
        ]
        with m.If(self.begin):
            m.d.sync += self.load_done.eq(0)
        with m.Elif(self.loaded & load_reduction.last & load_outer.last):
            m.d.sync += self.load_done.eq(1)
        return m

    def _loops(self, m: Module, name: str, advance: Signal, level: Signal) -> tuple[Levels, Levels]:
        """Reduction and outer tiles of one operand."""
        depth, bits = self.encoding.depth, self.encoding.count_bits
        found = []
        for loop, levels in (("reduction", depth.reduction), ("outer", depth.outer)):
            m.submodules[f"{name}_{loop}"] = counter = Levels(levels, bits)
            m.d.comb += [
                counter.count.eq(self.instruction[f"{loop}_count"]),
                *(
                    counter.periods[index].eq(self.instruction[f"{loop}_period_{index}"])
                    for index in range(levels - 1)
                ),
                counter.begin.eq(self.begin),
            ]
            found.append(counter)
        reduction, outer = found
        m.d.comb += [
            reduction.step.eq(advance),
            outer.step.eq(advance & reduction.last),
            level.eq(Mux(reduction.last, depth.reduction + outer.level, reduction.level)),
        ]
        return reduction, outer
