"""The RTL of the packet endpoint with memory and a log behind it, and its twin, fed with the same packets."""

import zlib
from collections import deque
from collections.abc import Sequence
from pathlib import Path

from deep3.hdl.contract.config import EngineConfig
from deep3.hdl.contract.protocol import CRC, CRC_BYTES, HEADER_BYTES, Type
from deep3.sim.bench.link import recorder
from deep3.sim.bench.link.recorder import RecordedEndpoint
from deep3.sim.board.build import PacketBench, build_library, identity
from deep3.sim.board.harness import Harness
from deep3.sim.golden.link.endpoint import Endpoint
from deep3.sim.golden.link.recorder import ABORTED, Recorder

__all__ = ["RecordedBoard", "commands_of", "recorded_library"]

CLOCK_HZ = 125e6
MOST_CYCLES = 100_000
"""For whatever may queue in front of the board: the longest packets of a window, each answered."""

SETTLED_ACK_BYTES = 18
"""Of an ACK's payload: what follows depends on packets that came after the one it answers."""


def recorded_library(config: EngineConfig) -> Path:
    """Built once."""
    made_from = identity(config, Path(recorder.__file__).read_text("utf-8"))
    return build_library(lambda: PacketBench(RecordedEndpoint(config)), made_from, "with a recorder")


class RecordedBoard:
    """Every answer of the RTL is compared with the twin's.

    Attributes
    ----------
    recorder
        The twin's memory and log.
    packets
        That entered the RTL, in all its lives.
    lives
        Resets and power-up.
    past_commands
        That it acted upon before its last reset.
    """

    def __init__(self, library: Path, config: EngineConfig) -> None:
        self.config = config
        self.packets = 0
        self.lives = 1
        self.past_commands = 0
        self._library = library
        self._harness = Harness(library)
        self.recorder = Recorder()
        self.endpoint = Endpoint(config, self.recorder)

    def reset(self) -> None:
        """As after power-up."""
        self.lives += 1
        self.past_commands += commands_of(self.recorder)
        self._harness.close()
        self._harness = Harness(self._library)
        self.recorder = Recorder()
        self.endpoint = Endpoint(self.config, self.recorder)

    def take(self, packets: Sequence[tuple[bytes, int]]) -> tuple[list[tuple[bytes, int]], float]:
        """See `virtual_network.Board.take`."""
        harness = self._harness
        expected: deque[tuple[bytes, int]] = deque()
        for packet, host in packets:
            harness.push(packet)
            expected.extend((answer, host) for answer in self.endpoint.receive(packet))
        self.packets += len(packets)
        answers = []
        cycles, limit_cycles = 0, len(packets) * MOST_CYCLES
        while expected or harness.queued:
            cycles += harness.run(2000 if expected else 200)
            assert cycles < limit_cycles, f"no answer to {len(expected)} packets within {cycles} cycles"
            while (answer := harness.pop()) is not None:
                assert expected, f"an answer that nothing asked for: {answer.hex()}"
                twins, host = expected.popleft()
                assert settled(answer) == settled(twins), f"{answer.hex()} is not the twin's {twins.hex()}"
                answers.append((answer, host))
        return answers, cycles / CLOCK_HZ


def commands_of(recorder: Recorder) -> int:
    """START and COMMIT in a log."""
    return sum(kind != ABORTED for kind, _, _ in recorder.log)


def settled(answer: bytes) -> bytes:
    """What an answer says whatever else is on its way; with its checksum verified."""
    body = answer[:-CRC_BYTES]
    assert answer[-CRC_BYTES:] == CRC.pack(zlib.crc32(body))
    return body[: HEADER_BYTES + SETTLED_ACK_BYTES] if body[0] == Type.ACK else body
