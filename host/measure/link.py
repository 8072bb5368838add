"""How fast the link is: the host against a board of memory on the loopback interface, and the RTL against its line."""

import multiprocessing
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import Any

import numpy as np
from tqdm import tqdm

from deep3.errors import Deep3Error
from deep3.hdl.contract.config import EngineConfig
from deep3.hdl.contract.program import Space
from deep3.hdl.contract.protocol import MAX_PAYLOAD_WORDS
from deep3.host.link.session import Session
from deep3.host.link.udp import UdpTransport
from deep3.sim.board.errors import BoardBuildError, HarnessError
from deep3.sim.board.memory_board import Fates, MemoryBoard
from deep3.sim.board.server import listen

__all__ = ["CASES", "PEERS", "HostCase", "LinkBenchError", "bench_host", "bench_rtl"]

LOOPBACK = "127.0.0.1"
SPACES = (Space.ACTIVATION, Space.WEIGHT, Space.ERROR)
PACKETS_A_SPACE = 360
HOST_CONFIG = EngineConfig(activation_bank_words=32768, weight_bank_words=32768, error_bank_words=32768)
"""The largest memories there are: as many packets as a space can take."""

ROUNDS = 6
CASES = {"clean": (0.0, 0.0), "1pct_loss": (0.01, 0.005), "5pct_loss": (0.05, 0.02)}
"""Name: share of packets lost; share doubled, and as many overtaken. Each way."""

SECONDS_A_ROUND = 0.5
SEED = 20170618

RTL_CONFIG = EngineConfig(
    rows=4, columns=4, activation_bank_words=2048, weight_bank_words=1024, error_bank_words=1024, max_layers=4
)
"""The engine behind the network: a small one, for the line does not know it."""

RTL_PACKETS = 1000

PEERS = {
    "IPbus, one board": (0.5, "https://ipbus.web.cern.ch/doc/user/html/performance.html"),
    "LiteX Etherbone from Python, writing": (0.084, "https://github.com/enjoy-digital/litex/issues/683"),
    "LiteX Etherbone from Python, reading": (0.0084, "https://github.com/enjoy-digital/litex/issues/683"),
}
"""Gb/s as their makers and users give them for gigabit Ethernet (10 and 1 MiB/s for the last two), with the source."""


class LinkBenchError(Deep3Error):
    """What was measured is not what was sent."""


@dataclass(frozen=True)
class HostCase:
    """Goodput (payload bits a second) of rounds of writing, each verified by reading everything back.

    ``loss`` and ``disorder`` are shares of packets, each way; ``writes`` were accepted by the board and ``repeated``
    came again after that.
    """

    name: str
    loss: float
    disorder: float
    rounds_gbps: tuple[float, ...]
    read_gbps: float
    writes: int
    repeated: int

    @property
    def best_gbps(self) -> float:
        """Of the best round: what the host can do when nothing else wants the processor."""
        return max(self.rounds_gbps)


def bench_host(seconds_a_round: float = SECONDS_A_ROUND, rounds: int = ROUNDS) -> Iterator[HostCase]:
    """Write to a `sim.board.memory_board.MemoryBoard` in a process of its own, as fast as the network lets.

    Raises
    ------
    LinkError
        When the board does not answer.
    LinkBenchError
        When it holds other words than were written, or took a packet twice.
    """
    for name, (loss, disorder) in CASES.items():
        with _memory_board(loss, disorder) as (connection, port):
            yield _measure(name, loss, disorder, connection, port, seconds_a_round, rounds)


def bench_rtl() -> dict[str, float]:
    """Payload bytes a byte time of a gigabit line, in the RTL of a whole board at GMII: the best there is is
    1452 of 1538 (headers, checksums, preamble and gap are the rest).

    Raises
    ------
    LinkBenchError
        When the board cannot be built, loses a packet or does not answer.
    """
    # The gateware and its compiler are slow to import, and nothing else here needs them.
    from deep3.sim.board.ethernet_rate import line_fractions

    try:
        found = line_fractions(RTL_CONFIG, RTL_PACKETS)
    except (BoardBuildError, HarnessError) as error:
        raise LinkBenchError(str(error)) from None
    return {"rtl_rx_line_fraction": found.rx, "rtl_tx_line_fraction": found.tx}


@contextmanager
def _memory_board(loss: float, disorder: float) -> Iterator[tuple[Connection, int]]:
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_serve, args=(theirs, loss, disorder), daemon=True)
    process.start()
    theirs.close()
    try:
        yield ours, ours.recv()
    finally:
        ours.close()
        process.join()


def _serve(connection: Connection, loss: float, disorder: float) -> None:
    """The board's process: tells its port, and its counts when asked; ends with the other end of the connection."""
    with listen(LOOPBACK, 0) as bound:
        inwards, outwards = Fates(loss, disorder, SEED), Fates(loss, disorder, SEED + 1)
        board = MemoryBoard(bound, HOST_CONFIG, inwards, outwards)
        connection.send(bound.getsockname()[1])
        try:
            while True:
                board.serve(connection.poll)
                connection.send(connection.recv() and dict(board.counts))
        except (EOFError, KeyboardInterrupt):
            return


def _measure(
    name: str, loss: float, disorder: float, connection: Connection, port: int, seconds_a_round: float, rounds: int
) -> HostCase:
    rng = np.random.default_rng(SEED)
    speeds: list[float] = []
    reads: list[float] = []
    packets = 0
    with Session(UdpTransport(LOOPBACK, port), HOST_CONFIG.digest) as session:
        for _ in tqdm(range(rounds), unit="round", desc=f"host, {name}", leave=False):
            image = rng.integers(0, 1 << 16, (len(SPACES), PACKETS_A_SPACE * MAX_PAYLOAD_WORDS), np.uint16)
            sent, seconds = _write_for(session, image, seconds_a_round)
            packets += sent
            speeds.append(16e-9 * sent * MAX_PAYLOAD_WORDS / seconds)
            reads.append(_read_back(session, image))
    connection.send(True)
    counts: dict[str, int] = connection.recv()
    if counts["accepted"] != packets:
        raise LinkBenchError(f"the board took {counts['accepted']} of {packets} WRITE packets: each must act once")
    return HostCase(name, loss, disorder, tuple(speeds), max(reads), packets, counts.get("repeated", 0))


def _write_for(session: Session, image: np.ndarray[Any, np.dtype[np.uint16]], seconds: float) -> tuple[int, float]:
    """Write the image again and again; packets and the time they took, the last acknowledgement included."""
    started_s = time.perf_counter()
    packets = 0
    while (passed_s := time.perf_counter() - started_s) < seconds or not packets:
        for space, words in zip(SPACES, image, strict=True):
            session.write(space, 0, words)
        session.flush()
        packets += PACKETS_A_SPACE * len(SPACES)
    return packets, passed_s


def _read_back(session: Session, image: np.ndarray[Any, np.dtype[np.uint16]]) -> float:
    """Compare the board's memory with the image; Gb/s of reading it."""
    started_s = time.perf_counter()
    found = [session.read(space, 0, words.size) for space, words in zip(SPACES, image, strict=True)]
    seconds = time.perf_counter() - started_s
    for space, words, there in zip(SPACES, image, found, strict=True):
        wrong = int((words != there).sum())
        if wrong:
            raise LinkBenchError(f"{wrong} of {words.size} words in {space.name} are not what was written")
    return 16e-9 * image.size / seconds
