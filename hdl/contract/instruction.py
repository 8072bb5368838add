"""Instructions: one matrix product each, walked over the operand memories.

The sequencer decodes what `Instruction.encode` packs; the golden model executes the dataclass itself:

    for n in range(outer_count):                # tiles of the column dimension
        for k in range(reduction_count):        # tiles of the reduction dimension
            for t in range(time_count):         # one cycle each
                sum[t, c] += dot(stream(t, k, n)[r], load(c, k, n)[r] if r < width(k) else 0)
        out(t, n)[c] = lane(sum[t, c], aux(t, n)[c])    for c < width(n)

An operand vector of a walk is lanes j = 0, 1, ... at flat addresses ``base + sum(digit * stride) + j * lane_stride``
with ``lane_stride = lane_step * banks + 1``: consecutive lanes always fall into consecutive banks, so any vector along
a row (lane_step = 0) or a column (pitch = lane_step * banks + 1) is read without a bank conflict. A loop has one level
on engines for matrix products, several on those for convolutions (`hdl.contract.nest`).
"""

import enum
from dataclasses import dataclass, fields, replace
from functools import cached_property

from .nest import DEEP, FLAT, NOWHERE, Depth, Walk, back, jumps, strides
from .program import (
    ADDRESS_BITS,
    LABEL_ADDRESS_BITS,
    Format,
    Function,
    Loss,
    Memory,
    Mode,
    ProgramError,
    pack,
    unpack,
)

__all__ = [
    "DEEP_ENCODING", "DROPOUT_BITS", "FLAT_ENCODING", "POSITION_BITS", "POSITION_LOOPS", "TIME_BITS", "WALKS",
    "WINDOW_BITS", "Encoding", "Instruction", "Mask", "Ones", "instruction_fields",
]  # fmt: skip


class Ones(enum.IntEnum):
    """Where the stream is forced to 1.0 (Q3.12), for a bias that has no word of its own in the streamed memory."""

    NONE = 0
    LANE = 1
    """In the last lane that counts of the last reduction tile."""
    TIME = 2
    """In every lane of the last step of time."""


class Mask(enum.IntEnum):
    """Which operand is masked by the positions in its low bits."""

    NONE = 0
    STREAM = 1
    LOAD = 2


POSITION_BITS = 4
"""Most low bits of a word that hold the position of a maximum in its window."""

DROPOUT_BITS = 8
"""Of a random word that say whether a result is dropped."""

WINDOW_BITS = 5
"""Steps of a window of a maximum: 16 at most."""


@dataclass(frozen=True)
class Encoding:
    """How an engine encodes instructions: levels of its loops, and widths of fields in bits."""

    depth: Depth
    address_bits: int
    lane_step_bits: int
    count_bits: int

    @cached_property
    def words(self) -> int:
        """16-bit words of an instruction, in whole lines of 16."""
        bits = sum(width for _, width in instruction_fields(self))
        return -(-bits // 256) * 16


FLAT_ENCODING = Encoding(FLAT, ADDRESS_BITS, 14, 11)
"""Of engines without convolution."""

DEEP_ENCODING = Encoding(DEEP, 20, 16, 16)
"""Of engines with convolution: 16 banks of 65536 words at most."""

TIME_BITS = 11
"""Of counts and periods of time: an accumulator memory holds 1024 sums of a column."""

_MEMORIES = ("stream_memory", "load_memory", "aux_memory", "output_memory")
WALKS = {
    "stream": ("time", "reduction", "outer"),
    "load": ("column", "reduction", "outer"),
    "out": ("time", "outer"),
    "aux": ("time", "outer"),
    "loss_out": ("classes", "outer"),
}
"""Loops that each walk runs through, innermost first."""

POSITION_LOOPS = ("reduction", "outer")
"""Loops of the walk over positions."""


@dataclass(frozen=True)
class Instruction:
    """One phase of one layer: FORWARD, BACKWARD or UPDATE (see the module's text for the loop nest).

    ``tile_cycles`` is the issue period of a tile: at least ``time_count``, ``tile_width`` and 4; with a loss,
    ``reduction_count`` of them at least `hdl.contract.timing.block_cycles`. ``tile_width`` columns are loaded for each
    tile. With a loss, lanes are samples and ``time_count`` is the number of classes; ``label_base`` is the label of the
    first sample.

    The rest needs an engine with convolution. ``*_periods`` cut the loops into levels (`hdl.contract.nest`). Wherever
    the innermost level of the reduction ends, ``edge_width`` lanes of the load count; in the very last tile
    ``last_reduction_width`` do. ``ones`` forces 1.0 into the stream. In FORWARD each ``window`` steps of time yield one
    result, their maximum; its low ``position_bits`` hold which of the steps it was, the first of equals. In BACKWARD
    the low ``position_bits`` of aux are no part of the activation and become those of the error. A word of the masked
    operand whose low ``mask_bits`` are not the position of the walk ``positions`` counts as 0; those bits of all others
    are cleared. In UPDATE a ``rate_mantissa`` other than 0, with ``rate_shift``, takes the place of the run's rate.
    With a ``dropout_threshold`` other than 0, on an engine with dropout, results of FORWARD are 0 where the low byte of
    their random word is below it (of a window that of its last step), and errors of BACKWARD where the activation is 0.
    """

    mode: Mode
    time_count: int
    reduction_count: int
    outer_count: int
    tile_cycles: int
    tile_width: int
    last_reduction_width: int
    last_outer_width: int
    stream: Walk
    load: Walk
    stream_memory: Memory
    load_memory: Memory
    out: Walk = NOWHERE
    output_memory: Memory = Memory.NONE
    aux: Walk = NOWHERE
    aux_memory: Memory = Memory.NONE
    loss_out: Walk = NOWHERE
    loss: Loss = Loss.NONE
    format: Format = Format.Q3_12
    function: Function = Function.IDENTITY
    label_base: int = 0
    column_periods: tuple[int, ...] = ()
    time_periods: tuple[int, ...] = ()
    reduction_periods: tuple[int, ...] = ()
    outer_periods: tuple[int, ...] = ()
    edge_width: int = 16
    ones: Ones = Ones.NONE
    window: int = 1
    position_bits: int = 0
    mask: Mask = Mask.NONE
    mask_bits: int = 0
    positions: Walk = NOWHERE
    rate_mantissa: int = 0
    rate_shift: int = 0
    dropout_threshold: int = 0

    @property
    def issue_cycles(self) -> int:
        """Cycles in which tiles are issued."""
        return self.outer_count * self.reduction_count * self.tile_cycles

    def loop(self, name: str) -> tuple[int, tuple[int, ...]]:
        """Steps and periods of a loop of a walk; ``classes`` is the time of a loss."""
        return {
            "column": (self.tile_width, self.column_periods),
            "time": (self.time_count, self.time_periods),
            "reduction": (self.reduction_count, self.reduction_periods),
            "outer": (self.outer_count, self.outer_periods),
            "classes": (self.time_count, ()),
        }[name]

    def encode(self, encoding: Encoding = FLAT_ENCODING) -> list[int]:
        """The instruction as ``encoding.words`` 16-bit words, low bits first.

        Raises
        ------
        ProgramError
            When a field does not fit its bits, or needs an engine with convolution.
        """
        if encoding.depth == FLAT:
            self._check_flat()
        values: dict[str, int] = {}
        for name, _ in instruction_fields(encoding):
            if isinstance(getattr(self, name, None), int):
                values[name] = int(getattr(self, name))
        for loop in ("column", "time", "reduction", "outer"):
            _, periods = self.loop(loop)
            if len(periods) >= getattr(encoding.depth, loop):
                raise ProgramError(f"{loop}_periods must have at most {getattr(encoding.depth, loop) - 1} entries")
            padded = periods + (0,) * (getattr(encoding.depth, loop) - 1 - len(periods))
            values.update({f"{loop}_period_{level}": period for level, period in enumerate(padded)})
        for walk_name, loops in WALKS.items():
            walk: Walk = getattr(self, walk_name)
            values[f"{walk_name}_base"] = walk.base
            values[f"{walk_name}_lane_step"] = walk.lane_step
            values[f"{walk_name}_buffered"] = int(walk.buffered)
            values.update(self._moves(walk_name, walk, loops, encoding.depth, encoding.address_bits))
        if encoding.depth != FLAT:
            values["positions_base"] = self.positions.base
            values.update(self._moves("positions", self.positions, POSITION_LOOPS, encoding.depth, POSITION_BITS))
        packed = pack(instruction_fields(encoding), values)
        return [packed >> (16 * index) & 0xFFFF for index in range(encoding.words)]

    @classmethod
    def decode(cls, words: list[int], encoding: Encoding = FLAT_ENCODING) -> "Instruction":
        """The inverse of `encode` for strides of less than half the addresses."""
        values = unpack(instruction_fields(encoding), sum(word << (16 * index) for index, word in enumerate(words)))
        kinds = {"mode": Mode, "format": Format, "function": Function, "loss": Loss, "ones": Ones, "mask": Mask}
        scalars: dict[str, object] = {}
        for field in fields(cls):
            if field.name in values:
                kind = Memory if field.name in _MEMORIES else kinds.get(field.name, int)
                scalars[field.name] = kind(values[field.name])
        for loop in ("column", "time", "reduction", "outer"):
            levels = range(getattr(encoding.depth, loop) - 1)
            periods = [values[f"{loop}_period_{level}"] for level in levels]
            scalars[f"{loop}_periods"] = tuple(periods[: periods.index(0)] if 0 in periods else periods)
        bare = cls(**scalars, stream=NOWHERE, load=NOWHERE)  # type: ignore[arg-type]
        walks: dict[str, Walk] = {}
        for walk_name, loops in WALKS.items():
            walks[walk_name] = Walk(
                base=values[f"{walk_name}_base"],
                lane_step=values[f"{walk_name}_lane_step"],
                buffered=bool(values[f"{walk_name}_buffered"]),
                **bare._strides(walk_name, loops, values, encoding.address_bits),
            )
        if encoding.depth != FLAT:
            levels_of = bare._strides("positions", POSITION_LOOPS, values, POSITION_BITS)
            walks["positions"] = Walk(base=values["positions_base"], **levels_of)
        return replace(bare, **walks)  # type: ignore[arg-type]

    def _moves(
        self, walk_name: str, walk: Walk, loops: tuple[str, ...], depth: Depth, address_bits: int
    ) -> dict[str, int]:
        """Jumps "this level advances, everything inside returns to zero" of each level: the one adder of a walker."""
        values, inside = {}, 0
        for loop in loops:
            count, periods = self.loop(loop)
            levels = getattr(depth, loop)
            given = walk.loops.get(loop, walk.inner)
            if len(given) > len(periods) + 1:
                raise ProgramError(
                    f"{walk_name} must have at most {len(periods) + 1} strides over {loop}, not {given!r}"
                )
            steps = given + (0,) * (len(periods) + 1 - len(given))
            for level, move in enumerate(jumps(steps, periods) + [inside] * (levels - len(steps))):
                values[f"{walk_name}_{loop}_{level}"] = move - inside & ((1 << address_bits) - 1)
            inside += back(count - 1, periods, steps)
        return values

    def _strides(
        self, walk_name: str, loops: tuple[str, ...], values: dict[str, int], address_bits: int
    ) -> dict[str, tuple[int, ...]]:
        found, inside = {}, 0
        for loop in loops:
            count, periods = self.loop(loop)
            moves = [values[f"{walk_name}_{loop}_{level}"] + inside for level in range(len(periods) + 1)]
            steps = strides(moves, periods, 1 << address_bits)
            found[loop if loop in ("reduction", "outer") else "inner"] = steps
            inside += back(count - 1, periods, steps)
        return found

    def _check_flat(self) -> None:
        flat = {name for name, _ in instruction_fields(FLAT_ENCODING)} | WALKS.keys()
        for field in fields(self):
            if field.name not in flat and getattr(self, field.name) != field.default:
                raise ProgramError(
                    f"{field.name} must be {field.default!r} on an engine without convolution,"
                    f" not {getattr(self, field.name)!r}"
                )


def instruction_fields(encoding: Encoding = FLAT_ENCODING) -> tuple[tuple[str, int], ...]:
    """Names and widths in bits of the fields of an encoded instruction, least significant first."""
    depth, count_bits = encoding.depth, encoding.count_bits
    found: list[tuple[str, int]] = [("mode", 2), ("format", 1), ("function", 2), ("loss", 2)]
    found += [(memory, 2) for memory in _MEMORIES]
    found += [("time_count", TIME_BITS), ("reduction_count", count_bits), ("outer_count", count_bits)]
    found += [("tile_cycles", TIME_BITS), ("tile_width", 5), ("last_reduction_width", 5), ("last_outer_width", 5)]
    found += [("label_base", LABEL_ADDRESS_BITS)]
    for walk_name, loops in WALKS.items():
        found += [(f"{walk_name}_base", encoding.address_bits), (f"{walk_name}_lane_step", encoding.lane_step_bits)]
        found += [(f"{walk_name}_buffered", 1)]
        found += [(f"{walk_name}_{loop}_{level}", encoding.address_bits) for loop, level in depth.levels(loops)]
    if depth == FLAT:
        return tuple(found)
    for loop, width in (("column", 5), ("time", TIME_BITS), ("reduction", count_bits), ("outer", count_bits)):
        found += [(f"{loop}_period_{level}", width) for level in range(getattr(depth, loop) - 1)]
    found += [("edge_width", 5), ("ones", 2), ("window", WINDOW_BITS), ("position_bits", 3)]
    found += [("mask", 2), ("mask_bits", 3), ("positions_base", POSITION_BITS)]
    found += [(f"positions_{loop}_{level}", POSITION_BITS) for loop, level in depth.levels(POSITION_LOOPS)]
    found += [("rate_mantissa", 16), ("rate_shift", 2), ("dropout_threshold", DROPOUT_BITS)]
    return tuple(found)
