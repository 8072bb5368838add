"""What the host tells an engine: instructions, start parameters, memory spaces, counters.

The sequencer decodes what `Instruction.encode` packs; the golden model executes the dataclass itself. An instruction is
one matrix product walked over the operand memories:

    for n in range(outer_count):                # tiles of the column dimension
        for k in range(reduction_count):        # tiles of the reduction dimension
            for t in range(time_count):         # one cycle each
                sum[t, c] += dot(stream(t, k, n)[r], load(c, k, n)[r] if r < width(k) else 0)
        out(t, n)[c] = lane(sum[t, c], aux(t, n)[c])    for c < width(n)

An operand vector of a walk is lanes j = 0, 1, ... at flat addresses ``base + sum(index * stride) + j * lane_stride``
with ``lane_stride = lane_step * banks + 1``: consecutive lanes always fall into consecutive banks, so any vector along
a row (lane_step = 0) or a column (pitch = lane_step * banks + 1) is read without a bank conflict. Convolution is the
same nest with more levels.
"""

import enum
from dataclasses import dataclass, fields

from deep3.errors import Deep3Error

__all__ = [
    "ADDRESS_BITS", "COUNTER_WORDS", "INSTRUCTION_WORDS", "LABEL_ADDRESS_BITS", "START_FIELDS", "Counter", "Format",
    "Function", "Instruction", "Loss", "Memory", "Mode", "ProgramError", "Space", "StartParameters", "Walk",
    "counter_word", "instruction_fields",
]  # fmt: skip

ADDRESS_BITS = 18
"""Flat word address: 16 banks of 16384 words at most."""

LABEL_ADDRESS_BITS = 14
"""Labels of 16384 samples at most."""

LANE_STEP_BITS = 14
COUNT_BITS = 11
INSTRUCTION_WORDS = 32
"""16-bit words of one encoded instruction."""


class ProgramError(Deep3Error, ValueError):
    """A program that cannot be encoded; the message names the field, its value and its range."""


class Space(enum.IntEnum):
    """Address spaces of the host bus; a word is 16 bits everywhere."""

    ACTIVATION = 0
    WEIGHT = 1
    ERROR = 2
    LABEL = 3
    PROGRAM = 4
    COUNTER = 5


class Memory(enum.IntEnum):
    """Operand memories as instruction fields; the first three equal their `Space`."""

    ACTIVATION = 0
    WEIGHT = 1
    ERROR = 2
    NONE = 3


class Mode(enum.IntEnum):
    """What the post lanes do with a finished sum."""

    FORWARD = 0
    BACKWARD = 1
    UPDATE = 2


class Format(enum.IntEnum):
    """Output format of a FORWARD instruction: Q3.12 activations or Q7.8 logits."""

    Q3_12 = 0
    Q7_8 = 1


class Function(enum.IntEnum):
    """Activation function of a layer: applied in FORWARD, its derivative in BACKWARD."""

    IDENTITY = 0
    RELU = 1
    TANH = 2
    SIGMOID = 3


class Loss(enum.IntEnum):
    """What the loss unit does with the outputs of a FORWARD instruction."""

    NONE = 0
    SOFTMAX = 1
    MSE = 2
    ARGMAX = 3


class Counter(enum.IntEnum):
    """32-bit counters of the current or last run; all restart from zero with START."""

    CYCLES = 0
    """Cycles from START to the end of the last batch."""
    BATCH_WAIT = 1
    """Cycles a batch waited for its data to be committed."""
    FETCH_WAIT = 2
    """Cycles the first instruction waited for its fields to be fetched."""
    HOST_WAIT = 3
    """Cycles a host write waited for a drain that used the same memory."""
    LOSS_WAIT = 4
    """Cycles between the last drained sum of a phase and the end of its loss."""
    CORRECT = 5
    """Samples whose largest output was at their label."""
    BATCHES = 6
    """Batches finished."""


COUNTERS = 8
COUNTER_WORDS = 2


def counter_word(index: int, saturations: bool = False) -> int:
    """Word address, in the counter space, of the low half of the cycle (or saturation) counter of instruction
    ``index``; the high half follows. Global counters stand at ``COUNTER_WORDS * Counter``."""
    return COUNTER_WORDS * (COUNTERS + 2 * index + int(saturations))


@dataclass(frozen=True)
class Walk:
    """Strides, in words, of one operand.

    ``inner`` is the stride of the innermost index: time for stream, out and aux walks, the column of the tile for
    load, the class for loss. ``reduction`` is unused by out, aux and loss walks. With ``buffered`` the offset of the
    current batch buffer is added.
    """

    base: int = 0
    inner: int = 0
    reduction: int = 0
    outer: int = 0
    lane_step: int = 0
    buffered: bool = False


# The order of these fields is the order of the bits in an encoded instruction, least significant first.
_SCALARS: tuple[tuple[str, int], ...] = (
    ("mode", 2),
    ("format", 1),
    ("function", 2),
    ("loss", 2),
    ("stream_memory", 2),
    ("load_memory", 2),
    ("aux_memory", 2),
    ("output_memory", 2),
    ("time_count", COUNT_BITS),
    ("reduction_count", COUNT_BITS),
    ("outer_count", COUNT_BITS),
    ("tile_cycles", COUNT_BITS),
    ("tile_width", 5),
    ("last_reduction_width", 5),
    ("last_outer_width", 5),
    ("label_base", LABEL_ADDRESS_BITS),
)
_WALKS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("stream", ("inner", "reduction", "outer")),
    ("load", ("inner", "reduction", "outer")),
    ("out", ("inner", "outer")),
    ("aux", ("inner", "outer")),
    ("loss_out", ("inner", "outer")),
)


@dataclass(frozen=True)
class Instruction:
    """One phase of one layer: FORWARD, BACKWARD or UPDATE (see the module's text for the loop nest).

    ``tile_cycles`` is the issue period of a tile: at least ``time_count``, ``tile_width`` and 4; with a loss,
    ``reduction_count`` of them at least `hdl.contract.timing.block_cycles`. ``tile_width`` columns are loaded for each
    tile. With a loss, lanes are samples and ``time_count`` is the number of classes; ``label_base`` is the label of the
    first sample.
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
    out: Walk = Walk()
    output_memory: Memory = Memory.NONE
    aux: Walk = Walk()
    aux_memory: Memory = Memory.NONE
    loss_out: Walk = Walk()
    loss: Loss = Loss.NONE
    format: Format = Format.Q3_12
    function: Function = Function.IDENTITY
    label_base: int = 0

    @property
    def issue_cycles(self) -> int:
        """Cycles in which tiles are issued."""
        return self.outer_count * self.reduction_count * self.tile_cycles

    def encode(self) -> list[int]:
        """The instruction as `INSTRUCTION_WORDS` 16-bit words, low bits first.

        Raises
        ------
        ProgramError
            When a field does not fit its bits.
        """
        values = {name: int(getattr(self, name)) for name, _ in _SCALARS}
        for walk_name, levels in _WALKS:
            walk: Walk = getattr(self, walk_name)
            values[f"{walk_name}_base"] = walk.base
            values[f"{walk_name}_lane_step"] = walk.lane_step
            values[f"{walk_name}_buffered"] = int(walk.buffered)
            for level, jump in zip(levels, self._jumps(walk_name, walk), strict=True):
                values[f"{walk_name}_{level}"] = jump & ((1 << ADDRESS_BITS) - 1)
        packed = _pack(instruction_fields(), values)
        return [packed >> (16 * index) & 0xFFFF for index in range(INSTRUCTION_WORDS)]

    @classmethod
    def decode(cls, words: list[int]) -> "Instruction":
        """The inverse of `encode` for strides between -2^17 and 2^17 - 1."""
        values = _unpack(instruction_fields(), sum(word << (16 * index) for index, word in enumerate(words)))
        kinds = {"mode": Mode, "format": Format, "function": Function, "loss": Loss}
        scalars: dict[str, object] = {}
        for name, _ in _SCALARS:
            kind = Memory if name.endswith("_memory") else kinds.get(name, int)
            scalars[name] = kind(values[name])
        walks: dict[str, Walk] = {}
        for walk_name, levels in _WALKS:
            back, strides = 0, {}
            for level in levels:
                stride = _signed(values[f"{walk_name}_{level}"] + back)
                strides[level] = stride
                back += (cls._level_count(walk_name, level, values) - 1) * stride
            walks[walk_name] = Walk(
                base=values[f"{walk_name}_base"],
                lane_step=values[f"{walk_name}_lane_step"],
                buffered=bool(values[f"{walk_name}_buffered"]),
                **strides,
            )
        return cls(**scalars, **walks)  # type: ignore[arg-type]

    @staticmethod
    def _level_count(walk_name: str, level: str, values: dict[str, int]) -> int:
        if level == "inner":
            return values["tile_width" if walk_name == "load" else "time_count"]
        return values[f"{level}_count"]

    def _jumps(self, walk_name: str, walk: Walk) -> list[int]:
        """Address deltas "this level advances, all inner ones return to zero": the one adder of a walker."""
        counts = {
            "inner": self.tile_width if walk_name == "load" else self.time_count,
            "reduction": self.reduction_count,
            "outer": self.outer_count,
        }
        levels = dict(_WALKS)[walk_name]
        jumps, back = [], 0
        for level in levels:
            stride = getattr(walk, level)
            jumps.append(stride - back)
            back += (counts[level] - 1) * stride
        return jumps


@dataclass(frozen=True)
class StartParameters:
    """One START: run ``instruction_count`` instructions from ``first_instruction``, ``batches`` times.

    Batch i uses buffer ``i mod buffers``: ``buffer_words`` is added to buffered walks and ``label_words`` to label
    addresses for each buffer. Without ``resident`` a batch waits until the host has committed it. The weight update is
    ``acc_Q5.12 * rate_mantissa / 2^(16 + 4 rate_shift)``, the batch mean folded in. A non-zero ``seed`` restarts the
    random bits of the rounding.

    A board refuses parameters that `check` refuses.
    """

    first_instruction: int
    instruction_count: int
    batches: int
    buffers: int = 1
    buffer_words: int = 0
    label_words: int = 0
    resident: bool = True
    rate_mantissa: int = 0
    rate_shift: int = 0
    seed: int = 0

    def encode(self) -> bytes:
        """The 24 bytes of a START payload.

        Raises
        ------
        ProgramError
            When a field does not fit its bits.
        """
        values = {field.name: int(getattr(self, field.name)) for field in fields(self)}
        return _pack(START_FIELDS, values).to_bytes(START_BYTES, "little")

    def check(self, slots: int) -> None:
        """Whether an engine with so many instruction slots has what is to run.

        Raises
        ------
        ProgramError
            For a slot that it does not have, no instruction, or no buffer.
        """
        if self.first_instruction >= slots:
            raise ProgramError(f"first_instruction must be between 0 and {slots - 1}, not {self.first_instruction!r}")
        most = slots - self.first_instruction
        if not 1 <= self.instruction_count <= most:
            raise ProgramError(f"instruction_count must be between 1 and {most}, not {self.instruction_count!r}")
        if self.buffers < 1:
            raise ProgramError(f"buffers must be 1 or more, not {self.buffers!r}")

    @classmethod
    def decode(cls, payload: bytes) -> "StartParameters":
        """The inverse of `encode`."""
        values = _unpack(START_FIELDS, int.from_bytes(payload, "little"))
        return cls(**{**values, "resident": bool(values["resident"])})  # type: ignore[arg-type]


START_BYTES = 24
START_FIELDS: tuple[tuple[str, int], ...] = (
    ("batches", 32),
    ("seed", 32),
    ("buffer_words", ADDRESS_BITS),
    ("label_words", LABEL_ADDRESS_BITS),
    ("rate_mantissa", 16),
    ("rate_shift", 2),
    ("resident", 1),
    ("buffers", 13),
    ("first_instruction", 8),
    ("instruction_count", 8),
)
"""Names and widths in bits of the fields of a START, least significant first."""


def instruction_fields() -> tuple[tuple[str, int], ...]:
    """Names and widths in bits of the fields of an encoded instruction, least significant first."""
    walks: list[tuple[str, int]] = []
    for walk_name, levels in _WALKS:
        walks.append((f"{walk_name}_base", ADDRESS_BITS))
        walks.append((f"{walk_name}_lane_step", LANE_STEP_BITS))
        walks.append((f"{walk_name}_buffered", 1))
        walks.extend((f"{walk_name}_{level}", ADDRESS_BITS) for level in levels)
    return _SCALARS + tuple(walks)


def _pack(table: tuple[tuple[str, int], ...], values: dict[str, int]) -> int:
    packed, position = 0, 0
    for name, width in table:
        value = values[name]
        if not 0 <= value < 1 << width:
            raise ProgramError(f"{name} must be between 0 and {(1 << width) - 1}, not {value!r}")
        packed |= value << position
        position += width
    return packed


def _unpack(table: tuple[tuple[str, int], ...], packed: int) -> dict[str, int]:
    values, position = {}, 0
    for name, width in table:
        values[name] = packed >> position & ((1 << width) - 1)
        position += width
    return values


def _signed(value: int) -> int:
    half = 1 << (ADDRESS_BITS - 1)
    return (value + half) % (2 * half) - half
