"""Boards by address: over a link, in simulation, or the bit-exact model in this process."""

from contextlib import ExitStack

from deep3.hdl.contract.address import parse_endpoint
from deep3.hdl.contract.config import EngineConfig
from deep3.hdl.contract.protocol import UART_BAUD
from deep3.host.link.possession import HeldSession
from deep3.host.link.serial import SerialTransport
from deep3.host.link.udp import UdpTransport

from .board import Board

__all__ = ["open_board"]


def open_board(
    kind: str, address: str, config: EngineConfig, stack: ExitStack, baud: int = UART_BAUD, take_over: bool = False
) -> Board:
    """A board, which its own `Board.close` gives back; ``stack`` ends the process of a virtual one.

    Parameters
    ----------
    kind
        "golden", "virtual", "board" (``address`` is HOST:PORT) or "serial" (a device, with ``baud``).
    config
        The engine that is there, or that golden and virtual boards are.
    take_over
        Take a board that another host uses.

    Raises
    ------
    AddressError, LinkError, BoardBuildError
        For a wrong address; when the board does not answer, is another engine or in use; when a virtual one cannot be
        built.
    """
    if kind == "golden":
        # PyTorch, and for virtual boards the gateware and its compiler, are slow to import; links do without them.
        from deep3.sim.golden.engine.engine import Engine
        from deep3.sim.golden.port import GoldenPort

        return Board(GoldenPort(Engine(config)), config)
    if kind == "virtual":
        from .virtual import VirtualBoard

        virtual = VirtualBoard(config)
        stack.callback(virtual.close)
        return virtual.connect()
    transport = SerialTransport(address, baud) if kind == "serial" else UdpTransport(*parse_endpoint(address))
    return Board(HeldSession(transport, config.digest, take_over=take_over), config)
