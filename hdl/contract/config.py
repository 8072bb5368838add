"""One description of an engine, from which RTL, golden model, cost model, virtual board and driver are made."""

import dataclasses
import hashlib
import tomllib
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any

import tomli_w

from deep3.errors import Deep3Error

from .instruction import DEEP_ENCODING, FLAT_ENCODING, Encoding
from .program import ADDRESS_BITS, LABEL_ADDRESS_BITS, Mode, Space, counter_word

__all__ = ["BANK_GRANULARITY_WORDS", "LEAST_ENTRIES_OF_ADAGRAD", "LIMITS", "ConfigError", "EngineConfig", "Limit"]

BANK_GRANULARITY_WORDS = 1024
"""Operand banks come in whole block RAMs of 1024 x 18 bits (ECP5 DP16KD, Xilinx RAMB18)."""

LEAST_ENTRIES_OF_ADAGRAD = 128
"""The table of roots is no longer than the others together."""

RTL_VERSION = 2
"""Part of every digest: raised whenever the same configuration would behave differently."""

CONVOLUTION_VERSION = 3
"""In its place, of engines with convolution."""


class ConfigError(Deep3Error, ValueError):
    """A configuration with an unknown, malformed or impossible value; the message names it and what would work."""


@dataclass(frozen=True)
class Limit:
    """Integers that a field takes: ``low`` to ``high``, whole multiples of ``step``, perhaps powers of two only."""

    low: int
    high: int
    step: int = 1
    power_of_two: bool = False

    def __str__(self) -> str:
        """In words, as docs/engine_toml.md has them."""
        kind = ", a power of two" if self.power_of_two else f", a multiple of {self.step}" if self.step > 1 else ""
        return f"{self.low} to {self.high}{kind}"

    def check(self, name: str, value: int) -> None:
        """Raise ConfigError, with the ``name`` of the field, for a value outside."""
        if not self.low <= value <= self.high:
            raise ConfigError(f"{name} must be between {self.low} and {self.high}, not {value!r}")
        if value % self.step:
            raise ConfigError(f"{name} must be a multiple of {self.step}, not {value!r}")
        if self.power_of_two and value & (value - 1):
            raise ConfigError(f"{name} must be a power of two, not {value!r}")


LIMITS = {
    "rows": Limit(2, 16),
    "columns": Limit(2, 16),
    "activation_bank_words": Limit(BANK_GRANULARITY_WORDS, (1 << ADDRESS_BITS) // 2, BANK_GRANULARITY_WORDS),
    "weight_bank_words": Limit(BANK_GRANULARITY_WORDS, (1 << ADDRESS_BITS) // 2, BANK_GRANULARITY_WORDS),
    "error_bank_words": Limit(BANK_GRANULARITY_WORDS, (1 << ADDRESS_BITS) // 2, BANK_GRANULARITY_WORDS),
    "label_words": Limit(64, 1 << LABEL_ADDRESS_BITS, power_of_two=True),
    "accumulator_words": Limit(16, 1024, power_of_two=True),
    "activation_entries": Limit(64, 2048, power_of_two=True),
    "exponential_entries": Limit(16, 256, power_of_two=True),
    "max_classes": Limit(2, 256, power_of_two=True),
    "max_layers": Limit(1, 16),
}
"""What `EngineConfig` takes, by field. All banks of an operand memory together hold 2^18 words at most, 2^20 with
``convolution``: the limits of ``*_bank_words`` are those of two banks, more banks have lower ones
(`EngineConfig.limit`)."""


@dataclass(frozen=True)
class EngineConfig:
    """Geometry, memories and tables of one engine.

    The operand memories hold activations and inputs (A), weights (W) and errors (E). Each has ``banks`` banks of
    16-bit words; its capacity in words is ``banks * *_bank_words``.

    Parameters
    ----------
    rows, columns
        Shape of the systolic array: ``rows`` carries the reduction dimension, ``columns`` one output dimension.
    activation_bank_words, weight_bank_words, error_bank_words
        Depth of one bank of A, W and E; whole multiples of 1024, at most 2^18 words in all banks of a memory (2^20
        with ``convolution``).
    label_words
        Depth of the label memory (one class index a sample, every resident batch); a power of two.
    accumulator_words
        Depth of the accumulator memory: the longest temporal loop of one instruction; a power of two.
    activation_entries
        Entries of the tanh table; its derivative tables take as many again. A power of two.
    exponential_entries
        Entries of the exp2 and log2 tables of the loss unit; a power of two.
    max_classes
        Widest output layer the loss unit takes; a power of two.
    max_layers
        Deepest network; sizes the program memory.
    loss_unit
        Without it the engine is forward-only: softmax, error and class outputs are left out.
    convolution
        Loops of several levels, biases without a word of their own, maxima over windows (`hdl.contract.instruction`),
        and up to 2^20 words a memory. Without it the engine computes fully connected layers.
    dropout
        Results may be dropped at random in training; only with ``convolution``.
    adagrad
        Steps are divided by the root of the sum of squared gradients; only with ``convolution`` and 128
        ``activation_entries`` or more.

    Raises
    ------
    ConfigError
        For a value of the wrong kind or out of range.
    """

    rows: int = 8
    columns: int = 8
    activation_bank_words: int = 7168
    weight_bank_words: int = 2048
    error_bank_words: int = 2048
    label_words: int = 1024
    accumulator_words: int = 512
    activation_entries: int = 512
    exponential_entries: int = 64
    max_classes: int = 64
    max_layers: int = 8
    loss_unit: bool = True
    convolution: bool = field(default=False, metadata={"off": False})
    dropout: bool = field(default=False, metadata={"off": False})
    adagrad: bool = field(default=False, metadata={"off": False})

    def __post_init__(self) -> None:
        for each in fields(self):
            value = getattr(self, each.name)
            if type(value) is not each.type:
                raise ConfigError(f"{each.name} must be of type {each.type.__name__}, not {value!r}")  # type: ignore[union-attr]
        for name in LIMITS:
            self.limit(name).check(name, getattr(self, name))
        for name in ("dropout", "adagrad"):
            if getattr(self, name) and not self.convolution:
                raise ConfigError(f"{name} must be false without convolution, not True")
        if self.adagrad and self.activation_entries < LEAST_ENTRIES_OF_ADAGRAD:
            raise ConfigError(
                f"activation_entries with adagrad must be at least {LEAST_ENTRIES_OF_ADAGRAD},"
                f" not {self.activation_entries!r}"
            )

    def limit(self, name: str) -> Limit:
        """What a field takes beside the other fields of this engine."""
        limit = LIMITS[name]
        if not name.endswith("_bank_words"):
            return limit
        return replace(limit, high=(1 << self.encoding.address_bits) // self.banks)

    @property
    def modes(self) -> tuple[Mode, ...]:
        """Modes of instructions that the engine has."""
        return tuple(mode for mode in Mode if mode is not Mode.ADAGRAD or self.adagrad)

    @property
    def encoding(self) -> Encoding:
        """How the engine encodes its instructions."""
        return DEEP_ENCODING if self.convolution else FLAT_ENCODING

    @property
    def banks(self) -> int:
        """Banks of each operand memory: the next power of two at or above max(rows, columns)."""
        return 1 << (max(self.rows, self.columns) - 1).bit_length()

    @property
    def bank_bits(self) -> int:
        """Bits of a flat word address that name the bank."""
        return self.banks.bit_length() - 1

    @property
    def activation_words(self) -> int:
        """Capacity of A in 16-bit words."""
        return self.banks * self.activation_bank_words

    @property
    def weight_words(self) -> int:
        """Capacity of W in 16-bit words."""
        return self.banks * self.weight_bank_words

    @property
    def error_words(self) -> int:
        """Capacity of E in 16-bit words."""
        return self.banks * self.error_bank_words

    @property
    def max_instructions(self) -> int:
        """Instruction slots of the program memory: a training and a forward program of ``max_layers`` layers, with
        room for layers that are cut into chunks of the accumulator depth; a power of two."""
        return 1 << (6 * self.max_layers - 1).bit_length()

    def space_words(self, space: Space) -> int:
        """16-bit words of a space of the host bus; addresses from there on do not exist."""
        return {
            Space.ACTIVATION: self.activation_words,
            Space.WEIGHT: self.weight_words,
            Space.ERROR: self.error_words,
            Space.LABEL: self.label_words,
            Space.PROGRAM: self.max_instructions * self.encoding.words,
            Space.COUNTER: counter_word(self.max_instructions),
        }[space]

    @property
    def digest(self) -> str:
        """16 hexadecimal digits that name this engine; equal digests mean bit-identical behaviour.

        A field that declares in its metadata at which value its hardware is ``off`` is left out there: an engine
        without an option has the digest that it had before the option existed.
        """
        hardware = {
            each.name: getattr(self, each.name)
            for each in fields(self)
            if "off" not in each.metadata or getattr(self, each.name) != each.metadata["off"]
        }
        version = CONVOLUTION_VERSION if self.convolution else RTL_VERSION
        text = f"deep3 rtl {version}\n" + tomli_w.dumps({"engine": hardware})
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    def to_toml(self) -> str:
        """The configuration as TOML, every field written out."""
        return tomli_w.dumps({"engine": dataclasses.asdict(self)})

    @classmethod
    def from_toml(cls, text: str, source: str = "configuration") -> "EngineConfig":
        """Read a configuration; fields left out take their defaults.

        Raises
        ------
        ConfigError
            For malformed TOML, a missing table, an unknown key or a bad value.
        """
        try:
            document = tomllib.loads(text)
        except tomllib.TOMLDecodeError as error:
            raise ConfigError(f"{source}: not valid TOML: {error}") from None
        unknown = sorted(set(document) - {"engine"})
        if unknown:
            raise ConfigError(f"{source}: unknown table or key {unknown[0]!r}; the one table is [engine]")
        if "engine" not in document:
            raise ConfigError(f"{source}: the table [engine] is missing; with no key in it, it is the 8x8 engine")
        table: Any = document["engine"]
        if not isinstance(table, dict):
            raise ConfigError(f"{source}: engine must be a table, not {table!r}")
        known = [each.name for each in fields(cls)]
        for name in table:
            if name not in known:
                raise ConfigError(f"{source}: unknown key {name!r} in [engine]; known keys: {', '.join(known)}")
        try:
            return cls(**table)
        except ConfigError as error:
            raise ConfigError(f"{source}: {error}") from None

    @classmethod
    def load(cls, path: str | Path) -> "EngineConfig":
        """Read a configuration file.

        Raises
        ------
        ConfigError
            When the file cannot be read or its content is refused.
        """
        try:
            text = Path(path).read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            reason = error.strerror if isinstance(error, OSError) else "not a UTF-8 text file"
            raise ConfigError(f"{path}: cannot read the configuration: {reason}") from None
        return cls.from_toml(text, source=str(path))
