"""The golden model in the place of the compiled board: twin of `sim.board.harness.Harness`, without clock cycles."""

from collections import deque

from deep3.hdl.contract.config import EngineConfig
from deep3.sim.golden.engine.engine import Engine
from deep3.sim.golden.link.endpoint import Endpoint

__all__ = ["GoldenDevice"]


class GoldenDevice:
    """A board for `sim.board.server.BoardServer` that answers each packet at once.

    Parameters
    ----------
    config
        The engine.

    Attributes
    ----------
    engine, endpoint
        The twins inside.
    """

    def __init__(self, config: EngineConfig) -> None:
        self.engine = Engine(config)
        self.endpoint = Endpoint(config, self.engine)
        self._received: deque[bytes] = deque()
        self._sent: deque[bytes] = deque()

    def push(self, packet: bytes) -> None:
        """Queue a packet."""
        self._received.append(packet)

    def run(self, max_cycles: int) -> int:
        """Act on all packets; there are no cycles to count."""
        del max_cycles
        while self._received:
            self._sent.extend(self.endpoint.receive(self._received.popleft()))
        return 0

    def pop(self) -> bytes | None:
        """The oldest answer."""
        return self._sent.popleft() if self._sent else None

    @property
    def idle(self) -> bool:
        """Every packet was acted upon."""
        return not self._received

    @property
    def queued(self) -> int:
        """Packets not acted upon."""
        return len(self._received)
