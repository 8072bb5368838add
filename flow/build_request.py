"""What is to be built for a board, checked as far as it can be without building."""

from dataclasses import dataclass, replace

from deep3.cost_model.boards import BoardDescription
from deep3.errors import Deep3Error
from deep3.hdl.contract.config import EngineConfig

from .synthesis import ROUTERS

__all__ = ["BuildError", "BuildRequest", "with_sync_hz"]


class BuildError(Deep3Error):
    """A design that cannot be built for a board."""


@dataclass(frozen=True)
class BuildRequest:
    """What to build.

    Attributes
    ----------
    board, config
        For which board, which engine.
    link
        ``ethernet`` or ``uart``.
    mac, ip, port
        The board's addresses on an Ethernet.
    seeds
        Place and route is tried with seeds 1 to this; the best one is kept.
    router
        One of `flow.synthesis.ROUTERS`.
    """

    board: BoardDescription
    config: EngineConfig
    link: str
    mac: str
    ip: str
    port: int
    seeds: int = 1
    router: str = ROUTERS[0]


def with_sync_hz(board: BoardDescription, sync_hz: int) -> BoardDescription:
    """The board with another frequency of ``sync``."""
    return replace(board, clock=replace(board.clock, sync_hz=sync_hz))
