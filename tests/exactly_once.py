"""A campaign of two hosts against one board over a network that does its worst: is everything done exactly once?"""

import random
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import numpy as np
from recorded_board import RecordedBoard, commands_of, recorded_library
from virtual_network import Clock, Rates, VirtualNetwork

from deep3.hdl.contract.config import EngineConfig
from deep3.hdl.contract.program import ADDRESS_BITS, Space, StartParameters
from deep3.hdl.contract.protocol import Packet, Type, pack_address
from deep3.host.link import channel, reader, session
from deep3.host.link.errors import LinkError
from deep3.host.link.session import Session
from deep3.sim.golden.link.recorder import COMMITTED, LOG_BASE, LOG_ENTRIES, MEMORY_WORDS, STARTED

__all__ = ["Campaign"]

CONFIG = EngineConfig(rows=4, columns=4, activation_bank_words=1 << 16, label_words=MEMORY_WORDS, max_layers=16)
"""A, all that an address reaches, holds the log too; W, E and L end where the recorder's memory does, P before it."""

MEMORIES = tuple(space for space in Space if space != Space.COUNTER)
WORDS = {space: min(MEMORY_WORDS, CONFIG.space_words(space)) for space in MEMORIES}
HAPPENINGS = ("sessions", "restarts", "takeovers", "resets", "garbage", "impossible", "checks")
WORST = 0.2
"""Largest rate of each fate."""

PATIENCE_S = 20.0
"""Virtual seconds: at the worst rates an answer takes many tries."""

RUN = StartParameters(
    first_instruction=0, instruction_count=1, batches=1, buffers=1, buffer_words=1, label_words=1, resident=False,
    rate_mantissa=1, rate_shift=0, seed=0,
)  # fmt: skip


class Secrets:
    """Stands in for the module `secrets`, from a seed."""

    def __init__(self, rng: random.Random) -> None:
        self.randbits = rng.getrandbits
        self.randbelow = rng.randrange


@dataclass
class Host:
    """One host: its session, and what it did there and knows to be done."""

    session: Session | None = None
    life: int = 0
    written: dict[Space, Any] = field(default_factory=dict)
    commands: list[tuple[int, int, int]] = field(default_factory=list)

    def begin(self, connected: Session, life: int) -> None:
        self.session = connected
        self.life = life
        self.written = {space: np.full(WORDS[space], -1, np.int32) for space in MEMORIES}
        self.commands = []


class Campaign:
    """Episodes until enough packets and commands have reached the board.

    Raises AssertionError where memory, log or an answer is not what it should be, or a host cannot get on.
    """

    def __init__(self, seed: int, monkeypatch: Any) -> None:
        self.rng = random.Random(seed)
        self.noise = np.random.default_rng(seed)
        self.clock = Clock()
        for module in (session, reader, channel):
            monkeypatch.setattr(module, "time", self.clock)
        monkeypatch.setattr(channel, "secrets", Secrets(self.rng))
        self.board = RecordedBoard(recorded_library(CONFIG), CONFIG)
        self.network = VirtualNetwork(self.board, self.clock, self.rng)
        self.hosts = [Host(), Host()]
        self.host = self.hosts[0]
        self.happened = dict.fromkeys(HAPPENINGS, 0)
        self._seeds = 0
        self._checked = 0

    @property
    def commands(self) -> int:
        """START and COMMIT that the board acted upon."""
        return self.board.past_commands + commands_of(self.board.recorder)

    def run(self, packets: int, commands: int) -> str:
        """Returns what happened, in words."""
        while self.board.packets < packets or self.commands < commands:
            self.episode()
        self.check()
        counts = {**self.happened, **self.network.counts}
        found = ", ".join(f"{count} {name}" for name, count in counts.items())
        return f"{self.board.packets} packets, {self.commands} commands, {self.clock.now_s:.1f} s on the line: {found}"

    def episode(self) -> None:
        """Some work at some rates, and perhaps a disturbance in its middle."""
        rng = self.rng
        rates = {name: rng.choice((0.0, rng.random() * WORST, WORST)) for name in asdict(Rates())}
        self.network.rates = Rates(**rates)
        disturbance = rng.choice((None, None, self.restart, self.takeover, self.reset, self.garbage, self.impossible))
        for _ in range(rng.randrange(1, 10)):
            self.work()
        if disturbance is not None:
            self.attempt(self.write)
            disturbance()
        if rng.random() < 0.1:
            self.check()

    def work(self) -> None:
        """One thing that hosts do."""
        self.attempt(self.rng.choice((self.write, self.write, self.write, self.train, self.train, self.read)))

    def attempt(self, act: Callable[[], None]) -> None:
        """It may only fail where the board is another's by now."""
        try:
            act()
        except LinkError:
            if self.current():
                raise
            self.open()

    def current(self) -> bool:
        """Whether the host's session is the board's, and the board what it was when the session began: a HELLO that
        outlives a reset opens its session again (docs/link.md)."""
        connected = self.host.session
        if connected is None or self.host.life != self.board.lives:
            return False
        return connected._channel.session == self.board.endpoint.session

    def open(self) -> Session:
        """A new session of the host, over a new connection."""
        if self.host.session is not None:
            self.host.session.close()
        connected = Session(self.network.connect(), CONFIG.digest, PATIENCE_S)
        self.happened["sessions"] += 1
        self.host.begin(connected, self.board.lives)
        return connected

    def write(self) -> None:
        """A range of words, in as many packets as it takes, not waited for."""
        connected = self.host.session or self.open()
        space = self.rng.choice(MEMORIES)
        count = self.rng.choice((1, 2, 3, 9, 20, 40, 100, 726, 1500, 4000)) if self.rng.random() < 0.3 else 30
        first = self.place(space, count)
        words = self.noise.integers(0, 1 << 16, count, np.uint16)
        connected.write(space, first, words)
        self.host.written[space][first : first + count] = words

    def place(self, space: Space, count: int) -> int:
        """Somewhere in a memory, at its end as often as not."""
        last = WORDS[space] - count
        return self.rng.choice((last, self.rng.randrange(last + 1)))

    def train(self) -> None:
        """A run, of several commits, with writes in between."""
        connected = self.host.session or self.open()
        host, batches = self.host, self.rng.randrange(1, 5)
        self._seeds += 1
        connected.start(replace(RUN, seed=self._seeds, batches=batches))
        host.commands.append((STARTED, self._seeds, batches))
        for _ in range(batches):
            self.write()
            connected.commit(1)
            host.commands.append((COMMITTED, 0, 1))
        connected.flush()
        assert not connected.running()

    def read(self) -> None:
        """Words that this host wrote in this session are there."""
        connected = self.host.session or self.open()
        space = self.rng.choice(MEMORIES)
        count = self.rng.choice((1, 100, 2000))
        first = self.place(space, count)
        found = connected.read(space, first, count)
        if self.current():
            self.compare(space, first, found)

    def compare(self, space: Space, first: int, found: Any) -> None:
        """Words read are the twin's, and the host's where it wrote some."""
        there = slice(first, first + len(found))
        assert (found == self.board.recorder.memory[space, there]).all(), f"{space.name} is not the twin's"
        mine = self.host.written[space][there]
        assert ((mine == found) | (mine < 0)).all(), f"{space.name} is not what the host wrote"

    def restart(self) -> None:
        """The host dies in mid-window and comes back."""
        self.happened["restarts"] += 1
        self.open()

    def takeover(self) -> None:
        """The other host takes the board in mid-window; the first finds out by itself."""
        self.happened["takeovers"] += 1
        first, self.host = self.host, self.hosts[self.host is self.hosts[0]]
        self.open()
        for _ in range(3):
            self.work()
        if self.rng.random() < 0.5:
            self.host = first

    def reset(self) -> None:
        """The board loses everything in mid-window."""
        self.happened["resets"] += 1
        self.board.reset()
        self.network.forget()
        self._checked = 0

    def garbage(self) -> None:
        """Whatever reaches the board, the next HELLO opens a session."""
        self.happened["garbage"] += 1
        for _ in range(40):
            self.network.stray()
        self.open()

    def impossible(self) -> None:
        """WRITE past the end of a memory and START of what the engine has not, each as if it was its turn."""
        self.happened["impossible"] += 1
        for _ in range(10):
            self.network.stray(self._impossible().pack())
        self.work()

    def _impossible(self) -> Packet:
        rng, endpoint = self.rng, self.board.endpoint
        turn = {"session": endpoint.session, "sequence": endpoint.next_sequence}
        if rng.random() < 0.5:
            slots = CONFIG.max_instructions
            changes = rng.choice((
                {"instruction_count": 0}, {"instruction_count": slots + 1}, {"first_instruction": slots},
                {"buffers": 0},
            ))  # fmt: skip
            return Packet(Type.START, **turn, payload=replace(RUN, **changes).encode())
        space = rng.choice([space for space in MEMORIES if CONFIG.space_words(space) < 1 << ADDRESS_BITS])
        count = rng.choice((1, 2, 9))
        beyond = CONFIG.space_words(space) - count + rng.choice((1, count, 10 * count))
        return Packet(Type.WRITE, **turn, address=pack_address(space, beyond), payload=rng.randbytes(2 * count))

    def check(self) -> None:
        """All memory and all commands since the last check, read over the link."""
        self.happened["checks"] += 1
        if not self.current():
            self.open()
        connected, recorder = self.host.session, self.board.recorder
        assert connected is not None
        connected.flush()
        for space in MEMORIES:
            self.compare(space, 0, connected.read(space, 0, WORDS[space]))
        counts = connected.read(Space.COUNTER, 0, 4).tolist()
        log = recorder.log
        numbers = (len(log), recorder.words_written)
        assert counts == [part & 0xFFFF for number in numbers for part in (number, number >> 16)]
        assert len(log) - self._checked <= LOG_ENTRIES, "more commands between two checks than the log holds"
        for index in range(self._checked, len(log)):
            place = LOG_BASE + 4 * (index % LOG_ENTRIES)
            low, high, batches, kind = connected.read(Space.ACTIVATION, place, 4).tolist()
            assert (kind, low | high << 16, batches) == log[index]
        self._checked = len(log)
        starts = [seed for kind, seed, _ in log if kind == STARTED]
        assert len(set(starts)) == len(starts), "a run was started twice"
        if self.host.commands:
            assert log[-len(self.host.commands) :] == self.host.commands, "a command was lost or repeated"
