"""The boards: what ``board.toml`` in the folder of each says, checked. docs/boards.md explains every key."""

import difflib
import os
import tomllib
from collections.abc import Collection, Mapping
from dataclasses import MISSING, dataclass, field, fields
from pathlib import Path
from typing import Any, cast

from deep3.errors import Deep3Error, UsageError
from deep3.hdl.board.parts import Clock, Ethernet, Leds, Uart
from deep3.hdl.contract.config import ConfigError, EngineConfig

__all__ = [
    "BoardDescription", "BoardDescriptionError", "Power", "RoutedShape", "UnknownBoard", "board_names", "load_board",
    "parse_board",
]  # fmt: skip

FOLDER = Path(__file__).parents[1] / "constraints"
FAMILIES = ("ecp5", "xilinx7", "virtex6")
PHYS = ("gmii", "mii", "rgmii")


class BoardDescriptionError(Deep3Error, ValueError):
    """A description with a missing, unknown or impossible value; one line."""


class UnknownBoard(BoardDescriptionError, UsageError):
    """A name that no board has."""


@dataclass(frozen=True)
class Power:
    """``[power]``: what the board draws when idle, and coefficients in joules for what it does, by name."""

    idle_watts: float
    joules: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class RoutedShape:
    """``[[routed]]``: an array that was placed and routed with link, stack and board around it, at which frequency of
    ``sync``, and whether the engine had convolution."""

    rows: int
    columns: int
    sync_hz: int
    convolution: bool = False

    def __str__(self) -> str:
        """In words."""
        return f"{self.rows}x{self.columns}" + (" with convolution" if self.convolution else "")


@dataclass(frozen=True)
class BoardDescription:
    """One board.

    Attributes
    ----------
    folder
        Where ``board.toml`` and the pin file lie.
    name
        Name that people know.
    family
        ``ecp5``, ``xilinx7`` or ``virtex6``.
    device
        Name of a description in ``cost_model/devices``.
    part, speed_grade, package
        As the vendor's tools take them.
    pins
        Pin and timing file in the board's folder.
    facts
        Where pins and delays come from.
    clock, ethernet, uart, leds, power
        Tables of the same name; ethernet, uart, leds and power are None where the board has none.
    engine
        The engine that is built for this board unless another one is asked for.
    routed
        The shapes that were routed; empty where none was.
    platform
        Class of amaranth-boards with the same pins, ``module:class``; empty where there is none.
    programmer
        What openFPGALoader is told about board and cable; empty where it does not know the board.
    """

    folder: Path
    name: str
    family: str
    device: str
    part: str
    speed_grade: str
    package: str
    pins: str
    facts: str
    clock: Clock
    engine: EngineConfig
    ethernet: Ethernet | None = None
    uart: Uart | None = None
    leds: Leds | None = None
    power: Power | None = None
    platform: str = ""
    programmer: tuple[str, ...] = ()
    routed: tuple[RoutedShape, ...] = ()

    @property
    def key(self) -> str:
        """Name of its folder."""
        return self.folder.name

    @property
    def argument(self) -> str:
        """What ``--board`` takes for it."""
        if self.folder.parent == FOLDER:
            return self.key
        return str(self.folder) if os.sep in str(self.folder) else os.path.join(".", self.folder)

    @property
    def pin_file(self) -> Path:
        """Path of the pin and timing file."""
        return self.folder / self.pins

    @property
    def state(self) -> str:
        """How far it came, in words."""
        if self.routed:
            best = max(self.routed, key=lambda shape: (shape.rows * shape.columns, shape.sync_hz))
            return f"routed, {best} at {best.sync_hz / 1e6:.1f} MHz"
        return "never routed" if self.family == "ecp5" else "project for the vendor's tools only, never run"


TABLES = {"clock": Clock, "ethernet": Ethernet, "uart": Uart, "leds": Leds, "power": Power}


def board_names() -> list[str]:
    """The boards there are."""
    return sorted(path.parent.name for path in FOLDER.glob("*/board.toml"))


def load_board(name: str) -> BoardDescription:
    """Read a board by its name, or from the path of a folder with a ``board.toml`` of one's own.

    A name with a separator in it is a path: ``./my-board`` for a folder here.

    Raises
    ------
    UnknownBoard
        Naming those that are meant perhaps.
    BoardDescriptionError
        For a description that is not in order.
    """
    names = board_names()
    if name in names:
        folder = FOLDER / name
    elif os.sep in name:
        folder = Path(name)
    else:
        near = difflib.get_close_matches(name, names, n=3, cutoff=0.4)
        hint = f"did you mean {' or '.join(near)}?" if near else f"there are {', '.join(names)}"
        own = f"; a folder of your own is ./{name}" if Path(name).is_dir() else ""
        raise UnknownBoard(f"there is no board {name!r}; {hint}{own}")
    path = folder / "board.toml"
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not a UTF-8 text file"
        raise BoardDescriptionError(f"{path}: cannot read the board's description: {reason}") from None
    # With its name, which "." has not.
    board = parse_board(text, folder.resolve() if folder.name in ("", "..") else folder, str(path))
    if not board.pin_file.is_file():
        raise BoardDescriptionError(f"{path}: there is no file {board.pins!r} beside it, which pins names")
    return board


def parse_board(text: str, folder: Path, source: str) -> BoardDescription:
    """A description from TOML.

    Raises
    ------
    BoardDescriptionError
        For what is malformed, missing, unknown or impossible.
    """
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise BoardDescriptionError(f"{source}: not valid TOML: {error}") from None
    values: dict[str, Any] = {**document}
    for table, kind in TABLES.items():
        if table in values:
            values[table] = _table(kind, values[table], f"{source}: [{table}]")
    if "programmer" in values:
        values["programmer"] = _words(values["programmer"], source)
    if "engine" in values:
        values["engine"] = _engine(values["engine"], source)
    if "routed" in values:
        values["routed"] = _routed(values["routed"], source)
    board = cast(BoardDescription, _table(BoardDescription, values, source, folder=folder))
    _check(board, source)
    return board


def _routed(tables: object, source: str) -> tuple[RoutedShape, ...]:
    if not isinstance(tables, list):
        raise BoardDescriptionError(f"{source}: routed must be tables [[routed]], not {tables!r}")
    return tuple(cast(RoutedShape, _table(RoutedShape, table, f"{source}: [[routed]]")) for table in tables)


def _engine(table: object, source: str) -> EngineConfig:
    if not isinstance(table, dict):
        raise BoardDescriptionError(f"{source}: engine must be a table, not {table!r}")
    _refuse_unknown(EngineConfig, table, f"{source}: [engine]")
    try:
        return EngineConfig(**table)
    except ConfigError as error:
        raise BoardDescriptionError(f"{source}: [engine]: {error}") from None


def _words(value: object, source: str) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(word, str) for word in value):
        raise BoardDescriptionError(f"{source}: programmer must be a list of strings, not {value!r}")
    return tuple(value)


def _table(kind: type[Any], table: object, source: str, **given: object) -> object:
    """An object of ``kind`` of a table's values and of those ``given``, which the table may not name."""
    if not isinstance(table, dict):
        raise BoardDescriptionError(f"{source} must be a table, not {table!r}")
    _refuse_unknown(kind, table, source, set(given))
    for part in fields(kind):
        needed = part.default is MISSING and part.default_factory is MISSING and part.name not in given
        if needed and part.name not in table:
            raise BoardDescriptionError(f"{source}: {part.name} is missing")
        if part.name in table and part.type in (int, str, bool) and type(table[part.name]) is not part.type:
            raise BoardDescriptionError(f"{source}: {part.name} must be {_KINDS[part.type]}, not {table[part.name]!r}")
    return kind(**table, **given)


_KINDS: dict[Any, str] = {int: "an integer", str: "a string", bool: "true or false"}


def _refuse_unknown(
    kind: type[Any], table: Mapping[str, object], source: str, given: Collection[str] = ()
) -> None:
    known = [part.name for part in fields(kind) if part.name not in given]
    for name in table:
        if name not in known:
            raise BoardDescriptionError(f"{source}: unknown key {name!r}; known keys: {', '.join(known)}")


def _check(board: BoardDescription, source: str) -> None:
    if board.family not in FAMILIES:
        raise BoardDescriptionError(f"{source}: family must be one of {', '.join(FAMILIES)}, not {board.family!r}")
    if board.ethernet is not None and board.ethernet.phy not in PHYS:
        raise BoardDescriptionError(f"{source}: phy must be one of {', '.join(PHYS)}, not {board.ethernet.phy!r}")
    if board.ethernet is None and board.uart is None:
        raise BoardDescriptionError(f"{source}: a board needs [ethernet] or [uart]")
    if board.power is not None:
        for name, value in {"idle_watts": board.power.idle_watts, **board.power.joules}.items():
            if type(value) not in (int, float) or not value >= 0:
                raise BoardDescriptionError(f"{source}: [power] {name} must be a number of at least 0, not {value!r}")
