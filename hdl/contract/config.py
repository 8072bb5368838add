"""One description of an engine, from which RTL, golden model, cost model, virtual board and driver are made."""

import dataclasses
import hashlib
import tomllib
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import tomli_w

from deep3.errors import Deep3Error

from .program import ADDRESS_BITS, LABEL_ADDRESS_BITS

__all__ = ["BANK_GRANULARITY_WORDS", "ConfigError", "EngineConfig"]

BANK_GRANULARITY_WORDS = 1024
"""Operand banks come in whole block RAMs of 1024 x 18 bits (ECP5 DP16KD, Xilinx RAMB18)."""

RTL_VERSION = 1
"""Part of every digest: raised whenever the same configuration would behave differently."""


class ConfigError(Deep3Error, ValueError):
    """A configuration with an unknown, malformed or impossible value; the message names it and what would work."""


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
        Depth of one bank of A, W and E; whole multiples of 1024, at most 2^18 words in all banks of a memory.
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

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if type(value) is not field.type:
                raise ConfigError(f"{field.name} must be of type {field.type.__name__}, not {value!r}")  # type: ignore[union-attr]
        self._check_range("rows", 2, 16)
        self._check_range("columns", 2, 16)
        for name in ("activation_bank_words", "weight_bank_words", "error_bank_words"):
            self._check_range(name, BANK_GRANULARITY_WORDS, (1 << ADDRESS_BITS) // self.banks)
            if getattr(self, name) % BANK_GRANULARITY_WORDS:
                raise ConfigError(f"{name} must be a multiple of {BANK_GRANULARITY_WORDS}, not {getattr(self, name)!r}")
        self._check_power_of_two("label_words", 64, 1 << LABEL_ADDRESS_BITS)
        self._check_power_of_two("accumulator_words", 16, 1024)
        self._check_power_of_two("activation_entries", 64, 2048)
        self._check_power_of_two("exponential_entries", 16, 256)
        self._check_power_of_two("max_classes", 2, 256)
        self._check_range("max_layers", 1, 16)

    def _check_range(self, name: str, low: int, high: int) -> None:
        value = getattr(self, name)
        if not low <= value <= high:
            raise ConfigError(f"{name} must be between {low} and {high}, not {value!r}")

    def _check_power_of_two(self, name: str, low: int, high: int) -> None:
        self._check_range(name, low, high)
        value = getattr(self, name)
        if value & (value - 1):
            raise ConfigError(f"{name} must be a power of two, not {value!r}")

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

    @property
    def digest(self) -> str:
        """16 hexadecimal digits that name this engine; equal digests mean bit-identical behaviour.

        A field that declares in its metadata at which value its hardware is ``off`` is left out there: an engine
        without an option has the digest that it had before the option existed.
        """
        hardware = {
            field.name: getattr(self, field.name)
            for field in fields(self)
            if "off" not in field.metadata or getattr(self, field.name) != field.metadata["off"]
        }
        text = f"deep3 rtl {RTL_VERSION}\n" + tomli_w.dumps({"engine": hardware})
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
            For malformed TOML, an unknown key or a bad value.
        """
        try:
            document = tomllib.loads(text)
        except tomllib.TOMLDecodeError as error:
            raise ConfigError(f"{source}: not valid TOML: {error}") from None
        unknown = sorted(set(document) - {"engine"})
        if unknown:
            raise ConfigError(f"{source}: unknown table or key {unknown[0]!r}; the one table is [engine]")
        table: Any = document.get("engine", {})
        if not isinstance(table, dict):
            raise ConfigError(f"{source}: engine must be a table, not {table!r}")
        known = [field.name for field in fields(cls)]
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
