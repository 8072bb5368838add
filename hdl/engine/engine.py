"""The training engine: forward, loss, backward, weight gradient and update on one systolic array."""

from amaranth import Cat, Module, Mux, ResetInserter, Signal, Value
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In

from deep3.hdl.cells.bus import HostBus
from deep3.hdl.cells.pipeline import delay, history
from deep3.hdl.contract.config import EngineConfig
from deep3.hdl.contract.instruction import TIME_BITS, WALKS
from deep3.hdl.contract.nest import Depth
from deep3.hdl.contract.program import Counter, Loss, Memory
from deep3.hdl.contract.timing import aux_cycles, drain_cycles, operand_cycles, results_cycles, walk_cycles

from .columns import Columns
from .countdown import Countdown
from .counters import Counters
from .host_port import HostPort
from .loss import LossUnit
from .positions import mask_operands, pool_results
from .sequencer import Sequencer
from .store import OperandStore
from .walker import Walker

__all__ = ["Engine"]


class Engine(wiring.Component):
    """Everything between the host bus and the multipliers (docs/engine.md).

    Throughput: one vector of ``rows`` operands and one of ``columns`` sums a cycle inside an instruction; cycles of an
    instruction as in `Sequencer`, latencies as in `hdl.engine.timing`.

    Parameters
    ----------
    config : EngineConfig

    Members
    -------
    bus : In(HostBus(address_bits))
    """

    def __init__(self, config: EngineConfig) -> None:
        self.config = config
        super().__init__({"bus": In(HostBus(config.encoding.address_bits))})

    def elaborate(self, platform: object) -> Module:
        m = Module()
        config = self.config
        m.submodules.sequencer = sequencer = Sequencer(config)
        m.submodules.store = store = OperandStore(config)
        m.submodules.columns = columns = Columns(config)
        m.submodules.host = host = HostPort(config)
        m.submodules.counters = counters = Counters(config.max_instructions)
        # What was issued 0, 1, 2... cycles ago.
        issued = history(m, sequencer.stream, drain_cycles(config), name="issued")
        walkers = self._walkers(m, sequencer, issued)
        self._operands(m, sequencer, store, columns, walkers, issued)
        loss = None
        if config.loss_unit:
            loss = LossUnit(config)
            m.submodules.loss = ResetInserter(sequencer.loss_clear)(loss)
            self._loss(m, sequencer, host, columns, loss, issued)
        self._results(m, sequencer, store, columns, walkers, issued, loss)
        self._host(m, sequencer, store, host, counters)
        self._counters(m, sequencer, store, columns, counters, loss)
        return m

    def _walkers(self, m: Module, sequencer: Sequencer, issued: list[data.View]) -> dict[str, Walker]:
        live, depth = sequencer.instruction, self.config.encoding.depth
        walkers: dict[str, Walker] = {}
        for name, loops in WALKS.items():
            jumps = [live[f"{name}_{loop}_{level}"] for loop, level in depth.levels(loops)]
            # Classes come without a gap, from few levels.
            ahead = self.config.convolution and name != "loss_out"
            walker = Walker(len(jumps), self.config.encoding.address_bits, ahead=ahead)
            m.submodules[f"{name}_walker"] = walkers[name] = walker
            m.d.comb += [
                walker.base.eq(live[f"{name}_base"]),
                walker.buffered.eq(live[f"{name}_buffered"]),
                walker.offset.eq(sequencer.buffer_offset),
                *(walker.jumps[index].eq(jump) for index, jump in enumerate(jumps)),
                walker.begin.eq(sequencer.begin),
            ]
        for name, issue in (("stream", sequencer.stream), ("load", sequencer.load)):
            m.d.comb += [walkers[name].step.eq(issue.valid), walkers[name].level.eq(issue.level)]
        cycles = {"aux": aux_cycles(self.config), "out": drain_cycles(self.config) - walk_cycles(self.config)}
        for name, cycle in cycles.items():
            issue = issued[cycle]
            m.d.comb += [
                walkers[name].step.eq(issue.valid & issue.last),
                walkers[name].level.eq(_level_of_result(issue, depth)),
            ]
        return walkers

    def _operands(
        self, m: Module, sequencer: Sequencer, store: OperandStore, columns: Columns, walkers: dict[str, Walker],
        issued: list[data.View],
    ) -> None:  # fmt: skip
        live = sequencer.instruction
        for role in ("stream", "load", "aux"):
            m.d.comb += [
                getattr(store, f"{role}_memory").eq(live[f"{role}_memory"]),
                getattr(store, f"{role}_step").eq(live[f"{role}_lane_step"]),
                getattr(store, f"{role}_address").eq(walkers[role].address),
            ]
        load = delay(
            m, Cat(sequencer.load.valid, sequencer.load.column), operand_cycles(self.config), name="load"
        )
        edges = delay(m, Cat(sequencer.load.last, sequencer.load.edge), walk_cycles(self.config), name="edges")
        arriving = issued[operand_cycles(self.config)]
        m.d.comb += [
            store.load_edge.eq(edges[0]),
            store.load_edge_width.eq(live.last_reduction_width),
            columns.load_valid.eq(load[0]),
            columns.load_column.eq(load[1:]),
            *(columns.step[name].eq(arriving[name]) for name in ("valid", "tile_start", "first", "last", "last_outer")),
            columns.tile_width.eq(live.tile_width),
            columns.last_outer_width.eq(live.last_outer_width),
            columns.mode.eq(live.mode),
            columns.format.eq(live.format),
            columns.function.eq(live.function),
            columns.seed_load.eq(sequencer.seed_load),
            columns.seed.eq(sequencer.seed),
        ]
        mantissa, shift = self._rate(m, sequencer)
        m.d.comb += [columns.rate_mantissa.eq(mantissa), columns.rate_shift.eq(shift)]
        if self.config.convolution:
            m.d.comb += [
                store.load_inner_edge.eq(edges[1] & ~edges[0]),
                store.load_inner_edge_width.eq(live.edge_width),
                columns.position_bits.eq(live.position_bits),
            ]
            mask_operands(m, self.config, sequencer, store, columns, issued)
        else:
            m.d.comb += [getattr(columns, role).eq(getattr(store, role)) for role in ("stream", "load", "aux")]

    def _rate(self, m: Module, sequencer: Sequencer) -> tuple[Signal, Signal]:
        """The instruction's own rate, or the run's, long before the first result."""
        if not self.config.convolution:
            return sequencer.rate_mantissa, sequencer.rate_shift
        live = sequencer.instruction
        mantissa = Signal(16, name="rate_mantissa", reset_less=True)
        shift = Signal(2, name="rate_shift", reset_less=True)
        own = live.rate_mantissa.any()
        m.d.sync += [
            mantissa.eq(Mux(own, live.rate_mantissa, sequencer.rate_mantissa)),
            shift.eq(Mux(own, live.rate_shift, sequencer.rate_shift)),
        ]
        return mantissa, shift

    def _loss(
        self, m: Module, sequencer: Sequencer, host: HostPort, columns: Columns, loss: LossUnit,
        issued: list[data.View],
    ) -> None:  # fmt: skip
        live = sequencer.instruction
        drained = issued[results_cycles(self.config)]
        m.d.comb += [
            loss.kind.eq(live.loss),
            loss.classes.eq(live.time_count),
            loss.begin.eq(sequencer.begin),
            loss.label_base.eq(live.label_base + sequencer.label_offset),
            loss.in_valid.eq(drained.valid & drained.last & (live.loss != Loss.NONE)),
            loss.in_last.eq(drained.last_time),
            loss.in_count.eq(Mux(drained.last_outer, live.last_outer_width, live.tile_width)),
            *(loss.in_values[lane].eq(columns.results[lane]) for lane in range(self.config.columns)),
            host.label_address.eq(loss.label_address),
            loss.label_data.eq(host.label),
            host.class_valid.eq(loss.label_write_valid),
            host.class_address.eq(loss.label_write_address),
            host.class_index.eq(loss.label_write_data),
            sequencer.loss_busy.eq(loss.busy),
        ]

    def _results(
        self, m: Module, sequencer: Sequencer, store: OperandStore, columns: Columns, walkers: dict[str, Walker],
        issued: list[data.View], loss: LossUnit | None,
    ) -> None:  # fmt: skip
        """One write side for results and errors: an instruction with a loss that yields errors stores no outputs."""
        live = sequencer.instruction
        drained = issued[drain_cycles(self.config)]
        finished = issued[results_cycles(self.config)]
        drain: Value = finished.valid & finished.last & (live.output_memory != Memory.NONE)
        vector: Value = columns.results.as_value()
        if self.config.convolution:
            drain, vector = pool_results(m, self.config, sequencer, store, columns, drain)
        memory, address, step = live.output_memory, walkers["out"].address, live.out_lane_step
        # Widths stand long before the vectors that they mask.
        lanes = Mux(
            drained.last_outer,
            self._lanes_below(m, live.last_outer_width, "edge_lanes"),
            self._lanes_below(m, live.tile_width, "inner_lanes"),
        )
        if loss is not None:
            errors = (live.loss == Loss.SOFTMAX) | (live.loss == Loss.MSE)
            m.submodules.classes = classes = Countdown(TIME_BITS)
            m.d.comb += [
                classes.begin.eq(delay(m, sequencer.begin, 1, name="classes_begin", reset_less=False)),
                classes.step.eq(loss.out_valid),
                classes.count.eq(live.time_count),
                walkers["loss_out"].step.eq(loss.out_valid),
                walkers["loss_out"].level.eq(classes.last),
            ]
            drain = Mux(errors, loss.out_valid, drain)
            lanes = Mux(errors, self._lanes_below(m, loss.out_count, "loss_lanes"), lanes)
            memory = Mux(errors, Memory.ERROR, memory)
            address = Mux(errors, walkers["loss_out"].address, address)
            step = Mux(errors, live.loss_out_lane_step, step)
            vector = Mux(errors, loss.out_values.as_value(), vector)
        m.d.comb += store.write_step.eq(step)
        m.d.sync += [
            store.write_memory.eq(memory),
            store.write_address.eq(address),
            store.write_data.eq(vector),
            store.write_enable.eq(lanes & drain.replicate(self.config.columns)),
        ]

    def _lanes_below(self, m: Module, width: Value, name: str) -> Signal:
        """A bit for each column: whether it is one of the first ``width``, known a cycle later."""
        lanes = Signal(self.config.columns, name=name, reset_less=True)
        m.d.sync += [lanes[lane].eq(lane < width) for lane in range(self.config.columns)]
        return lanes

    def _host(
        self, m: Module, sequencer: Sequencer, store: OperandStore, host: HostPort, counters: Counters
    ) -> None:
        bus = self.bus
        m.d.comb += [
            host.write.valid.eq(bus.write.valid),
            host.write.payload.eq(bus.write.payload),
            bus.write.ready.eq(host.write.ready),
            host.read.valid.eq(bus.read.valid),
            host.read.payload.eq(bus.read.payload),
            bus.read.ready.eq(host.read.ready),
            bus.read_data.valid.eq(host.read_data.valid),
            bus.read_data.payload.eq(host.read_data.payload),
            host.read_data.ready.eq(bus.read_data.ready),
            sequencer.start.eq(bus.start),
            sequencer.parameters.eq(bus.parameters),
            sequencer.commit.eq(bus.commit),
            sequencer.commit_batches.eq(bus.commit_batches),
            sequencer.abort.eq(bus.abort),
            bus.busy.eq(sequencer.busy),
            bus.batches_done.eq(sequencer.batches_done),
            host.busy.eq(sequencer.busy),
            host.program_address.eq(sequencer.program_address),
            sequencer.program_word.eq(host.program_word),
            store.host_reads.eq(~sequencer.busy),
            store.host_memory.eq(host.store_memory),
            store.host_address.eq(host.store_address),
            host.store_data.eq(store.host_data),
            store.host_write.valid.eq(host.store_write.valid),
            store.host_write.payload.eq(host.store_write.payload),
            host.store_write.ready.eq(store.host_write.ready),
            counters.address.eq(host.counter_address),
            host.counter_word.eq(counters.data),
        ]

    def _counters(
        self, m: Module, sequencer: Sequencer, store: OperandStore, columns: Columns, counters: Counters,
        loss: LossUnit | None,
    ) -> None:  # fmt: skip
        m.d.comb += [
            counters.clear.eq(self.bus.start),
            counters.events[Counter.CYCLES].eq(sequencer.busy),
            counters.events[Counter.BATCH_WAIT].eq(sequencer.batch_wait),
            counters.events[Counter.FETCH_WAIT].eq(sequencer.fetch_wait),
            counters.events[Counter.HOST_WAIT].eq(store.host_waits),
            counters.events[Counter.LOSS_WAIT].eq(sequencer.loss_wait),
            counters.batches.eq(sequencer.batches_done),
            counters.counting.eq(sequencer.counting),
            counters.finished.eq(sequencer.finished),
            counters.first_batch.eq(sequencer.first_batch),
            counters.slot.eq(sequencer.slot),
            counters.saturations.eq(columns.saturations),
        ]
        if loss is not None:
            m.d.comb += counters.correct.eq(Mux(loss.correct_valid, loss.correct, 0))


def _level_of_result(issue: data.View, depth: Depth) -> Value:
    """The level that advances behind a vector of the last reduction tile, without those of the reduction."""
    time = issue.level if depth.time > 1 else 0
    outer = issue.level - (depth.time + depth.reduction) if depth.outer > 1 else 0
    return Mux(issue.last_time, depth.time + outer, time)
