"""Faults of the gateware, at least one a unit, each with the test named after its unit that must notice it."""

from dataclasses import dataclass
from pathlib import Path

__all__ = ["GATEWARE_MUTATIONS", "GatewareMutation"]

RTL, FORMAL = "tests/rtl/test_{}.py", "tests/formal/test_{}_proof.py"


@dataclass(frozen=True)
class GatewareMutation:
    """One place of one file, changed.

    Attributes
    ----------
    unit
        A name of `deep3.sim.units.UNITS`.
    file
        Path below the root.
    before, after
        Text, which occurs once, and what stands there instead.
    test
        What pytest is to run.
    """

    unit: str
    file: str
    before: str
    after: str
    test: str

    def applied(self, root: Path) -> str:
        """The whole file with the fault in it.

        Raises
        ------
        LookupError
            When the text does not occur once: the list is older than the file.
        """
        source = (root / self.file).read_text("utf-8")
        if source.count(self.before) != 1:
            raise LookupError(f"{self.file} must contain {self.before!r} once, not {source.count(self.before)} times")
        return source.replace(self.before, self.after)


def _in(unit: str, file: str, before: str, after: str, test: str = "") -> GatewareMutation:
    return GatewareMutation(unit, f"hdl/{file}.py", before, after, test or RTL.format(unit))


_LINK, _SESSION, _BUFFER = RTL.format("link"), FORMAL.format("session"), FORMAL.format("packet_buffer")

GATEWARE_MUTATIONS = (
    _in("countdown", "engine/countdown", "single.eq(self.count == 1)", "single.eq(self.count == 2)"),
    _in("fetch", "engine/fetch", "ready.eq(count == cycles - 1)", "ready.eq(count == cycles - 2)"),
    _in("levels", "engine/levels", "above.eq(ends | period.last)", "above.eq(period.last)"),
    _in("walker", "engine/walker", "Mux(self.buffered, self.offset, 0)", "self.offset"),
    _in("counters", "engine/counters", "Mux(first_batch, 0, update.data)", "update.data"),
    _in("counters", "engine/counters", "cycles.eq(counting), saturations.eq(0)", "cycles.eq(0), saturations.eq(0)"),
    _in("host_port", "engine/host_port", "Mux(self.class_valid, self.class_address, word.address)", "word.address"),
    _in("host_port", "engine/host_port", "self.write.ready.eq(~self.class_valid)", "self.write.ready.eq(1)"),
    _in("accumulator", "engine/accumulator", "with m.If(first):", "with m.If(first & ~first):"),
    _in("array", "engine/array", "multiplier.b_enable.eq(self.swap[row])", "multiplier.b_enable.eq(1)"),
    _in("array", "engine/array", "delay(m, load_valid, 1, name=f\"load_valid_{row}\")", "load_valid"),
    _in("memory", "engine/memory", "start_2 > bank", "start_2 >= bank"),
    _in("memory", "engine/memory", "wrap.eq(multiples[self.banks] + 1)", "wrap.eq(multiples[self.banks])"),
    _in("store", "engine/store", "here & (lane >= ", "here & (lane > "),
    _in("store", "engine/store", "self.host_waits.eq(host_valid & blocked)", "self.host_waits.eq(0)"),
    _in("lanes", "engine/lane", "rounded_window.eq((window + 1) >> 1)", "rounded_window.eq(window >> 1)"),
    _in("lanes", "engine/lane", "self.clipped.eq(clipped | result_clipped)", "self.clipped.eq(result_clipped)"),
    _in("lanes", "engine/lanes", "decoded.half.eq(backward | ", "decoded.half.eq(",
        "tests/unit/hdl/test_lane_operations.py"),
    _in("lanes", "engine/lanes", "presented[LANE_PRODUCT_CYCLES] & control.update", "presented[LANE_PRODUCT_CYCLES]"),
    _in("lanes", "engine/lanes", "(byte < self.dropout_threshold)", "(byte <= self.dropout_threshold)"),
    _in("lanes", "engine/lane", "before_factor.any() | ~control.zero_stops", "~control.zero_stops"),
    _in("lanes", "engine/lane", "Mux(second, magnitude[3:9]", "Mux(second, magnitude[2:8]"),
    _in("columns", "engine/columns", 'delay(m, self.aux[lane], index, name=f"aux_{lane}")', "self.aux[lane]"),
    _in("loss", "engine/loss_lane", "(value > largest)", "(value >= largest)"),
    _in("loss", "engine/loss_lane", "self.counts & (label == self.best)", "label == self.best"),
    _in("loss", "engine/loss", "left.eq(count), writes.eq(count.any())", "left.eq(count), writes.eq(1)"),
    _in("operand", "engine/operand", "result[pair].eq(0)", "result[pair].eq(word[pair])"),
    _in("operand", "engine/operand", "(self.force_lane & last[lane])", "self.force_lane"),
    _in("pool", "engine/pool", "(largest < result)", "(largest <= result)"),
    _in("pool", "engine/pool", "begin | (self.valid & last)", "self.valid & last"),
    _in("pool", "engine/pool", "kept.eq(~self.dropped[column])", "kept.eq(1)"),
    _in("sequencer", "engine/sequencer", "becomes_last.eq(next_position + 1 == run.instruction_count)",
        "becomes_last.eq(next_position == run.instruction_count)"),
    _in("sequencer", "engine/sequencer", "self.seed_load.eq(run.seed != 0)", "self.seed_load.eq(1)"),
    _in("engine", "engine/engine", "counters.correct.eq(Mux(loss.correct_valid, loss.correct, 0))",
        "counters.correct.eq(loss.correct)"),
    _in("engine", "engine/engine", "live.label_base + sequencer.label_offset", "live.label_base"),
    _in("endpoint", "link/receive", " & ~count[0] & ~overlong", " & ~overlong", _LINK),
    _in("endpoint", "link/receive", " & ~count[0] & ~overlong", " & ~overlong", _BUFFER),
    _in("endpoint", "link/receive", "cut_short.eq(valid & byte.first & inside)", "cut_short.eq(0)", _LINK),
    _in("endpoint", "link/session", "window.in_order & verdict.start & idle", "window.fresh & verdict.start & idle",
        _LINK),
    _in("endpoint", "link/session", "window.in_order & verdict.start & idle", "window.in_order & verdict.start", _LINK),
    _in("endpoint", "link/session", "refused.eq(~idle & ~verdict.counters)", "refused.eq(~idle)", _LINK),
    _in("endpoint", "link/session", "with m.If(possible):", "with m.If(possible | ~possible):", _LINK),
    _in("endpoint", "link/session", "& arriving.buffers.any()", "", _SESSION),
    _in("endpoint", "link/judge", "room < count[:_COUNT_BITS]", "room < 0", _LINK),
    _in("endpoint", "link/judge", "room < count[:_COUNT_BITS]", "room < 1", _SESSION),
    _in("endpoint", "link/judge", "names_session & ~names_current & expects_current",
        "names_session & ~names_current", _LINK),
    _in("endpoint", "link/window", "self.fresh.eq(~far & ~accepted.bit_select(near, 1))", "self.fresh.eq(~far)", _LINK),
    _in("endpoint", "link/window", "self.fresh.eq(~far & ~accepted.bit_select(near, 1))", "self.fresh.eq(~far)",
        FORMAL.format("window")),
    _in("cobs", "link/cobs", "owes_empty_block.eq(byte.last & is_zero)", "owes_empty_block.eq(0)", RTL.format("uart")),
    _in("cobs", "link/cobs", "owes_zero.eq(~is_full)", "owes_zero.eq(1)", RTL.format("uart")),
    _in("uart", "link/uart", "received.payload.broken.eq(~line)", "received.payload.broken.eq(0)"),
    _in("ethernet", "link/ethernet/mac_receive", "found.short.eq(~long_enough)", "found.short.eq(0)"),
    _in("ethernet", "link/ethernet/frame_judge", "doubled = udp & (place == _TRANSPORT + 5)", "doubled = Const(0)"),
    _in("ethernet", "link/ethernet/frame_ring", "committed.eq(written)", "committed.eq(written + 1)",
        FORMAL.format("frame_ring")),
    _in("rgmii", "phy/rgmii", "& ~cells.fall[DATA_BITS]", "& cells.fall[DATA_BITS]", RTL.format("phy")),
    _in("gmii", "phy/gmii", "received[9] & received[8]", "received[9]", RTL.format("phy")),
    _in("mii", "phy/mii", "byte_error.eq(error | low_error)", "byte_error.eq(error)", RTL.format("phy")),
    _in("mdio", "phy/mdio", "address.eq(address + 1), which.eq(0)", "address.eq(address + 1)", RTL.format("phy")),
    _in("reset", "phy/reset", "with m.If(~count[-1]):", "with m.If(~count[-2]):", RTL.format("phy")),
)  # fmt: skip
