"""Places in windows, in the low bits of words: which operands they mask, and the pools that set them."""

from amaranth import Cat, Module, Mux, Signal, Value
from amaranth.lib import data

from deep3.hdl.cells.pipeline import delay
from deep3.hdl.contract.config import EngineConfig
from deep3.hdl.contract.geometry import group_widths
from deep3.hdl.contract.instruction import POSITION_BITS, POSITION_LOOPS, Mask, Ones
from deep3.hdl.contract.program import Mode
from deep3.hdl.contract.timing import LANE_CYCLES, STORE_READ_CYCLES, operand_cycles

from .columns import Columns
from .operand import OperandMask
from .pool import Pool
from .sequencer import Sequencer
from .store import OperandStore
from .walker import Walker

__all__ = ["mask_operands", "pool_results"]


def mask_operands(
    m: Module, config: EngineConfig, sequencer: Sequencer, store: OperandStore, columns: Columns,
    issued: list[data.View],
) -> None:  # fmt: skip
    """Operands by the positions in their low bits, and ones in the place of streamed words.

    Parameters
    ----------
    issued
        What was issued 0, 1, 2... cycles ago.
    """
    live, depth = sequencer.instruction, config.encoding.depth
    loads = live.mask == Mask.LOAD
    jumps = [live[f"positions_{loop}_{level}"] for loop, level in depth.levels(POSITION_LOOPS)]
    m.submodules.positions_walker = positions = Walker(1 + len(jumps), POSITION_BITS, ahead=True)
    stream_level = _above(sequencer.stream.level, depth.time)
    load_level = _above(sequencer.load.level, depth.column)
    m.d.comb += [
        positions.base.eq(live.positions_base),
        positions.jumps[0].eq(0),
        *(positions.jumps[1 + index].eq(jump) for index, jump in enumerate(jumps)),
        positions.begin.eq(sequencer.begin),
        positions.step.eq(Mux(loads, sequencer.load.valid, sequencer.stream.valid)),
        positions.level.eq(Mux(loads, load_level, stream_level)),
    ]
    position = delay(m, positions.address, STORE_READ_CYCLES, name="position")
    arriving = issued[operand_cycles(config) - 1]
    for role in (Mask.STREAM, Mask.LOAD):
        name = role.name.lower()
        mask = OperandMask(config.rows, forced=role is Mask.STREAM)
        m.submodules[f"{name}_mask"] = mask
        m.d.comb += [
            *(mask.words[row].eq(getattr(store, name)[row]) for row in range(config.rows)),
            mask.masked.eq(live.mask == role),
            mask.mask_bits.eq(live.mask_bits),
            mask.position.eq(position),
            *(getattr(columns, name)[row].eq(mask.result[row]) for row in range(config.rows)),
        ]
        if role is Mask.STREAM:
            m.d.comb += [
                mask.width.eq(live.last_reduction_width),
                mask.force_lane.eq((live.ones == Ones.LANE) & arriving.last),
                mask.force_all.eq((live.ones == Ones.TIME) & arriving.last_time),
            ]
    # Positions are no part of an activation.
    positions_of = Signal(POSITION_BITS, reset_less=True)
    m.d.sync += positions_of.eq(Mux(live.mode == Mode.BACKWARD, (1 << live.position_bits) - 1, 0))
    for lane, word in enumerate(store.aux):
        m.d.comb += columns.aux[lane].eq(Cat(word[:POSITION_BITS] & ~positions_of, word[POSITION_BITS:]))


def pool_results(
    m: Module, config: EngineConfig, sequencer: Sequencer, store: OperandStore, columns: Columns, valid: Value
) -> tuple[Value, Value]:
    """What is stored of the results where their largest in a window counts.

    Parameters
    ----------
    valid
        The columns have results that are to be stored.

    Returns
    -------
    valid, results
        A cycle later.
    """
    live = sequencer.instruction
    m.submodules.pool = pool = Pool(config.columns, config.dropout)
    if config.dropout:
        m.d.comb += [columns.dropout_threshold.eq(live.dropout_threshold), pool.dropped.eq(columns.dropped)]
    # From the operand at the lanes to the result: of all groups when the last one's has come.
    behind = LANE_CYCLES + len(group_widths(config.columns)) - 1
    m.d.comb += [
        pool.begin.eq(sequencer.begin),
        pool.valid.eq(valid),
        pool.forward.eq(live.mode == Mode.FORWARD),
        pool.window.eq(live.window),
        pool.position_bits.eq(live.position_bits),
    ]
    low = delay(m, Cat(store.aux[lane][:POSITION_BITS] for lane in range(config.columns)), behind, name="positions")
    for lane in range(config.columns):
        m.d.comb += [
            pool.results[lane].eq(columns.results[lane]),
            pool.aux_positions[lane].eq(low.word_select(lane, POSITION_BITS)),
        ]
    return pool.pooled_valid, pool.pooled.as_value()


def _above(level: Value, inner: int) -> Value:
    """The level of a tile, 0 for all levels inside it."""
    return Mux(level >= inner, level - (inner - 1), 0)
