"""How much of a gigabit line the gateware fills with payload, both ways, counted in cycles of its RTL."""

from dataclasses import dataclass

from deep3.hdl.contract.config import EngineConfig
from deep3.hdl.contract.program import Space
from deep3.hdl.contract.protocol import (
    ACK_REQUEST,
    MAX_PAYLOAD_BYTES,
    MAX_PAYLOAD_WORDS,
    Ack,
    Packet,
    Type,
    Welcome,
    pack_address,
    parse_packet,
)
from deep3.sim.golden.link.ethernet import Peer, own_peer, udp_frame

from .errors import HarnessError
from .ethernet import GAP_BYTES, EthernetBoard

__all__ = ["LineFractions", "line_fractions"]

SESSION = 1
OUTSTANDING_READS = 4
"""As many as the board has packet buffers."""

MOST_CYCLES_A_FRAME = 20_000
_HOST = Peer(bytes.fromhex("020000000001"), bytes((192, 168, 1, 2)), 40000)
_UDP_PAYLOAD_PLACE = 42


@dataclass(frozen=True)
class LineFractions:
    """Bytes of payload a byte time of the line, and how many packets were counted for each.

    ``rx``: full WRITEs back to back, from the first byte on the line until the ACK that says that all are stored.
    ``tx``: full DATA, from the first byte on the line to the last and the gap after it.
    """

    rx: float
    tx: float
    packets: int


def line_fractions(config: EngineConfig, packets: int = 1000) -> LineFractions:
    """Measure a board with this engine; about 3 million cycles for 1000 packets each way, after its build.

    Raises
    ------
    HarnessError
        When the board loses a packet or does not answer.
    BoardBuildError
        When the board cannot be built.
    """
    with EthernetBoard(config) as board:
        host = _Host(board)
        welcome = host.ask(Packet(Type.HELLO))
        host.ask(Packet(Type.HELLO, SESSION, address=Welcome.parse(welcome.payload).session))
        return LineFractions(_rx(host, packets), _tx(host, packets), packets)


class _Host:
    """A host on the other end of the line."""

    def __init__(self, board: EthernetBoard) -> None:
        self.board = board
        self._own = own_peer(board.station)

    def send(self, packet: Packet) -> None:
        self.board.send(udp_frame(_HOST, self._own, packet.pack()))

    def next(self) -> tuple[Packet, int, int]:
        """The next answer, with the cycles of its first and last byte."""
        for _ in range(2):
            for frame, first_cycle, last_cycle in self.board.receive():
                size = int.from_bytes(frame[38:40], "big") - 8
                datagram = frame[_UDP_PAYLOAD_PLACE : _UDP_PAYLOAD_PLACE + size]
                return parse_packet(datagram), first_cycle, last_cycle
            self.board.run(MOST_CYCLES_A_FRAME * (1 + self.board.queued))
        raise HarnessError(f"the board does not answer; frames dropped: {self.board.dropped}")

    def ask(self, packet: Packet) -> Packet:
        self.send(packet)
        return self.next()[0]


def _rx(host: _Host, packets: int) -> float:
    board = host.board
    payload = bytes(range(256)) * 6
    begun = board.cycles
    for sequence in range(packets):
        flags = ACK_REQUEST if sequence == packets - 1 else 0
        host.send(
            Packet(Type.WRITE, SESSION, sequence, pack_address(Space.ACTIVATION, 0), payload[:MAX_PAYLOAD_BYTES], flags)
        )
    answer, _, last_cycle = host.next()
    while answer.sequence != packets:
        if any(board.dropped.values()) or Ack.parse(answer.payload).bitmap:
            raise HarnessError(f"the board lost a packet; frames dropped: {board.dropped}")
        answer, _, last_cycle = host.next()
    return packets * MAX_PAYLOAD_BYTES / (last_cycle - begun)


def _tx(host: _Host, packets: int) -> float:
    wanted = MAX_PAYLOAD_WORDS.to_bytes(2, "little")

    def ask(sequence: int) -> None:
        host.send(Packet(Type.READ, SESSION, sequence, pack_address(Space.ACTIVATION, 0), wanted))

    for sequence in range(min(OUTSTANDING_READS, packets)):
        ask(sequence)
    begun = last_cycle = 0
    for sequence in range(packets):
        answer, first_cycle, last_cycle = host.next()
        begun = begun or first_cycle
        if answer.sequence != sequence or len(answer.payload) != MAX_PAYLOAD_BYTES:
            raise HarnessError(f"the board did not answer READ {sequence}; frames dropped: {host.board.dropped}")
        if sequence + OUTSTANDING_READS < packets:
            ask(sequence + OUTSTANDING_READS)
    return packets * MAX_PAYLOAD_BYTES / (last_cycle - begun + 1 + GAP_BYTES)
