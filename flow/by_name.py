"""Bitstreams by the name of a board: built, and loaded."""

from collections.abc import Callable
from ipaddress import IPv4Address
from pathlib import Path
from typing import Any

from deep3.cost_model.boards import BoardDescription, load_board
from deep3.errors import UsageError
from deep3.hdl.contract.config import EngineConfig
from deep3.hdl.contract.protocol import UDP_PORT
from deep3.hdl.contract.station import DEFAULT_IP, Station

from .build_request import BuildRequest, with_sync_hz
from .program import ProgramBoardError, program_board
from .synthesis import ROUTERS

__all__ = ["LINKS", "build", "program"]

LINKS = ("ethernet", "uart")


def _silent(text: str) -> None:
    """Nobody listens."""


def build(
    board: str,
    config: EngineConfig | None = None,
    *,
    link: str = "ethernet",
    ip: str = DEFAULT_IP,
    port: int = UDP_PORT,
    mac: str | None = None,
    seeds: int = 1,
    router: str = ROUTERS[0],
    sync_mhz: float | None = None,
    output: str | Path | None = None,
    announce: Callable[[str], None] = _silent,
) -> dict[str, Any]:
    """Make the bitstream of a board, or the project for its vendor's tools. Takes minutes to an hour.

    Parameters
    ----------
    board
        Name of a board, or path of a folder with a ``board.toml``.
    config
        Its engine; None for the one in the board's description.
    link
        The port that packets take, "ethernet" or "uart".
    ip, port, mac
        Addresses of the board; None for a ``mac`` of 02:d3 and the four bytes of ``ip``.
    seeds
        Place and route is tried with seeds 1 to this, 1 to 100; the best result is kept.
    router
        Of nextpnr.
    sync_mhz
        Clock of engine and stack, 10 to 400; None for the board's.
    output
        Folder of the results; None for ``bitstreams/BOARD``.
    announce
        Told each stage, a line each.

    Returns
    -------
    dict
        As ``deep3 build --json`` prints it: ``bitstream``, clocks, cells.

    Raises
    ------
    UsageError, BuildError, BoardDescriptionError, ToolError
        For a value out of range, an unknown board, an engine that is too large, a tool that is missing or fails.

    Examples
    --------
    >>> import deep3
    >>> deep3.build("ecpix5-85f", seeds=0)
    Traceback (most recent call last):
    ...
    deep3.errors.UsageError: seeds must be between 1 and 100, not 0
    """
    # The gateware is slow to import; refusals do without it.
    from .build import build_board

    described = load_board(board)
    for name, value, known in (("link", link, LINKS), ("router", router, ROUTERS)):
        if value not in known:
            raise UsageError(f"{name} must be one of {', '.join(known)}, not {value!r}")
    if not 1 <= seeds <= 100:
        raise UsageError(f"seeds must be between 1 and 100, not {seeds}")
    if sync_mhz is not None:
        if not 10 <= sync_mhz <= 400:
            raise UsageError(f"sync-mhz must be between 10 and 400, not {sync_mhz}")
        described = with_sync_hz(described, round(sync_mhz * 1e6))
    station = _station(ip, port, mac)
    request = BuildRequest(
        board=described,
        config=config or described.engine,
        link=link,
        mac=station.mac,
        ip=station.ip,
        port=station.port,
        seeds=seeds,
        router=router,
    )
    return build_board(request, Path(output) if output else _folder(described), announce)


def program(
    board: str, bitstream: str | Path | None = None, *, flash: bool = False, announce: Callable[[str], None] = _silent
) -> dict[str, Any]:
    """Load a bitstream into a board with openFPGALoader, after a look at which device it is for.

    Parameters
    ----------
    board
        Name of a board, or path of a folder with a ``board.toml``.
    bitstream
        None for what `build` left in ``bitstreams/BOARD``.
    flash
        Into the flash, so that it stays when power goes.
    announce
        Told which loader is taken and the command that is run, a line each.

    Returns
    -------
    dict
        ``board``, ``bitstream`` and the ``command`` that was run.

    Raises
    ------
    ProgramBoardError, BitstreamError, ToolError
        When there is no bitstream, or none for this board; when openFPGALoader is missing, fails, or does not know the
        board. Nothing was sent then.

    Examples
    --------
    >>> import deep3
    >>> deep3.program("ecpix5-85f", "nosuch.bit")
    Traceback (most recent call last):
    ...
    deep3.flow.program.ProgramBoardError: there is no bitstream nosuch.bit; deep3 build --board ecpix5-85f makes one
    """
    described = load_board(board)
    path = Path(bitstream) if bitstream else _folder(described) / "deep3.bit"
    if not path.exists():
        raise ProgramBoardError(f"there is no bitstream {path}; deep3 build --board {board} makes one")
    command = program_board(described, path, flash=flash, announce=announce)
    return {"board": described.key, "bitstream": str(path), "command": command}


def _folder(board: BoardDescription) -> Path:
    return Path("bitstreams") / board.key


def _station(ip: str, port: int, mac: str | None) -> Station:
    try:
        four_bytes = IPv4Address(ip).packed
    except ValueError:
        four_bytes = bytes(4)
    # Locally administered, and no two boards of one network share it.
    default_mac = (b"\x02\xd3" + four_bytes).hex(":")
    try:
        return Station(mac or default_mac, ip, port)
    except ValueError as error:
        raise UsageError(str(error)) from None
