"""A golden board behind a real UDP socket on the loopback interface, for tests of the host's side."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from deep3.hdl.contract.config import EngineConfig
from deep3.sim.board.golden import GoldenDevice
from deep3.sim.board.impairment import Impairment
from deep3.sim.board.server import BoardServer, listen

__all__ = ["golden_board"]


@contextmanager
def golden_board(
    config: EngineConfig, impairment: Impairment | None = None, seed: int = 0
) -> Iterator[tuple[GoldenDevice, int]]:
    """The device and its port, served by a thread."""
    device = GoldenDevice(config)
    with listen("127.0.0.1", 0) as bound:
        server = BoardServer(device, bound, impairment, seed)
        thread = threading.Thread(target=server.serve, daemon=True)
        thread.start()
        try:
            yield device, bound.getsockname()[1]
        finally:
            server.stop()
            thread.join()
