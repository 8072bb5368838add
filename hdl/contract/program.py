"""What the host tells an engine beside its instructions: start parameters, memory spaces, counters; and the words that
instructions are made of.
"""

import enum
from dataclasses import dataclass, fields

from deep3.errors import Deep3Error

__all__ = [
    "ADDRESS_BITS", "COUNTER_WORDS", "LABEL_ADDRESS_BITS", "START_FIELDS", "Counter", "Format", "Function", "Loss",
    "Memory", "Mode", "ProgramError", "Space", "StartParameters", "counter_word", "pack", "unpack",
]  # fmt: skip

ADDRESS_BITS = 18
"""Flat word address: 16 banks of 16384 words at most."""

LABEL_ADDRESS_BITS = 14
"""Labels of 16384 samples at most."""



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
    ADAGRAD = 3
    """Format Q3.12: adds squares to sums of squares; Q7.8: multiplies by one over the root of such a sum."""


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
        return pack(START_FIELDS, values).to_bytes(START_BYTES, "little")

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
        values = unpack(START_FIELDS, int.from_bytes(payload, "little"))
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


def pack(table: tuple[tuple[str, int], ...], values: dict[str, int]) -> int:
    """Fields of these names and widths in one integer, least significant first.

    Raises
    ------
    ProgramError
        When a value does not fit its bits.
    """
    packed, position = 0, 0
    for name, width in table:
        value = values[name]
        if not 0 <= value < 1 << width:
            raise ProgramError(f"{name} must be between 0 and {(1 << width) - 1}, not {value!r}")
        packed |= value << position
        position += width
    return packed


def unpack(table: tuple[tuple[str, int], ...], packed: int) -> dict[str, int]:
    """The inverse of `pack`."""
    values, position = {}, 0
    for name, width in table:
        values[name] = packed >> position & ((1 << width) - 1)
        position += width
    return values
