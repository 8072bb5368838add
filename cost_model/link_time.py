"""Time that words need on the way between host and board (docs/link.md, docs/network.md)."""

from dataclasses import dataclass

from deep3.hdl.contract.geometry import COBS_BLOCK_BYTES
from deep3.hdl.contract.protocol import MAX_PAYLOAD_WORDS, OVERHEAD_BYTES

from .boards import BoardDescription

__all__ = ["LinkTime", "link_of"]

WORD_BYTES = 2
READ_PAYLOAD_BYTES = 2
"""Of a READ: how many words are wanted."""

ETHERNET_HEADERS_BYTES = 14 + 20 + 8
"""MAC, IPv4, UDP."""
ETHERNET_LEAST_BYTES = 60
"""Shortest frame without its check sequence (IEEE 802.3, 4.2.3)."""
ETHERNET_AROUND_BYTES = 8 + 4 + 12
"""Preamble, frame check sequence, gap."""

COBS_DELIMITER_BYTES = 1
"""The zero behind a frame."""
UART_SYMBOL_BITS = 10
"""8N1: start, eight bits, stop."""

DEFAULT_ROUND_TRIP_SECONDS = 100e-6
"""Of a question and its answer through a kernel's UDP stack, where nothing was measured."""


@dataclass(frozen=True)
class LinkTime:
    """A line with its framing.

    Parameters
    ----------
    bytes_per_second
        Of the line, or of the board's byte stream where that is slower: one byte a cycle of ``sync``.
    ethernet
        UDP datagrams in Ethernet frames; else COBS frames on a serial line.
    round_trip_seconds
        alpha_net of Deep3, Table 2: the constant part of an exchange.
    """

    bytes_per_second: float
    ethernet: bool = True
    round_trip_seconds: float = DEFAULT_ROUND_TRIP_SECONDS

    def packet_seconds(self, payload_bytes: int) -> float:
        """Time of a packet on the line, everything around it included."""
        packet = OVERHEAD_BYTES + payload_bytes
        if self.ethernet:
            taken = max(ETHERNET_LEAST_BYTES, ETHERNET_HEADERS_BYTES + packet) + ETHERNET_AROUND_BYTES
        else:
            # A code byte a block: zeros in a packet shorten its blocks, but do not lengthen its frame.
            taken = packet + -(-packet // COBS_BLOCK_BYTES) + COBS_DELIMITER_BYTES
        return taken / self.bytes_per_second

    def words_seconds(self, words: int) -> float:
        """Time of ``words`` 16-bit words from one address on, in packets as long as they may be, one way."""
        full, rest = divmod(words, MAX_PAYLOAD_WORDS)
        seconds = full * self.packet_seconds(WORD_BYTES * MAX_PAYLOAD_WORDS)
        return seconds + (self.packet_seconds(WORD_BYTES * rest) if rest else 0.0)

    @property
    def words_per_second(self) -> float:
        """16-bit words a second in the longest packets."""
        return MAX_PAYLOAD_WORDS / self.packet_seconds(WORD_BYTES * MAX_PAYLOAD_WORDS)

    def exchange_seconds(self, words_in: int, words_out: int) -> float:
        """T_comm: ``words_in`` to the board and ``words_out`` back."""
        first_question = self.packet_seconds(READ_PAYLOAD_BYTES) if words_out else 0.0
        return self.round_trip_seconds + self.words_seconds(words_in) + first_question + self.words_seconds(words_out)


def link_of(board: BoardDescription, round_trip_seconds: float = DEFAULT_ROUND_TRIP_SECONDS) -> LinkTime:
    """The link of a board: Ethernet where it has it, else its serial port."""
    if board.ethernet is not None:
        line = board.ethernet.line_bits_per_second / 8
        return LinkTime(min(line, board.clock.sync_hz), True, round_trip_seconds)
    assert board.uart is not None, "a board description has one of the two"
    return LinkTime(board.uart.bits_per_second / UART_SYMBOL_BITS, False, round_trip_seconds)
