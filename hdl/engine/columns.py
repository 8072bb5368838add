"""Array, accumulators and post lanes: operand vectors in, finished results of all columns side by side out."""

from amaranth import Module, Mux, Signal, signed
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from deep3.hdl.cells.pipeline import delay, history
from deep3.hdl.contract.config import EngineConfig
from deep3.hdl.contract.geometry import GROUP_COLUMNS, group_widths, sum_bits
from deep3.hdl.contract.instruction import DROPOUT_BITS
from deep3.hdl.contract.program import Format, Function, Mode
from deep3.hdl.contract.timing import ACCUMULATE_CYCLES, sums_cycles

from .accumulator import Accumulator
from .array import SystolicArray
from .lanes import PostLanes

__all__ = ["Columns", "step_layout"]


def step_layout() -> data.StructLayout:
    """One time step of a tile: ``tile_start`` its first, ``first`` and ``last`` the first and last reduction tile,
    ``last_outer`` the last outer tile."""
    return data.StructLayout({"valid": 1, "tile_start": 1, "first": 1, "last": 1, "last_outer": 1})


class Columns(wiring.Component):
    """The arithmetic of the engine.

    Parameters
    ----------
    config : EngineConfig

    Members
    -------
    stream, load : In(rows x signed(16)), load_valid : In(1), load_column : In(4)
        As in `SystolicArray`.
    step : In(step_layout())
        The time step of ``stream``, with it.
    aux : In(columns x signed(16))
        Activations (BACKWARD) or weights (UPDATE), `sums_cycles` after the step of the last reduction tile.
    tile_width, last_outer_width : In(5)
        Columns that count, but for the last outer tile and in it. Constant, as are the next, while an instruction runs.
    mode, format, function, rate_mantissa, rate_shift : In
        As in `PostLanes`.
    seed_load : In(1), seed : In(32)
        Restart the random words.
    dropout_threshold : In(DROPOUT_BITS), dropped : Out(columns)
        As in `PostLanes`, with dropout only; the latter with the results.
    position_bits : In(3)
        As in `PostLanes`, with convolution only.
    results : Out(columns x signed(16))
        `columns_cycles` after the step, one vector a cycle.
    saturations : Out(5)
        Lanes clipped in a vector, one cycle after it.
    """

    def __init__(self, config: EngineConfig) -> None:
        self.config = config
        rows = data.ArrayLayout(signed(16), config.rows)
        columns = data.ArrayLayout(signed(16), config.columns)
        options = {"dropout_threshold": In(DROPOUT_BITS), "dropped": Out(config.columns)} if config.dropout else {}
        options |= {"position_bits": In(3)} if config.convolution else {}
        super().__init__({
            "stream": In(rows), "load": In(rows), "load_valid": In(1), "load_column": In(4),
            "step": In(step_layout()), "aux": In(columns),
            "tile_width": In(5), "last_outer_width": In(5),
            "mode": In(Mode), "format": In(Format), "function": In(Function),
            "rate_mantissa": In(16), "rate_shift": In(2), "seed_load": In(1), "seed": In(32),
            "results": Out(columns), "saturations": Out(5),
        } | options)  # fmt: skip

    def elaborate(self, platform: object) -> Module:
        m = Module()
        config = self.config
        widths = group_widths(config.columns)
        m.submodules.array = array = SystolicArray(config.rows, config.columns)
        m.d.comb += [
            array.stream.eq(self.stream),
            array.swap.eq(self.step.valid & self.step.tile_start),
            array.load.eq(self.load),
            array.load_valid.eq(self.load_valid),
            array.load_column.eq(self.load_column),
        ]
        # The same step meets the accumulators, then the lanes, of one group after the other.
        steps = history(m, self.step, sums_cycles(config) + len(widths), name="step")
        to_accumulator = sums_cycles(config) - ACCUMULATE_CYCLES
        time = Signal(range(config.accumulator_words), reset_less=True)
        arriving = steps[to_accumulator - 1]
        with m.If(arriving.valid):
            m.d.sync += time.eq(Mux(arriving.tile_start, 0, time + 1))

        inner_lanes = Signal(config.columns, reset_less=True)
        edge_lanes = Signal(config.columns, reset_less=True)
        for lane in range(config.columns):
            m.d.sync += [
                inner_lanes[lane].eq(lane < self.tile_width),
                edge_lanes[lane].eq(lane < self.last_outer_width),
            ]
        clipped = []
        for index, width in enumerate(widths):
            lanes = range(index * GROUP_COLUMNS, index * GROUP_COLUMNS + width)
            m.submodules[f"accumulator_{index}"] = accumulator = Accumulator(
                width, config.accumulator_words, sum_bits(config.rows)
            )
            m.submodules[f"lanes_{index}"] = post = PostLanes(config, width, index)
            summed = steps[to_accumulator + index]
            finished = steps[sums_cycles(config) + index]
            ahead = steps[sums_cycles(config) + index - 1]
            enabled = Mux(finished.last_outer, edge_lanes, inner_lanes)
            m.d.comb += [
                accumulator.valid.eq(summed.valid),
                accumulator.first.eq(summed.first),
                accumulator.address.eq(time),
                post.valid.eq(finished.valid & finished.last),
                post.ahead.eq(ahead.valid & ahead.last),
                post.enable.eq(enabled[lanes.start : lanes.stop]),
                post.sums.eq(accumulator.totals),
                post.mode.eq(self.mode),
                post.format.eq(self.format),
                post.function.eq(self.function),
                post.rate_mantissa.eq(self.rate_mantissa),
                post.rate_shift.eq(self.rate_shift),
                post.seed_load.eq(self.seed_load),
                post.seed.eq(self.seed),
            ]
            if config.dropout:
                m.d.comb += post.dropout_threshold.eq(self.dropout_threshold)
            if config.convolution:
                m.d.comb += post.position_bits.eq(self.position_bits)
            time = delay(m, time, 1, name=f"time_{index}")  # type: ignore[assignment]
            deskew_cycles = len(widths) - 1 - index
            for column, lane in enumerate(lanes):
                m.d.comb += [
                    accumulator.sums[column].eq(array.sums[lane]),
                    post.aux[column].eq(delay(m, self.aux[lane], index, name=f"aux_{lane}")),
                    self.results[lane].eq(delay(m, post.results[column], deskew_cycles, name=f"result_{lane}")),
                ]
                if config.dropout:
                    late = delay(m, post.dropped[column], deskew_cycles, name=f"dropped_{lane}")
                    m.d.comb += self.dropped[lane].eq(late)
            count = Mux(post.results_valid, post.saturated, 0)
            clipped.append(delay(m, count, deskew_cycles, name=f"clipped_{index}", reset_less=False))
        m.d.sync += self.saturations.eq(sum(clipped[1:], start=clipped[0]))
        return m
