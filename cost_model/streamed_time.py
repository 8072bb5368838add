"""Time of a network whose weights come over the link, piece by piece, while the engine computes (docs/streaming.md)."""

from dataclasses import dataclass, replace
from functools import cached_property

from deep3.compiler.streaming import Streamed
from deep3.hdl.contract.program import START_BYTES

from .link_time import LinkTime

__all__ = ["StreamedTime"]


@dataclass(frozen=True)
class StreamedTime:
    """Batches one after the other, as `host.board.streamed.StreamedBoard` computes them.

    Parameters
    ----------
    streamed
        The program.
    clock_hz
        Of the engine.
    link
        Between host and board.
    """

    streamed: Streamed
    clock_hz: float
    link: LinkTime

    def at(self, bits_per_second: float) -> "StreamedTime":
        """The same over an Ethernet of another speed, which the board's byte stream may limit."""
        line = min(bits_per_second / 8, self.clock_hz)
        return replace(self, link=replace(self.link, bytes_per_second=line, ethernet=True))

    @cached_property
    def piece_compute_seconds(self) -> tuple[float, ...]:
        """Of the engine."""
        return tuple(self.streamed.cycles_of(piece) / self.clock_hz for piece in self.streamed.pieces)

    @cached_property
    def piece_link_seconds(self) -> tuple[float, ...]:
        """Of each piece's weights and program on the line."""
        words = self.streamed.layout.config.encoding.words
        return tuple(
            self.link.words_seconds(piece.words) + self.link.words_seconds(len(piece.instructions) * words)
            for piece in self.streamed.pieces
        )

    @property
    def compute_seconds(self) -> float:
        """Of a batch, by the engine: cycles are exact."""
        return sum(self.piece_compute_seconds)

    @property
    def link_seconds(self) -> float:
        """Of a batch, on the line: weights, programs, samples and outputs."""
        layout, link = self.streamed.layout, self.link
        starts = len(self.streamed.pieces) * link.packet_seconds(START_BYTES)
        samples = link.words_seconds(layout.inputs.words)
        return sum(self.piece_link_seconds) + starts + samples + link.words_seconds(layout.outputs.words)

    @property
    def seconds(self) -> float:
        """Of a batch among many: each piece computes while the next one's words, and behind the last the next samples,
        are on their way; then come the turn, and behind the last the outputs."""
        link, layout = self.link, self.streamed.layout
        coming = [*self.piece_link_seconds[1:], self.piece_link_seconds[0]]
        samples = link.words_seconds(layout.inputs.words)
        seconds = link.exchange_seconds(0, layout.outputs.words)
        if self.streamed.pieces[-1].reads_inputs:
            seconds += samples
        else:
            coming[-1] += samples
        if len(coming) % 2:
            # The first piece lies where the last one works.
            seconds += coming[-1]
            coming[-1] = 0.0
        for compute, words in zip(self.piece_compute_seconds, coming, strict=True):
            seconds += max(compute, words) + self._turn_seconds(words >= compute)
        return seconds

    def _turn_seconds(self, known: bool) -> float:
        """From the end of a piece to the beginning of the next: START and its answer, and where the end is not
        ``known`` from answers to the words, a question before."""
        exchanges = 1 if known else 2
        return exchanges * self.link.round_trip_seconds + self.link.packet_seconds(START_BYTES)

    @property
    def sample_seconds(self) -> float:
        """`seconds` for each sample."""
        return self.seconds / self.streamed.layout.batch

    @property
    def limit(self) -> str:
        """Which takes longer: "array" or "link"."""
        return "link" if self.link_seconds > self.compute_seconds else "array"
