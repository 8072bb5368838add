"""Devices as data: one TOML file each, read here."""

import difflib
import tomllib
from dataclasses import dataclass, fields
from functools import cache
from pathlib import Path
from typing import Any

from deep3.cost_model.memory_mapping import FAMILIES
from deep3.errors import Deep3Error

__all__ = [
    "BlockRam",
    "Device",
    "DeviceError",
    "Logic",
    "Multiplier",
    "MultiplierSites",
    "Power",
    "Usable",
    "device_names",
    "load_device",
]

FOLDER = Path(__file__).parent


class DeviceError(Deep3Error, ValueError):
    """A device that is not known, or a device file with a missing, unknown or impossible value."""


@dataclass(frozen=True)
class Logic:
    """LUTs of ``lut_inputs`` inputs, and flip-flops."""

    lut_inputs: int
    luts: int
    flip_flops: int


@dataclass(frozen=True)
class Multiplier:
    """Hard multipliers of ``a_bits`` x ``b_bits`` signed operands."""

    kind: str
    a_bits: int
    b_bits: int
    count: int


@dataclass(frozen=True)
class MultiplierSites:
    """Where blocks of four multipliers lie: columns ``blocks`` of each of ``rows``, in the grid of nextpnr."""

    rows: tuple[int, ...]
    blocks: tuple[int, ...]
    source: str


@dataclass(frozen=True)
class BlockRam:
    """Block RAMs of ``bits`` bits; ``aspect_ratios`` are (words, bits of a word)."""

    kind: str
    bits: int
    count: int
    aspect_ratios: tuple[tuple[int, int], ...]


@dataclass(frozen=True)
class Usable:
    """Shares, above 0 and up to 1, that a design may fill."""

    luts: float
    flip_flops: float
    multipliers: float
    block_rams: float
    source: str


@dataclass(frozen=True)
class Power:
    """Watts of the configured device at rest; joules of a resource in use, for one clock cycle."""

    static_watts: float
    multiplier_joules: float
    block_ram_joules: float
    lut_joules: float
    flip_flop_joules: float
    source: str


@dataclass(frozen=True)
class Device:
    """One FPGA.

    Attributes
    ----------
    key
        Name of its file, which boards refer to.
    name, source
        Of the part; data sheet and table.
    family
        Rules of synthesis, a key of `cost_model.memory_mapping.FAMILIES`.
    logic, multiplier, block_ram, usable, power
        What it has.
    multiplier_sites
        For the floorplan; None for devices that the open tools do not place.
    """

    key: str
    name: str
    family: str
    source: str
    logic: Logic
    multiplier: Multiplier
    block_ram: BlockRam
    usable: Usable
    power: Power
    multiplier_sites: MultiplierSites | None


def device_names() -> list[str]:
    """Names that `load_device` takes."""
    return sorted(path.stem for path in FOLDER.glob("*.toml"))


@cache
def load_device(name: str) -> Device:
    """The device of that name.

    Raises
    ------
    DeviceError
        When there is none, with the names nearest to it.
    """
    names = device_names()
    if name not in names:
        near = difflib.get_close_matches(name, names, 3, 0.3) or names
        raise DeviceError(f"device must be one of {', '.join(names)}, not {name!r}; nearest: {', '.join(near)}")
    return read_device(FOLDER / f"{name}.toml")


def read_device(path: Path) -> Device:
    """Read a device file.

    Raises
    ------
    DeviceError
        For a file that is not TOML, a missing or unknown field, or a value out of range.
    """
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise DeviceError(f"{path}: cannot read the device: {error}") from None
    parts = {"logic": Logic, "multiplier": Multiplier, "block_ram": BlockRam, "usable": Usable, "power": Power}
    values: dict[str, Any] = {"key": path.stem, "multiplier_sites": None}
    if "multiplier_sites" in document:
        parts["multiplier_sites"] = MultiplierSites
    _check_names(path, "", set(document), {"name", "family", "source", *parts})
    for name, kind in parts.items():
        table = document[name]
        if not isinstance(table, dict):
            raise DeviceError(f"{path}: {name} must be a table, not {table!r}")
        _check_names(path, f" in [{name}]", set(table), {field.name for field in fields(kind)})
        values[name] = kind(**{
            field.name: _checked(path, f"{name}.{field.name}", field.type, table[field.name]) for field in fields(kind)
        })  # fmt: skip
    for name in ("name", "family", "source"):
        values[name] = _checked(path, name, str, document[name])
    if values["family"] not in FAMILIES:
        raise DeviceError(f"{path}: family must be one of {', '.join(FAMILIES)}, not {values['family']!r}")
    for name in ("luts", "flip_flops", "multipliers", "block_rams"):
        if getattr(values["usable"], name) > 1:
            raise DeviceError(f"{path}: usable.{name} must be at most 1, not {getattr(values['usable'], name)!r}")
    return Device(**values)


def _check_names(path: Path, where: str, found: set[str], known: set[str]) -> None:
    if missing := sorted(known - found):
        raise DeviceError(f"{path}: missing field {missing[0]!r}{where}")
    if unknown := sorted(found - known):
        raise DeviceError(f"{path}: unknown field {unknown[0]!r}{where}; known fields: {', '.join(sorted(known))}")


def _checked(path: Path, name: str, kind: object, value: object) -> object:
    if kind is str:
        if isinstance(value, str) and value:
            return value
        raise DeviceError(f"{path}: {name} must be a text, not {value!r}")
    if kind in (int, float):
        number = isinstance(value, int) if kind is int else isinstance(value, (int, float))
        if number and not isinstance(value, bool) and value > 0:  # type: ignore[operator]
            return value
        word = "a whole number" if kind is int else "a number"
        raise DeviceError(f"{path}: {name} must be {word} above 0, not {value!r}")
    if kind == tuple[int, ...]:
        if isinstance(value, list) and value and all(type(n) is int and n >= 0 for n in value):
            return tuple(value)
        raise DeviceError(f"{path}: {name} must be a list of whole numbers, not {value!r}")
    pairs = value if isinstance(value, list) else []
    if pairs and all(isinstance(p, list) and len(p) == 2 and all(type(n) is int and n > 0 for n in p) for p in pairs):
        return tuple((words, bits) for words, bits in pairs)
    raise DeviceError(f"{path}: {name} must be a list of [words, bits], not {value!r}")
