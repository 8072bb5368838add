"""Workers by name: ``cpu``, ``cuda``, ``golden``, ``virtual`` (each with ``:COUNT``), ``board:HOST[:PORT]``,
``serial:PORT[:BAUD]``."""

import os
from contextlib import ExitStack
from dataclasses import dataclass

import torch

from deep3.compiler.network.network import Network
from deep3.hdl.contract.address import parse_endpoint
from deep3.hdl.contract.config import EngineConfig
from deep3.hdl.contract.protocol import UART_BAUD, UDP_PORT
from deep3.host.board.board import Board
from deep3.host.link.serial import MAX_BAUD, MIN_BAUD, SerialTransport
from deep3.host.link.session import Session
from deep3.host.link.udp import UdpTransport
from deep3.sim.board.errors import BoardBuildError
from deep3.sim.golden.engine.engine import Engine
from deep3.sim.golden.port import GoldenPort

from .base import Backend, BackendError
from .engine import FpgaBackend
from .pytorch import PytorchBackend

__all__ = ["WorkerSpec", "open_workers", "parse_workers"]

COUNTED = ("cpu", "cuda", "golden", "virtual")
MAX_WORKERS = 64


@dataclass(frozen=True)
class WorkerSpec:
    """One worker: its kind, its name in messages, the address of a board, and the baud of its serial port."""

    kind: str
    name: str
    address: str = ""
    baud: int = UART_BAUD


def parse_workers(texts: list[str]) -> list[WorkerSpec]:
    """The workers that all ``--worker`` options name; equal kinds are numbered from 1.

    Raises
    ------
    BackendError
        For an unknown kind, a bad count or address, or none at all.
    """
    specs: list[WorkerSpec] = []
    for text in texts:
        if text.startswith("serial:"):
            specs.append(_parse_serial(text))
            continue
        kind, address, count = _parse(text)
        for _ in range(count):
            number = 1 + sum(spec.kind == kind for spec in specs)
            specs.append(WorkerSpec(kind, text if address else f"{kind}-{number}", address))
    if not 1 <= len(specs) <= MAX_WORKERS:
        raise BackendError(f"workers must be between 1 and {MAX_WORKERS}, not {len(specs)}")
    return specs


def _parse(text: str) -> tuple[str, str, int]:
    """Kind, address of a board, and count."""
    kind, _, argument = text.partition(":")
    if kind == "board":
        place = argument if ":" in argument else f"{argument}:{UDP_PORT}"
        host, _, port = place.rpartition(":")
        if not host or not _is_number(port, 65535):
            raise BackendError(f"worker board must be board:HOST[:PORT] with a port between 1 and 65535, not {text!r}")
        return kind, place, 1
    if kind not in COUNTED:
        places = "board:HOST[:PORT] or serial:PORT[:BAUD]"
        raise BackendError(f"worker must be one of {', '.join(COUNTED)}, {places}, not {text!r}")
    if ":" in text and not _is_number(argument, MAX_WORKERS):
        raise BackendError(f"worker count must be between 1 and {MAX_WORKERS}, not {argument!r} (in {text!r})")
    return kind, "", int(argument or 1)


def _is_number(text: str, limit: int) -> bool:
    """Whether it is one between 1 and the limit; Python refuses to read numbers of thousands of digits."""
    return text.isdecimal() and len(text) <= len(str(limit)) and 1 <= int(text) <= limit


def _parse_serial(text: str) -> WorkerSpec:
    port = text.partition(":")[2]
    baud = UART_BAUD
    # Names of ports may hold colons themselves (/dev/serial/by-path), but none ends in a number behind one.
    if port.rpartition(":")[2].isdecimal():
        port, _, digits = port.rpartition(":")
        baud = int(digits) if _is_number(digits, MAX_BAUD) else 0
    if not port or not MIN_BAUD <= baud <= MAX_BAUD:
        limits = f"between {MIN_BAUD} and {MAX_BAUD}"
        raise BackendError(f"worker serial must be serial:PORT[:BAUD] with a baud {limits}, not {text!r}")
    return WorkerSpec("serial", text, port, baud)


def open_workers(
    specs: list[WorkerSpec], topology: Network, config: EngineConfig, batch: int, stack: ExitStack
) -> list[Backend]:
    """Start every worker; ``stack`` closes them.

    Raises
    ------
    BackendError, LinkError
        When one cannot start, or the network does not fit it.
    """
    cpus = sum(spec.kind == "cpu" for spec in specs)
    if cpus:
        torch.set_num_threads(max(1, (os.cpu_count() or 1) // len(specs)))
    backends: list[Backend] = []
    for spec in specs:
        backend = _open(spec, topology, config, batch, stack)
        stack.callback(backend.close)
        backends.append(backend)
    return backends


def _open(spec: WorkerSpec, topology: Network, config: EngineConfig, batch: int, stack: ExitStack) -> Backend:
    if spec.kind in ("cpu", "cuda"):
        return PytorchBackend(topology, spec.kind)
    return FpgaBackend(_open_board(spec, config, stack), topology, batch)


def _open_board(spec: WorkerSpec, config: EngineConfig, stack: ExitStack) -> Board:
    if spec.kind == "golden":
        return Board(GoldenPort(Engine(config)), config)
    if spec.kind == "board":
        return Board(Session(UdpTransport(*parse_endpoint(spec.address)), config.digest), config)
    if spec.kind == "serial":
        return Board(Session(SerialTransport(spec.address, spec.baud), config.digest), config)
    # The gateware and its compiler are slow to import, and no other worker needs them.
    from deep3.host.board.virtual import VirtualBoard

    try:
        virtual = VirtualBoard(config)
    except BoardBuildError as error:
        raise BackendError(str(error)) from None
    stack.callback(virtual.close)
    return virtual.connect()
