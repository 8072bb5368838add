"""Workers by name: ``cpu``, ``cuda``, ``golden``, ``virtual`` (each with ``:COUNT``), ``board:HOST[:PORT]``,
``serial:PORT[:BAUD]``."""

import os
import socket
from contextlib import ExitStack
from dataclasses import dataclass

from deep3.compiler.lowering import quantise_rate
from deep3.compiler.network.network import Network
from deep3.compiler.optimisers.optimiser import SGD, Optimiser, OptimiserError
from deep3.hdl.contract.config import EngineConfig
from deep3.hdl.contract.protocol import UART_BAUD, UDP_PORT
from deep3.host.board.by_address import open_board
from deep3.host.link.serial import MAX_BAUD, MIN_BAUD
from deep3.sim.board.errors import BoardBuildError

from .base import Backend, BackendError, WorkerUsageError
from .dense_steps import is_computed
from .engine import FpgaBackend
from .engine_choice import choose_engine
from .threads import worker_threads

__all__ = ["WorkerSpec", "check_rates", "engine_of", "open_processor", "open_workers", "parse_workers"]

COUNTED = ("cpu", "cuda", "golden", "virtual")
PROCESSORS = ("cpu", "cuda")
CHOSEN = ("golden", "virtual")
"""Workers that are an engine of whatever size."""
BOARDS = ("board", "serial")
"""Workers that are the engine they were built as."""
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
    WorkerUsageError
        For an unknown kind, a bad count or address, a board named twice, or none at all.
    """
    specs: list[WorkerSpec] = []
    for text in texts:
        if text.startswith("serial:"):
            specs.append(_parse_serial(text))
            _check_new(specs)
            continue
        kind, address, count = _parse(text)
        for _ in range(count):
            number = 1 + sum(spec.kind == kind for spec in specs)
            specs.append(WorkerSpec(kind, text if address else f"{kind}-{number}", address))
        _check_new(specs)
    if not 1 <= len(specs) <= MAX_WORKERS:
        raise WorkerUsageError(f"workers must be between 1 and {MAX_WORKERS}, not {len(specs)}")
    return specs


def _check_new(specs: list[WorkerSpec]) -> None:
    """The last worker is no board that was named before, by whatever name."""
    *others, last = specs
    for other in others:
        if last.kind in BOARDS and last.kind == other.kind and _place(last) == _place(other):
            raise WorkerUsageError(f"worker {last.name} is the same board as {other.name}: name every board once")


def _place(spec: WorkerSpec) -> str:
    """The address by which boards are told apart: links of devices followed, names of hosts looked up."""
    if spec.kind == "serial":
        return os.path.realpath(spec.address)
    host, _, port = spec.address.rpartition(":")
    try:
        return f"{socket.gethostbyname(host)}:{port}"
    except (OSError, UnicodeError):
        # Whoever opens it says so with the reason.
        return spec.address


def _parse(text: str) -> tuple[str, str, int]:
    """Kind, address of a board, and count."""
    kind, _, argument = text.partition(":")
    if kind == "board":
        place = argument if ":" in argument else f"{argument}:{UDP_PORT}"
        host, _, port = place.rpartition(":")
        if not host or not _is_number(port, 65535):
            raise WorkerUsageError(
                f"worker board must be board:HOST[:PORT] with a port between 1 and 65535, not {text!r}"
            )
        return kind, place, 1
    if kind not in COUNTED:
        places = "board:HOST[:PORT] or serial:PORT[:BAUD]"
        raise WorkerUsageError(f"worker must be one of {', '.join(COUNTED)}, {places}, not {text!r}")
    if ":" in text and not _is_number(argument, MAX_WORKERS):
        raise WorkerUsageError(f"worker count must be between 1 and {MAX_WORKERS}, not {argument!r} (in {text!r})")
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
        raise WorkerUsageError(f"worker serial must be serial:PORT[:BAUD] with a baud {limits}, not {text!r}")
    return WorkerSpec("serial", text, port, baud)


def engine_of(
    specs: list[WorkerSpec],
    given: EngineConfig | None,
    topology: Network,
    batch: int,
    optimiser: Optimiser = SGD,
) -> EngineConfig:
    """The engine of the workers that are engines: ``given``, else what fits the local network (`choose_engine`).

    Where a board is among them, whose engine is what it was built as, an engine that is not given is the default one.

    Raises
    ------
    BackendError
        When no engine holds the network.
    """
    kinds = {spec.kind for spec in specs}
    if given is None and kinds.intersection(CHOSEN) and not kinds.intersection(BOARDS):
        return choose_engine([topology], batch, optimiser)
    return given or EngineConfig()


def check_rates(
    specs: list[WorkerSpec], rates: tuple[float, float], batch: int, optimiser: Optimiser = SGD
) -> None:
    """The learning rates at the beginning and the end of a run, and the weight decay, are within reach of the engines
    among the workers.

    Raises
    ------
    WorkerUsageError
        When it is not.
    """
    engine = next((spec for spec in specs if spec.kind in CHOSEN + BOARDS), None)
    if engine is None:
        return
    try:
        optimiser.decay_word(batch)
    except OptimiserError as error:
        raise WorkerUsageError(f"worker {engine.name}: {error}") from None
    try:
        for rate in rates:
            quantise_rate(rate, batch, optimiser)
    except ValueError as error:
        raise WorkerUsageError(
            f"rates from {rates[0]:g} to {rates[1]:g} (--rate / --ratio and --schedule) are out of reach of worker "
            f"{engine.name} with {optimiser}: {error}"
        ) from None


def open_workers(
    specs: list[WorkerSpec],
    topology: Network,
    config: EngineConfig,
    batch: int,
    stack: ExitStack,
    take_over: bool = False,
    optimiser: Optimiser = SGD,
) -> list[Backend]:
    """Start every worker; ``stack`` closes them. A board that another host uses is refused, or taken over.

    Raises
    ------
    BackendError, LinkError
        When one cannot start, or the network does not fit it.
    """
    threads = worker_threads(batch * topology.training_multiply_adds, len(specs))
    if any(spec.kind == "golden" for spec in specs):
        # Its twin computes with PyTorch, which takes a second to import.
        from .pytorch import use_threads

        use_threads(threads)
    backends: list[Backend] = []
    for spec in specs:
        if spec.kind in PROCESSORS:
            backend: Backend = open_processor(spec.kind, topology, optimiser, threads)
        else:
            backend = _open_board(spec, topology, config, batch, stack, take_over, optimiser)
        stack.callback(backend.close)
        backends.append(backend)
    return backends


def open_processor(kind: str, topology: Network, optimiser: Optimiser = SGD, threads: int = 1) -> Backend:
    """A ``cpu`` or ``cuda`` worker: PyTorch, but on one thread of a CPU fully connected layers take a whole push in one
    call.

    Raises
    ------
    BackendError
        For "cuda" where PyTorch finds no CUDA device.
    """
    # Naming workers and driving boards do without SciPy, and what is compiled without PyTorch, which takes a second.
    if kind == "cpu" and threads == 1 and is_computed(topology):
        from .dense import DenseBackend, can_compile

        return DenseBackend(topology, optimiser, can_compile())
    from .pytorch import PytorchBackend, use_threads

    use_threads(threads)
    return PytorchBackend(topology, kind, optimiser)


def _open_board(
    spec: WorkerSpec,
    topology: Network,
    config: EngineConfig,
    batch: int,
    stack: ExitStack,
    take_over: bool,
    optimiser: Optimiser,
) -> Backend:
    try:
        board = open_board(spec.kind, spec.address, config, stack, spec.baud, take_over)
    except BoardBuildError as error:
        raise BackendError(str(error)) from None
    return FpgaBackend(board, topology, batch, optimiser)
