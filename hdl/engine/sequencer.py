"""Sequencer: walks the program, instruction by instruction, and issues one vector a cycle.

Nothing stalls inside an instruction. A run waits only between instructions: for a batch to be committed, for the next
instruction to be fetched, for the loss unit to finish.
"""

from amaranth import Const, Module, Mux, Signal, Value
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from deep3.hdl.cells.layouts import instruction_layout, start_layout
from deep3.hdl.contract.config import EngineConfig
from deep3.hdl.contract.instruction import TIME_BITS
from deep3.hdl.contract.nest import Depth
from deep3.hdl.contract.program import LABEL_ADDRESS_BITS
from deep3.hdl.contract.timing import SETUP_CYCLES, flush_cycles

from .countdown import Countdown
from .fetch import Fetch
from .levels import Levels
from .tiles import Tiles

__all__ = ["Sequencer", "load_issue_layout", "stream_issue_layout"]


def stream_issue_layout(depth: Depth) -> data.StructLayout:
    """One vector of the streamed operand.

    ``tile_start`` marks the first vector of a tile, ``first`` and ``last`` the first and last reduction tile,
    ``last_time`` the last vector of a tile, ``last_outer`` the last outer tile; ``level`` is the level that advances
    after it: those of time come first, then those of the reduction, then the outer ones.
    """
    levels = range(depth.time + depth.reduction + depth.outer)
    return data.StructLayout({
        "valid": 1, "tile_start": 1, "first": 1, "last": 1, "last_time": 1, "last_outer": 1, "level": levels,
    })  # fmt: skip


def load_issue_layout(depth: Depth) -> data.StructLayout:
    """One vector of the stationary operand, for ``column``; ``edge`` marks the end of the innermost level of the
    reduction, ``last`` the last reduction tile. ``level`` as of the stream, columns in the place of time."""
    levels = range(depth.column + depth.reduction + depth.outer)
    return data.StructLayout({"valid": 1, "column": 4, "edge": 1, "last": 1, "level": levels})


class Sequencer(wiring.Component):
    """Runs programs.

    An instruction takes ``SETUP_CYCLES + tile_width + outer_count * reduction_count * tile_cycles + flush_cycles``
    cycles, and what the loss unit needs beyond that.

    Parameters
    ----------
    config : EngineConfig

    Members
    -------
    start, parameters, commit, commit_batches, abort, busy, batches_done
        As in `HostBus`.
    program_address : Out, program_word : In(16)
        Read port of the program memory, latency 2 cycles.
    instruction : Out(instruction_layout(config.encoding))
        The instruction under way, constant from ``begin`` until its last result has left the lanes.
    buffer_offset : Out(config.encoding.address_bits), label_offset : Out(LABEL_ADDRESS_BITS)
        Of the current batch buffer, in a run.
    rate_mantissa, rate_shift : Out
        Of the run; without a meaning between runs, as is ``seed``.
    seed_load : Out(1), seed : Out(32)
        A run with a seed begins.
    begin : Out(1)
        Once for each instruction, in the first cycle in which ``instruction`` is valid.
    stream : Out(stream_issue_layout(depth)), load : Out(load_issue_layout(depth))
        Vectors issued in this cycle.
    loss_busy : In(1), loss_clear : Out(1)
        The loss unit, asked when the results have drained; cleared by an abort.
    counting : Out(1), slot : Out, first_batch : Out(1)
        The cycle belongs to the instruction in program slot ``slot``, in the first batch of its run.
    finished : Out(1)
        Last cycle of that instruction.
    batch_wait, fetch_wait, loss_wait : Out(1)
        The cycle is spent waiting, and for what.
    """

    def __init__(self, config: EngineConfig) -> None:
        self.config = config
        encoding = config.encoding
        slots = range(config.max_instructions)
        super().__init__({
            "start": In(1), "parameters": In(start_layout()), "commit": In(1), "commit_batches": In(16), "abort": In(1),
            "busy": Out(1), "batches_done": Out(32),
            "program_address": Out(range(config.max_instructions * encoding.words)), "program_word": In(16),
            "instruction": Out(instruction_layout(encoding)),
            "buffer_offset": Out(encoding.address_bits), "label_offset": Out(LABEL_ADDRESS_BITS), "begin": Out(1),
            "rate_mantissa": Out(16), "rate_shift": Out(2), "seed_load": Out(1), "seed": Out(32),
            "stream": Out(stream_issue_layout(encoding.depth)), "load": Out(load_issue_layout(encoding.depth)),
            "loss_busy": In(1), "loss_clear": Out(1),
            "counting": Out(1), "slot": Out(slots), "first_batch": Out(1), "finished": Out(1),
            "batch_wait": Out(1), "fetch_wait": Out(1), "loss_wait": Out(1),
        })  # fmt: skip

    def elaborate(self, platform: object) -> Module:
        m = Module()
        encoding = self.config.encoding
        m.submodules.fetch = fetch = Fetch(self.config)
        m.d.comb += [self.program_address.eq(fetch.address), fetch.word.eq(self.program_word)]

        run = Signal(start_layout(), reset_less=True)
        live = Signal(instruction_layout(encoding), reset_less=True)
        m.d.comb += self.instruction.eq(live)
        aborting = Signal()
        batch_start = Signal()
        batch_end = Signal()
        position = Signal(8)
        next_position = Signal(8)
        last_instruction = Signal()
        cycle = Signal(TIME_BITS)
        # LEAD and TILES, each in a register of its own: the counters of the tiles have no time to look at the state.
        leading, streaming = Signal(), Signal()
        m.submodules.tiles = tiles = Tiles(encoding)
        m.submodules.lead_cycle = lead_cycle = Countdown(TIME_BITS)
        m.submodules.tile_cycle = tile_cycle = Countdown(TIME_BITS)
        with m.If(self.abort):
            m.d.sync += aborting.eq(self.busy)
        # Whatever stands there until a run begins, and below until an instruction does: the event itself would have to
        # reach every one of these registers.
        with m.If(~self.busy):
            m.d.sync += run.eq(self.parameters)

        all_done, uncommitted = self._batches(m, run, batch_end)
        m.d.comb += [
            tiles.instruction.eq(live),
            lead_cycle.count.eq(live.tile_width),
            lead_cycle.step.eq(leading),
            tile_cycle.count.eq(live.tile_cycles),
            tile_cycle.step.eq(streaming),
            tiles.streamed.eq(streaming & tile_cycle.last),
            tiles.loaded.eq(tiles.streamed | (leading & lead_cycle.last)),
            batch_end.eq(self.finished & last_instruction),
            self.slot.eq(run.first_instruction + position),
            self.first_batch.eq(self.batches_done == 0),
            self.rate_mantissa.eq(run.rate_mantissa),
            self.rate_shift.eq(run.rate_shift),
            self.seed.eq(run.seed),
        ]
        accept = Signal()
        settled, flushed = Signal(), Signal()
        m.d.sync += [settled.eq(0), flushed.eq(flushed & self.loss_busy)]
        m.d.comb += self.finished.eq(flushed & ~self.loss_busy)
        issue_stream = Signal(stream_issue_layout(encoding.depth))
        issue_load = Signal(load_issue_layout(encoding.depth))
        self._issue(m, live, cycle, tiles, issue_stream, issue_load)
        m.d.sync += [self.stream.eq(issue_stream), self.load.eq(issue_load), self.begin.eq(accept)]

        m.d.comb += [
            fetch.slot.eq(Mux(self.busy, run.first_instruction + next_position, self.parameters.first_instruction)),
            fetch.begin.eq(self.begin | ~self.busy),
        ]
        with m.FSM():
            with m.State("IDLE"), m.If(self.start):
                single = self.parameters.instruction_count == 1
                m.d.sync += [
                    self.busy.eq(1), batch_start.eq(1), aborting.eq(0),
                    position.eq(0), next_position.eq(~single), last_instruction.eq(single),
                ]  # fmt: skip
                m.next = "SEED"
            with m.State("SEED"):
                m.d.comb += self.seed_load.eq(run.seed != 0)
                m.next = "WAIT"
            with m.State("WAIT"):
                m.d.sync += live.eq(fetch.instruction)
                with m.If(aborting | all_done):
                    m.d.sync += [self.busy.eq(0), aborting.eq(0)]
                    m.next = "IDLE"
                with m.Elif(batch_start & uncommitted):
                    m.d.comb += self.batch_wait.eq(1)
                with m.Elif(~fetch.ready):
                    m.d.comb += self.fetch_wait.eq(1)
                with m.Else():
                    m.d.comb += [accept.eq(1), self.counting.eq(1)]
                    m.d.sync += [batch_start.eq(0), cycle.eq(0)]
                    m.next = "SETUP"
            with m.State("SETUP"):
                m.d.comb += [
                    self.counting.eq(1),
                    tiles.begin.eq(1),
                    lead_cycle.begin.eq(1),
                    tile_cycle.begin.eq(1),
                ]
                m.d.sync += [cycle.eq(cycle + 1), settled.eq(cycle == SETUP_CYCLES - 3)]
                with m.If(aborting):
                    m.d.sync += cycle.eq(0)
                    m.next = "FLUSH"
                with m.Elif(settled):
                    m.d.sync += [cycle.eq(0), leading.eq(1)]
                    m.next = "LEAD"
            with m.State("LEAD"):
                m.d.comb += [self.counting.eq(1), issue_load.valid.eq(1)]
                m.d.sync += cycle.eq(cycle + 1)
                with m.If(aborting):
                    m.d.sync += [cycle.eq(0), leading.eq(0)]
                    m.next = "FLUSH"
                with m.Elif(lead_cycle.last):
                    m.d.sync += [cycle.eq(0), leading.eq(0), streaming.eq(1)]
                    m.next = "TILES"
            with m.State("TILES"):
                m.d.comb += [
                    self.counting.eq(1),
                    issue_stream.valid.eq(cycle < live.time_count),
                    issue_load.valid.eq((cycle < live.tile_width) & ~tiles.load_done),
                ]
                m.d.sync += cycle.eq(cycle + 1)
                # At once: a program that is not one may name tiles without an end.
                with m.If(aborting):
                    m.d.sync += [cycle.eq(0), streaming.eq(0)]
                    m.next = "FLUSH"
                with m.Elif(tile_cycle.last):
                    m.d.sync += cycle.eq(0)
                    with m.If(tiles.stream_last):
                        m.d.sync += streaming.eq(0)
                        m.next = "FLUSH"
            with m.State("FLUSH"):
                m.d.comb += self.counting.eq(1)
                m.d.sync += cycle.eq(cycle + 1)
                with m.If(self.finished):
                    m.next = "WAIT"
                with m.Elif(flushed):
                    m.next = "LOSS"
                with m.Else():
                    m.d.sync += flushed.eq(cycle == flush_cycles(self.config) - 2)
            with m.State("LOSS"):
                m.d.comb += [self.counting.eq(1), self.loss_wait.eq(1), self.loss_clear.eq(aborting)]
                with m.If(self.finished):
                    m.next = "WAIT"
        # Known long before an instruction ends, so that its end does not wait for sums and comparisons.
        becomes_last, following = Signal(), Signal.like(position)
        m.d.sync += [
            becomes_last.eq(next_position + 1 == run.instruction_count),
            following.eq(Mux(becomes_last, 0, next_position + 1)),
        ]
        with m.If(self.finished):
            m.d.sync += [position.eq(next_position), next_position.eq(following), last_instruction.eq(becomes_last)]
        with m.If(batch_end):
            m.d.sync += batch_start.eq(1)
        return m

    def _batches(self, m: Module, run: data.View, batch_end: Signal) -> tuple[Signal, Signal]:
        """Counts batches, and moves from one batch buffer to the next.

        Returns whether all are done, and whether the next has to wait for the host; after a batch both are known at
        once, for they were computed while it ran.
        """
        left = Signal(32)
        committed = Signal(32)
        done_next = Signal(32)
        buffer = Signal(13)
        all_done, uncommitted, none_available = Signal(), Signal(), Signal()
        last_batch, last_buffer = Signal(), Signal()
        m.d.comb += uncommitted.eq(none_available & ~run.resident)
        m.d.sync += [
            committed.eq(committed + Mux(self.commit, self.commit_batches, 0)),
            done_next.eq(self.batches_done + 1),
            # A batch that is committed in the very cycle in which one ends is seen a cycle later.
            none_available.eq(Mux(batch_end, committed == done_next, committed == self.batches_done)),
            last_batch.eq(left == 1),
            last_buffer.eq(buffer + 1 == run.buffers),
        ]
        with m.If(batch_end):
            m.d.sync += [self.batches_done.eq(done_next), left.eq(left - 1), all_done.eq(last_batch)]
            with m.If(last_buffer):
                m.d.sync += [buffer.eq(0), self.buffer_offset.eq(0), self.label_offset.eq(0)]
            with m.Else():
                m.d.sync += [
                    buffer.eq(buffer + 1),
                    self.buffer_offset.eq(self.buffer_offset + run.buffer_words),
                    self.label_offset.eq(self.label_offset + run.label_words),
                ]
        with m.If(~self.busy):
            m.d.sync += [
                left.eq(self.parameters.batches), all_done.eq(self.parameters.batches == 0),
                committed.eq(0), none_available.eq(1), buffer.eq(0), self.buffer_offset.eq(0), self.label_offset.eq(0),
            ]  # fmt: skip
        with m.If(self.start & ~self.busy):
            m.d.sync += self.batches_done.eq(0)
        return all_done, uncommitted

    def _issue(
        self, m: Module, live: data.View, cycle: Signal, tiles: "Tiles", stream: data.View, load: data.View
    ) -> None:
        """Everything about the vectors of this cycle but their validity, which belongs to the state."""
        depth = self.config.encoding.depth
        last_time, time_level = self._inner(m, "time", depth.time, live, live.time_count, cycle, tiles.begin, stream)
        last_column, column_level = self._inner(
            m, "column", depth.column, live, live.tile_width, cycle, tiles.begin, load
        )
        m.d.comb += [
            stream.tile_start.eq(cycle == 0),
            stream.first.eq(tiles.stream_first_reduction),
            stream.last.eq(tiles.stream_last_reduction),
            stream.last_time.eq(last_time),
            stream.last_outer.eq(tiles.stream_last_outer),
            stream.level.eq(Mux(last_time, depth.time + tiles.stream_level, time_level)),
            load.column.eq(cycle),
            load.edge.eq(tiles.load_edge),
            load.last.eq(tiles.load_last_reduction),
            load.level.eq(Mux(last_column, depth.column + tiles.load_level, column_level)),
        ]

    def _inner(
        self, m: Module, name: str, levels: int, live: data.View, count: Value, cycle: Signal, begin: Signal,
        issue: data.View,
    ) -> tuple[Value, Value]:  # fmt: skip
        """Whether the vector of this cycle is the last of its tile, and the level of the loop that advances with it."""
        if levels == 1:
            # A constant of the instruction, which stands long before it is compared.
            final = Signal(TIME_BITS, name=f"final_{name}", reset_less=True)
            m.d.sync += final.eq(count - 1)
            return cycle == final, Const(0)
        m.submodules[f"{name}_levels"] = loop = Levels(levels, TIME_BITS)
        m.d.comb += [
            loop.count.eq(count),
            *(loop.periods[level].eq(live[f"{name}_period_{level}"]) for level in range(levels - 1)),
            loop.begin.eq(begin),
            loop.step.eq(issue.valid),
        ]
        return loop.last, loop.level
