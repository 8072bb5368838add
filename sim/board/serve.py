"""An engine as a board on a UDP port, from its configuration to its statistics."""

import signal
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from deep3.errors import UsageError
from deep3.hdl.contract.address import is_loopback, parse_endpoint
from deep3.hdl.contract.config import EngineConfig

from .errors import HarnessError
from .harness import Harness
from .impairment import Impairment
from .server import BoardServer, listen

__all__ = ["serve_board"]


def serve_board(
    config: EngineConfig,
    endpoint: str,
    fates: dict[str, float],
    seed: int,
    say: Callable[[str], None],
    library: Path | None = None,
    trace: Path | None = None,
    parent: int | None = None,
) -> dict[str, object]:
    """Serve until a signal (SIGINT, SIGTERM) or the end of the parent; SIGUSR1 has the statistics said.

    Parameters
    ----------
    config
        The engine.
    endpoint
        ``HOST:PORT`` to listen on; port 0 takes a free one.
    fates, seed
        Probabilities of `Impairment`, and the seed of what they do.
    say
        Told what the user should know, a line each; the first is ``listening on HOST:PORT, ...``.
    library
        The engine, compiled; None to look it up in the cache or compile it.
    trace
        VCD file of every cycle; None for none.
    parent
        File descriptor whose end of file ends the board.

    Returns
    -------
    dict
        Address, digest, statistics.

    Raises
    ------
    UsageError
        For an endpoint, a probability or a seed that cannot be.
    BoardBuildError, HarnessError
        When the engine cannot be compiled or started, or the endpoint cannot be had.
    """
    host, port = parse_endpoint(endpoint)
    try:
        impairment = Impairment(**fates)
    except ValueError as error:
        raise UsageError(str(error)) from None
    try:
        bound = listen(host, port)
    except OSError as error:
        raise HarnessError(f"cannot listen on {endpoint}: {error.strerror or error}") from None
    with bound, Harness(library or _compiled(config, trace is not None), trace) as harness:
        server = BoardServer(harness, bound, impairment, seed, parent)
        with suppress(ValueError):
            # Only the main thread of a process may; in another, whoever called stops it by the parent.
            for number in (signal.SIGTERM, signal.SIGINT):
                signal.signal(number, lambda *_: server.stop())
            signal.signal(signal.SIGUSR1, lambda *_: say(server.statistics()))
        say(f"listening on {server.address}, engine {config.digest}; Ctrl-C ends")
        if not is_loopback(host):
            say(f"everyone who reaches {server.address} can use this board")
        server.serve()
        return {"address": server.address, "digest": config.digest, "statistics": server.statistics()}


def _compiled(config: EngineConfig, trace: bool) -> Path:
    # The gateware and its compiler are slow to import; a board that is built already needs neither.
    from .build import board_library

    return board_library(config, trace)
